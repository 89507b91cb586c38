"""Hide secrets in every text that leaves the process: logs, errors, arguments, mails, reason files."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "***"
# Masking every "a" would hide the log, not the secret.
MIN_SECRET_LETTERS = 4
# A shorter secret may be part of other words: it is hidden only as a whole word, or "5 matches" would become "5 ***es".
MIN_LENGTH_ANYWHERE = 8
# Words of messages that are also well-known passwords. Hiding one in prose would reveal it to readers who guess the
# missing word; like a shorter word it is hidden where values are: after = or :, in quotes, before @, alone on a line.
# Every other secret of that length is hidden everywhere.
COMMON_WORDS = frozenset({
    "administrator", "analytics", "business", "computer", "customer", "customers", "database", "development",
    "documents", "download", "exchange", "internet", "operator", "password", "postgres", "postgresql", "production",
    "reporter", "reporting", "transfer", "warehouse",
})  # fmt: skip

# Longest first, because a short one may be part of a long one.
_spellings: list[str] = []
_SECRET_WORD = r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key)"
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*')"""
_SECRET_OPTION = re.compile(rf"--[\w-]*{_SECRET_WORD}", re.IGNORECASE)
_SECRET_KEY = re.compile(rf"[\w-]*{_SECRET_WORD}", re.IGNORECASE)
# Most texts contain none of these.
_HINT_OF_SECRET = re.compile(rf"://|bearer|basic|{_SECRET_WORD}", re.IGNORECASE)
# The lengths are bounded: a megabyte of dashes must not take minutes.
_PATTERNS = [
    # user:password@ in any address (RFC 3986, 3.2.1), also if it is not percent-encoded as it should be
    (
        re.compile(
            r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,200}:)(?:[^\s/?#]{1,500}|[^\s@]{1,500})(?=@)", re.IGNORECASE
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\bauthorization\W{1,4}(?:bearer|basic)\s+)[^\s'\"]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\bbearer\s+)[\w.~+/-]{8,}=*", re.IGNORECASE), rf"\1{HIDDEN}"),
    # name=value and "name": value, with anything before the secret word: smtp_password, ?access_token=
    (
        re.compile(
            rf"((?:^|[\s?&;,{{('\"-])[\w-]{{0,40}}?{_SECRET_WORD}\\?['\"]?\s*[=:]\s*)({_QUOTED}|\\?['\"]?[^\s'\"&;,}})]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"(--[\w-]{{0,40}}{_SECRET_WORD}[ =])({_QUOTED}|\S+)", re.IGNORECASE), rf"\1{HIDDEN}"),
    # SQL: create role x password 'y'
    (re.compile(rf"(\bpassword\s+)({_QUOTED})", re.IGNORECASE), rf"\1{HIDDEN}"),
]


# an escape before a word is not part of it: \n and %40
_WORD_BEGINS = r"(?:(?<!\w)|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"


def _is_word(secret: str) -> bool:
    is_spelled_as_one = secret.isalpha() and secret in (secret.lower(), secret.upper(), secret.capitalize())
    return is_spelled_as_one and (len(secret) < MIN_LENGTH_ANYWHERE or secret.lower() in COMMON_WORDS)


@functools.lru_cache(maxsize=8)
def _short_secrets(spellings: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return a pattern for the secrets that may be part of ordinary text, where they are values."""
    words = "|".join(re.escape(secret) for secret in spellings if _is_word(secret))
    others = [secret for secret in spellings if len(secret) < MIN_LENGTH_ANYWHERE and not _is_word(secret)]
    patterns = []
    if words:
        patterns.append(rf"(?:(?<=[=:'\"`])|(?<== )|(?:(?<=\\n)))(?:{words})(?!\w)")
        patterns.append(rf"{_WORD_BEGINS}(?:{words})(?=['\"`@])|^(?:{words})(?=\s*$)")
    for secret in others:
        begins = _WORD_BEGINS if re.match(r"\w", secret) else ""
        patterns.append(begins + re.escape(secret) + (r"(?!\w)" if re.search(r"\w\Z", secret) else ""))
    return re.compile("|".join(patterns), re.MULTILINE) if patterns else None


def is_secret_name(name: str) -> bool:
    """Return whether a value with this name is secret."""
    return re.search(_SECRET_WORD, name, re.IGNORECASE) is not None


def register_secrets(values: Iterable[str]) -> None:
    """Add secrets to hide, line by line and in each spelling that they may have: plain, in an address, a repr, JSON."""
    spellings = set(_spellings)
    for value in values:
        for part in {value, *value.splitlines()}:
            if len(part.strip()) >= MIN_SECRET_LETTERS:
                spellings |= {part, quote(part, safe=""), quote(part), quote_plus(part), repr(part)[1:-1]}
                spellings |= {json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
    _spellings[:] = sorted(spellings, key=len, reverse=True)


def register_arguments(arguments: Sequence[str]) -> None:
    """Hide values given on a command line as --password VALUE or --token=VALUE, wherever they appear."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        option, equals, value = argument.partition("=")
        if _SECRET_OPTION.fullmatch(option):
            register_secrets([value if equals else following])


def mask(text: str) -> str:
    """Return the text with every registered secret, and everything that looks like one, replaced by ***.

    What can neither be printed nor stored is removed (NUL) or escaped (bytes of a file name that are not UTF-8).
    """
    text = text.replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    for secret in _spellings:
        if len(secret) >= MIN_LENGTH_ANYWHERE and not _is_word(secret):
            text = text.replace(secret, HIDDEN)
    if short := _short_secrets(tuple(_spellings)):
        text = short.sub(HIDDEN, text)
    if _HINT_OF_SECRET.search(text):
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
    return text


def mask_values(value: Any) -> Any:
    """Return a value as JSON can represent it, with each text masked, and values under keys such as password hidden."""
    if isinstance(value, dict):
        return {mask(str(key)): _mask_item(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_values(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    # neither infinite nor NaN, which JSON does not have
    if isinstance(value, float) and value - value == 0:
        return value
    return mask(str(value))


def _mask_item(key: str, item: Any) -> Any:
    return HIDDEN if isinstance(item, str) and item and _SECRET_KEY.fullmatch(key) else mask_values(item)

"""Hide secrets in every text that leaves the process: logs, errors, arguments, mails, reason files, core files."""

from __future__ import annotations

import base64
import functools
import json
import re
import sys
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

# Nothing that people read is longer, and the time for a text grows with its length.
MAX_TEXT_LETTERS = 200_000
# An encoded part of a shorter secret would be a few letters, which other texts contain as well.
MIN_ENCODED_LETTERS = 6
# How far before a word such as password its own name may begin: AZURE_STORAGE_CONNECTION_PASSWORD.
MAX_NAME_LETTERS = 60

# As html.escape does, whose module takes a millisecond to import.
_IN_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_IN_ATTRIBUTES = _IN_HTML | str.maketrans({'"': "&quot;", "'": "&#x27;"})
# prctl(2), PR_SET_DUMPABLE
SET_DUMPABLE = 4

# Longest first, because a short one may be part of a long one.
_spellings: list[str] = []
# Those in base64: the letters beside one of these contain bits of the secret too.
_base64_spellings: set[str] = set()
_SECRET_WORD = (
    r"(?:password|passwd|passphrase|pwd|secret(?:[_-]?access[_-]?key)?|token|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|session[_-]?id)"
)
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*')"""
_SECRET_OPTION = re.compile(rf"--[\w-]*{_SECRET_WORD}", re.IGNORECASE)
_SECRET_KEY = re.compile(rf"[\w-]*(?:{_SECRET_WORD}|signature|cookie)", re.IGNORECASE)
# Most texts contain none of these.
_HINT_OF_SECRET = re.compile(
    rf"://|bearer|basic|authorization|cookie|signature|sig=|eyJ|-----BEGIN|{_SECRET_WORD}", re.IGNORECASE
)
# name=value and "name": value, with anything before the secret word: smtp_password, ?access_token=. With a blank only
# as an option: --password value. Only the word is searched for, and then what is before and after it, because searching
# for the whole name takes the square of the time.
_NAME = re.compile(
    rf"{_SECRET_WORD}(?:[_-]?(?:value|old|new|[0-9]{{1,3}}))?(?:\\?['\"]?\s*(?P<sign>[=:])\s*|(?P<blank>[ ]))",
    re.IGNORECASE,
)
_VALUE = re.compile(rf"{_QUOTED}|\\?['\"]?[^\s'\"&;,}})]+")
# Each begins with letters that are searched for, or looks ahead a bounded number of letters.
_PATTERNS = [
    # user:password@ in any address (RFC 3986, 3.2.1), also if it is not percent-encoded as it should be
    (re.compile(r"(://[^\s/:@]{0,200}:)(?:[^\s/?#]{1,500}|[^\s@]{1,500})(?=@)"), rf"\1{HIDDEN}"),
    # headers: all of the value, which may have several parts
    (re.compile(r"(\bauthorization\W{1,4}(?:bearer|basic)\s+)[^\s'\"]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(
            rf"((?:authorization|cookie)\\?['\"]?\s?[=:]\s?+)(?!(?:bearer|basic)\b)({_QUOTED}|[^\r\n'\"]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\bbearer\s+)[\w.~+/-]{8,}=*", re.IGNORECASE), rf"\1{HIDDEN}"),
    # of an address that is signed, or of a signed request
    (
        re.compile(
            rf"(signature(?:\\?['\"]\s?:\s?|\s?=\s?)|[?&]sig=)({_QUOTED}|\\?['\"]?[^\s'\"&;,}})]+)", re.IGNORECASE
        ),
        rf"\1{HIDDEN}",
    ),
    # a JSON web token (RFC 7519)
    (re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"), HIDDEN),
    # a private key (RFC 7468), also one that is cut off
    (
        re.compile(
            r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----).*?(?:(?=-----END [A-Z ]{0,30}PRIVATE KEY)|\Z)",
            re.DOTALL,
        ),
        rf"\1{HIDDEN}",
    ),
    # SQL: create role x password 'y'
    (re.compile(rf"(\bpassword\s+)({_QUOTED})", re.IGNORECASE), rf"\1{HIDDEN}"),
]
# What a program puts between the two parts of a line that it wraps: a backslash, the frame of a table, an indentation.
_LINE_BREAK = r"(?:[ \t\\=|\u2502]{0,200}\r?\n[ \t|>\u2502]{0,200})?"
_WITHOUT_LINE_BREAKS = str.maketrans("", "", " \t\\=|\u2502>\r\n")


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
                spellings |= _list_spellings(part)
            if len(part.encode("utf-8", "surrogateescape")) >= MIN_ENCODED_LETTERS:
                encoded = _list_base64_spellings(part.encode("utf-8", "surrogateescape"))
                _base64_spellings.update(encoded)
                spellings |= encoded
    _spellings[:] = sorted(spellings, key=len, reverse=True)


def _list_spellings(secret: str) -> set[str]:
    content = secret.encode("utf-8", "surrogateescape")
    quoted = {quote(content, safe=""), quote(content), quote_plus(content)}
    quoted |= {re.sub("%..", lambda escape: escape[0].lower(), text) for text in quoted}
    quoted |= {quote(text, safe="") for text in quoted}
    spellings = {secret, repr(secret)[1:-1], secret.translate(_IN_HTML), secret.translate(_IN_ATTRIBUTES), *quoted}
    spellings |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    if len(content) >= MIN_ENCODED_LETTERS:
        digits = [content.hex(), content.hex(" "), content.hex(":"), "%" + content.hex("%")]
        spellings |= {*digits, *(text.upper() for text in digits)}
    return spellings


def _list_base64_spellings(content: bytes) -> set[str]:
    """Return a secret as it is within the base64 of a longer text, where it begins at one of three bits (RFC 4648)."""
    spellings = set()
    for bytes_before in range(3):
        encoded = base64.b64encode(bytes(bytes_before) + content).decode().rstrip("=")
        # the letters at both ends have bits of what is beside the secret
        own = encoded[-(-bytes_before * 8 // 6) : (bytes_before + len(content)) * 8 // 6]
        spellings |= {own, own.translate(str.maketrans("+/", "-_"))}
    return spellings


def register_arguments(arguments: Sequence[str]) -> None:
    """Hide values given on a command line as --password VALUE or --token=VALUE, wherever they appear."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        option, equals, value = argument.partition("=")
        if _SECRET_OPTION.fullmatch(option):
            register_secrets([value if equals else following])


def protect_memory() -> None:
    """Write no core file of this process, and hide its memory, environment and descriptors from others of this user."""
    # late: modules that only mask a text do not need them
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)


def mask(text: str) -> str:
    """Return the text with every registered secret, and everything that looks like one, replaced by ***.

    What can neither be printed nor stored is removed (NUL) or escaped (bytes of a file name that are not UTF-8). A very
    long text is cut, and says so.
    """
    if len(text) <= MAX_TEXT_LETTERS:
        return _mask_all(text)
    # the end of what is masked may be half of a secret
    margin = max(MAX_NAME_LETTERS, *(len(secret) for secret in _spellings[:1])) if _spellings else MAX_NAME_LETTERS
    kept = _mask_all(text[:MAX_TEXT_LETTERS])[:-margin]
    return f"{kept} ... (the first part of {len(text):,} letters)"


def _mask_all(text: str) -> str:
    text = text.replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    for secret in _spellings:
        if secret not in text:
            continue
        if secret in _base64_spellings:
            text = _hide_base64(secret, text)
        elif len(secret) >= MIN_LENGTH_ANYWHERE and not _is_word(secret):
            text = text.replace(secret, HIDDEN)
    if short := _short_secrets(tuple(secret for secret in _spellings if secret not in _base64_spellings)):
        text = short.sub(HIDDEN, text)
    if "\n" in text:
        text = _hide_wrapped_secrets(text)
    if _HINT_OF_SECRET.search(text):
        text = _hide_named_values(text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
    return text


def _hide_base64(secret: str, text: str) -> str:
    return re.sub(rf"[\w+/-]{{0,3}}{re.escape(secret)}[\w+/-]{{0,3}}={{0,2}}", HIDDEN, text)


@functools.cache
def _drop_line_breaks(secret: str) -> str:
    return secret.translate(_WITHOUT_LINE_BREAKS)


def _hide_wrapped_secrets(text: str) -> str:
    """Return the text without the secrets that continue on the next line."""
    joined = text.translate(_WITHOUT_LINE_BREAKS)
    for secret in _spellings:
        if len(secret) >= MIN_LENGTH_ANYWHERE and _drop_line_breaks(secret) in joined:
            text = re.sub(_LINE_BREAK.join(map(re.escape, secret)), HIDDEN, text)
    return text


def _hide_named_values(text: str) -> str:
    pieces, done = [], 0
    for name in _NAME.finditer(text):
        before = text[max(name.start() - MAX_NAME_LETTERS, 0) : name.start()]
        if name.start() < done or not _is_name_of_value(name, before):
            continue
        if value := _VALUE.match(text, name.end()):
            pieces += [text[done : name.end()], HIDDEN]
            done = value.end()
    return "".join([*pieces, text[done:]])


def _is_name_of_value(name: re.Match[str], before: str) -> bool:
    """Return whether a value follows a secret word and what is after it, from the letters before it."""
    if name["blank"]:
        return re.search(r"--[\w-]*\Z", before) is not None
    # in "/etc/etl/smtp_password: Permission denied" a reason follows
    return name["sign"] == "=" or re.search(r"/[\w.-]*\Z", before) is None


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

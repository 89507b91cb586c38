"""What an API answered: its text by the right character set, its JSON, and the words of its errors."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from systemscripts.errors import BadDataError

MAX_WORDS_LETTERS = 300  # of an error text in a message
MAX_DEPTH = 20  # at which words of an error are looked for
# where APIs put the words of an error, the most telling first
_WORDS = ("message", "error_description", "detail", "details", "description", "msg", "reason", "title", "faultstring")
_ERRORS = ("error", "errors", "fault", "exception")
_AROUND = (*_ERRORS, "innererror", "problem")
_NO_ERROR = (
    "", "-", "0", "200", "200 ok", "completed", "false", "n/a", "nil", "no", "no error", "no errors", "none", "null",
    "ok", "success", "successful",
)  # fmt: skip
_CODES = ("code", "errno", "errorcode", "error_code", "number", "status", "statuscode", "status_code")
_CODES_OF_SUCCESS = (0, 200)
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_C1_CONTROLS = re.compile(rb"[\x80-\x9f]")


class NoContent:
    """What get_json returns for the status 204: the server has nothing to say (RFC 9110, 15.3.5)."""


NO_CONTENT = NoContent()


class CutError(Exception):
    """An answer ends too early; asking again may bring all of it."""


@dataclass(frozen=True)
class Answer:
    """One answer: status, body without transfer and content coding, the header Content-Type."""

    status: int
    body: bytes
    content_type: str = ""


def parse_json(answer: Answer, where: str, **decoding: Any) -> Any:
    """Return the JSON of an answer; `decoding` goes to json.JSONDecoder, `where` names it in errors.

    Raises CutError where it ends too early, BadDataError where it is not JSON.
    """
    text = decode(answer, where)
    try:
        return json.loads(text, **decoding)
    except json.JSONDecodeError as error:
        if _is_cut(text, error):
            raise CutError("the answer is truncated") from error
        said = find_error_text(answer)
        raise BadDataError(f"{where} does not answer with JSON: {said!r}") from error
    except RecursionError as error:
        raise BadDataError(
            f"{where} answers with JSON that is nested too deeply", "Ask the owner of the API."
        ) from error


def decode(answer: Answer, where: str) -> str:
    """Return the text of an answer: UTF-8, UTF-16 or UTF-32 as JSON is (RFC 8259, 8.1), else by Content-Type.

    A body that is valid UTF-8 is UTF-8, whatever the header says: other text hardly ever is by chance. Raises CutError,
    BadDataError.
    """
    found = json.detect_encoding(answer.body)
    try:
        return answer.body.decode(found)
    except UnicodeDecodeError as error:
        charset = _charset(answer)
        if charset and charset != codecs.lookup(found.removesuffix("-sig")).name:
            return answer.body.decode(charset, "replace")
        if error.reason in ("unexpected end of data", "truncated data") and error.end >= len(answer.body):
            raise CutError("the answer is truncated") from error
        named = re.search(r"charset=[^;\s]*", answer.content_type)
        header = f"its Content-Type says {named[0]}" if named else "its Content-Type names no charset"
        raise BadDataError(
            f"{where} answers with text that is not UTF-8 (byte {error.start}), and {header}",
            "Ask the owner of the API to send UTF-8, or to name the charset.",
        ) from error


def find_error_text(answer: Answer) -> str:
    """Return the words of an answer that is an error, wherever they stand, in one line; "" where it has none."""
    text = answer.body.decode(_charset(answer) or "utf-8", "replace")
    try:
        found = json.loads(text)
        text = "; ".join(dict.fromkeys(_find_words(found, 0))) or (text if found else "")
    except (ValueError, RecursionError):
        if "<" in text[:200]:
            title = _TITLE.search(text)
            body = _TAGS.sub(" ", text.partition("</head>")[2] or text)
            text = f"{title[1]}: {body}" if title else body
    line = " ".join(text.split())
    return line if len(line) <= MAX_WORDS_LETTERS else f"{line[:MAX_WORDS_LETTERS]}..."


def find_named_error(value: Any) -> str:
    """Return the words of an error that a JSON object names as one, "" where it does not."""
    if not isinstance(value, dict):
        return ""
    words: list[str] = []
    for named in [each for key, each in value.items() if str(key).lower() in _ERRORS]:
        for item in named if isinstance(named, list) else [named]:
            if isinstance(item, str):
                words.append(item)
            elif not _names_success(item):
                words += _find_words(item, 0)
    return "; ".join(dict.fromkeys(word for word in words if not _says_no_error(word)))[:MAX_WORDS_LETTERS]


def _says_no_error(word: object) -> bool:
    return str(word).strip(" .!").lower() in _NO_ERROR


def _names_success(error: Any) -> bool:
    """Return whether the codes in the place of an error say that there is none, such as 0, "000" or "OK"."""
    named = error.items() if isinstance(error, dict) else ()
    codes = [str(each) for key, each in named if str(key).lower() in _CODES and each not in (None, "")]
    return bool(codes) and all(
        _says_no_error(code) or (code.isdecimal() and int(code) in _CODES_OF_SUCCESS) for code in codes
    )


def _find_words(value: Any, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for each in value[:5]:
            yield from _find_words(each, depth + 1)
    if not isinstance(value, dict):
        return
    by_name = {str(key).lower(): each for key, each in value.items()}
    for name in _WORDS:
        if isinstance(by_name.get(name), str) and by_name[name].strip():
            yield by_name[name].strip()
    for name in _AROUND:
        found = by_name.get(name)
        if isinstance(found, str) and found.strip():
            yield found.strip()
        for each in found if isinstance(found, list) else []:
            if isinstance(each, str):
                yield each
    for each in value.values():
        if isinstance(each, dict | list):
            yield from _find_words(each, depth + 1)


def _charset(answer: Answer) -> str:
    """Return the character set that Content-Type names, "" where it names none that is known."""
    named = re.search(r"charset\s*=\s*[\"']?([^\s;\"']+)", answer.content_type, re.IGNORECASE)
    try:
        found = codecs.lookup(named[1]).name if named else ""
    except LookupError:
        return ""
    # browsers and most senders mean Windows' own set by that name (WHATWG Encoding, 4.2)
    return "cp1252" if found == "iso8859-1" and _C1_CONTROLS.search(answer.body) else found


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether a text begins as JSON and only its end is missing."""
    whole = text.strip()
    if not whole.startswith(("{", "[")) or error.msg == "Extra data":
        return False
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string") or whole[-1] not in "]}"

"""Parse the answer of an API: decode its text, read its JSON, find the words of its errors."""

from __future__ import annotations

import codecs
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts.errors import BadDataError

if TYPE_CHECKING:
    import requests

CHUNK_BYTES = 1 << 16
# the words of an error are at the beginning of an answer
MAX_ERROR_BYTES = 1 << 16

# of an error text in a message
MAX_WORDS_LETTERS = 300
# to which the words of an error are searched
MAX_DEPTH = 20
# items of a list of errors: the others say the same
MAX_ERRORS = 5
# keys under which APIs put the words of an error, the most telling first
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
    """The result of get_json for status 204, an answer without content (RFC 9110, 15.3.5)."""


NO_CONTENT = NoContent()


class CutError(Exception):
    """An answer is truncated; another attempt may return all of it."""


@dataclass(frozen=True)
class Answer:
    """One answer: status, decompressed body and the header Content-Type."""

    status: int
    body: bytes
    content_type: str = ""


def parse_json(answer: Answer, where: str, **decoding: Any) -> Any:
    """Return the JSON of an answer; `decoding` goes to json.JSONDecoder, `where` names it in errors.

    Raises CutError if it is truncated, BadDataError if it is not JSON.
    """
    text = decode(answer, where)
    try:
        return json.loads(text, **decoding)
    except json.JSONDecodeError as error:
        if _is_truncated(text, error):
            raise CutError("the answer is truncated") from error
        words = find_error_text(answer)
        raise BadDataError(f"{where} does not answer with JSON: {words!r}") from error
    except RecursionError as error:
        raise BadDataError(
            f"{where} answers with JSON that is nested too deeply", "Ask the owner of the API."
        ) from error


def decode(answer: Answer, where: str) -> str:
    """Return the text of an answer: UTF-8, UTF-16 or UTF-32 as JSON is (RFC 8259, 8.1), else by Content-Type.

    A body that is valid UTF-8 is read as UTF-8 even if the header names another character set, because other text is
    hardly ever valid UTF-8 by chance. Raises CutError, BadDataError.
    """
    encoding = json.detect_encoding(answer.body)
    try:
        return answer.body.decode(encoding)
    except UnicodeDecodeError as error:
        charset = _get_charset(answer)
        if charset and charset != codecs.lookup(encoding.removesuffix("-sig")).name:
            return answer.body.decode(charset, "replace")
        if error.reason in ("unexpected end of data", "truncated data") and error.end >= len(answer.body):
            raise CutError("the answer is truncated") from error
        match = re.search(r"charset=[^;\s]*", answer.content_type)
        header = f"its Content-Type says {match[0]}" if match else "its Content-Type names no charset"
        raise BadDataError(
            f"{where} answers with text that is not UTF-8 (byte {error.start}), and {header}",
            "Ask the owner of the API to send UTF-8, or to name the charset.",
        ) from error


def find_error_text(answer: Answer) -> str:
    """Return the words of an answer that is an error, in one line, "" if there are none."""
    text = answer.body.decode(_get_charset(answer) or "utf-8", "replace")
    try:
        content = json.loads(text)
        text = "; ".join(dict.fromkeys(_find_words(content, 0))) or (text if content else "")
    except (ValueError, RecursionError):
        if "<" in text[:200]:
            title = _TITLE.search(text)
            body = _TAGS.sub(" ", text.partition("</head>")[2] or text)
            text = f"{title[1]}: {body}" if title else body
    line = " ".join(text.split())
    return line if len(line) <= MAX_WORDS_LETTERS else f"{line[:MAX_WORDS_LETTERS]}..."


def read_error(response: requests.Response) -> str:
    """Return the words of an answer that is an error; a part that cannot be read is left out."""
    import requests

    body = bytearray()
    with contextlib.suppress(requests.RequestException):
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) >= MAX_ERROR_BYTES:
                break
    return find_error_text(
        Answer(response.status_code, bytes(body[:MAX_ERROR_BYTES]), response.headers.get("Content-Type", ""))
    )


def find_named_error(value: Any) -> str:
    """Return the words of an error that a JSON object has under a key such as `error`, "" if there are none."""
    if not isinstance(value, dict):
        return ""
    words: list[str] = []
    for error in [part for key, part in value.items() if str(key).lower() in _ERRORS]:
        for item in error if isinstance(error, list) else [error]:
            if isinstance(item, str):
                words.append(item)
            elif not _names_success(item):
                words += _find_words(item, 0)
    return "; ".join(dict.fromkeys(word for word in words if not _is_no_error(word)))[:MAX_WORDS_LETTERS]


def _is_no_error(word: object) -> bool:
    return str(word).strip(" .!").lower() in _NO_ERROR


def _names_success(error: Any) -> bool:
    """Return whether the codes of an error mean success, such as 0, "000" or "OK"."""
    items = error.items() if isinstance(error, dict) else ()
    codes = [str(code) for key, code in items if str(key).lower() in _CODES and code not in (None, "")]
    return bool(codes) and all(
        _is_no_error(code) or (code.isdecimal() and int(code) in _CODES_OF_SUCCESS) for code in codes
    )


def _find_words(value: Any, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value[:MAX_ERRORS]:
            yield from _find_words(item, depth + 1)
    if not isinstance(value, dict):
        return
    by_name = {str(key).lower(): item for key, item in value.items()}
    for name in _WORDS:
        if isinstance(by_name.get(name), str) and by_name[name].strip():
            yield by_name[name].strip()
    for name in _AROUND:
        error = by_name.get(name)
        if isinstance(error, str) and error.strip():
            yield error.strip()
        for item in error if isinstance(error, list) else []:
            if isinstance(item, str):
                yield item
    for item in value.values():
        if isinstance(item, dict | list):
            yield from _find_words(item, depth + 1)


def _get_charset(answer: Answer) -> str:
    """Return the character set of Content-Type, "" if there is none or it is unknown."""
    match = re.search(r"charset\s*=\s*[\"']?([^\s;\"']+)", answer.content_type, re.IGNORECASE)
    try:
        charset = codecs.lookup(match[1]).name if match else ""
    except LookupError:
        return ""
    # by that name browsers and most senders mean the character set of Windows (WHATWG Encoding, 4.2)
    return "cp1252" if charset == "iso8859-1" and _C1_CONTROLS.search(answer.body) else charset


def _is_truncated(text: str, error: json.JSONDecodeError) -> bool:
    """Return whether a text is JSON whose end is missing."""
    whole = text.strip()
    if not whole.startswith(("{", "[")) or error.msg == "Extra data":
        return False
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string") or whole[-1] not in "]}"

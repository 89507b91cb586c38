"""JSON text value by value, in the memory of one of them; numbers keep their digits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from systemscripts.errors import BadDataError

CHUNK_LETTERS = 2**20
MAX_VALUE_LETTERS = 64 * 2**20
SPACE = re.compile(r"[ \t\r\n\ufeff]*")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def _parse_constant(name: str) -> str | None:
    """Return what a value stands for that Python and JavaScript write although JSON has no such number."""
    return None if name == "NaN" else name


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; RFC 8259, section 4, leaves open what a name means that comes twice: here no value is lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise BadDataError(
                    f"a JSON object gives the key {key!r} twice with different values",
                    "Ask the sender to give each key once.",
                )
    return found


DECODING: dict[str, Any] = {
    "parse_float": Number, "parse_int": Number, "parse_constant": _parse_constant, "object_pairs_hook": _make_object,
    "strict": False,
}  # fmt: skip
DECODER = json.JSONDecoder(**DECODING)


def write_json(value: object) -> str:
    """A value as JSON text, numbers as they were written; true and false as such."""
    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {write_json(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(write_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class JsonStream:
    """A text stream with a window on it; `start` is the file below, for rewinding."""

    def __init__(self, text: Any, start: IO[bytes]) -> None:
        self._text, self._file = text, start
        self.rewind()

    def rewind(self) -> None:
        """Begin again."""
        self._file.seek(0)
        self._text.reset()
        self._window, self._position, self._line, self._ended = "", 0, 1, False

    def peek(self) -> str:
        """The next letter that is no white space, "" at the end."""
        while True:
            end = SPACE.match(self._window, self._position).end()  # type: ignore[union-attr]  # it matches nothing too
            self._line += self._window.count("\n", self._position, end)
            self._position = end
            if end < len(self._window) or not self._more():
                return self._window[end : end + 1]

    def value(self) -> object:
        """The next value. Raises json.JSONDecodeError when there is none."""
        self.peek()
        while True:
            try:
                found, end = DECODER.raw_decode(self._window, self._position)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                raise self._error(error.msg) from error
            if end == len(self._window) and self._more():
                continue  # a number may go on
            self._line += self._window.count("\n", self._position, end)
            self._position = end
            return found

    def array(self) -> Iterator[tuple[int, object]]:
        """The entries of the array that begins here, each with its place from 1."""
        self._take("[")
        place = 0
        if self.peek() == "]":
            return
        while True:
            place += 1
            yield place, self.value()
            if self.peek() == "]":
                return
            self._take(",")

    def concatenated(self) -> Iterator[tuple[int, object]]:
        """Values one after the other, each with the line where it begins."""
        while self.peek():
            line = self._line
            yield line, self.value()
            if self.peek() == ",":  # some write a comma at the end of each line
                self._take(",")

    def enter_value_array(self) -> bool:
        """Go to the array of the key "value" of the object that begins here; False when it has none."""
        self._take("{")
        while self.peek() == '"':
            key = self.value()
            self._take(":")
            if key == "value" and self.peek() == "[":
                return True
            self.value()
            if self.peek() == ",":
                self._take(",")
        return False

    def _take(self, letter: str) -> None:
        if self.peek() != letter:
            raise self._error(f"{letter} expected")
        self._position += 1

    def _more(self) -> bool:
        """Read on; False at the end."""
        if self._ended:
            return False
        kept = len(self._window) - self._position
        if kept > MAX_VALUE_LETTERS:
            raise BadDataError(f"one JSON value is larger than {MAX_VALUE_LETTERS >> 20} MB; this is no table")
        read = self._text.read(max(CHUNK_LETTERS, kept))
        self._ended = not read
        self._window = self._window[self._position :] + read
        self._position = 0
        return not self._ended

    def _error(self, message: str) -> json.JSONDecodeError:
        error = json.JSONDecodeError(message, "", 0)
        error.lineno = self._line
        return error

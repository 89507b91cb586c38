"""Reads JSON value by value, in the memory of one value; numbers keep their digits.

ijson was tried with a 20 MB array: it takes 1.2 times as long, loses repeated keys and the digits of 1E5, and refuses
NaN, UTF-16 and a byte order mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, Protocol

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.json_text import JsonText

CHUNK_LETTERS = 2**20
# A larger value is not a row of a table; without a limit it would fill the memory.
MAX_VALUE_LETTERS = 64 * 2**20
SPACE = re.compile(r"[ \t\r\n\ufeff]*")


class Number(str):
    """A number as it is written in the file."""

    __slots__ = ()


def _parse_constant(name: str) -> str | None:
    """Return the value of NaN or Infinity, which Python and JavaScript write although JSON does not allow them."""
    return None if name == "NaN" else name


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object from its pairs.

    Raises BadDataError where a key has two different values: RFC 8259, section 4, does not say which one counts.
    """
    result = dict(pairs)
    if len(result) < len(pairs):
        for key, value in pairs:
            if result[key] != value:
                raise BadDataError(
                    f"a JSON object contains the key {key!r} twice with different values",
                    "Ask the sender to write each key only once.",
                )
    return result


DECODING: dict[str, Any] = {
    "parse_float": Number, "parse_int": Number, "parse_constant": _parse_constant, "object_pairs_hook": _make_object,
    "strict": False,
}  # fmt: skip
DECODER = json.JSONDecoder(**DECODING)


def write_json(value: object) -> str:
    """Return a value as JSON text, numbers as they were written."""
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


class Run(Protocol):
    """Values that follow each other, not yet decoded."""

    @property
    def count(self) -> int:
        """The number of values."""


class Blocks(Protocol):
    """Reads many values from the bytes of a text; see json_blocks.BlockReader."""

    def read(self, text: JsonText) -> Iterator[BlockRun]:
        """Yield values; what follows them is given back to the text."""


class BlockRun(Run, Protocol):
    """Values of a block."""

    @property
    def line_feeds(self) -> int:
        """How many line feeds of the file they contain."""


class Pattern(Protocol):
    """Finds values that are written like those before; see json_pattern.ObjectPattern."""

    def learn(self, text: str) -> None:
        """Learn from the text of one value."""

    def match(self, window: str, position: int) -> tuple[Run, int] | None:
        """Return the values that follow a position, and where the last one ends; None where there is none."""

    def choose_blocks(self, window: str, position: int, text: JsonText) -> Blocks | None:
        """Return a reader for what follows a position and what follows in the text; None where it is not worthwhile."""


class ValueTooLargeError(BadDataError):
    """One value is larger than the limit."""


class JsonStream:
    """Reads values from a file through a window of its text."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = JsonText(file)
        self.rewind()

    def rewind(self) -> None:
        """Start again at the beginning."""
        self._text.rewind()
        self._window, self._begin, self._position, self._line, self._ended = "", 0, 0, 1, False

    def peek(self) -> str:
        """Return the next character that is not white space, "" at the end; it is not consumed."""
        while True:
            end = SPACE.match(self._window, self._position).end()  # type: ignore[union-attr]  # it also matches ""
            self._move(end)
            if end < len(self._window) or not self._has_read_more():
                return self._window[end : end + 1]

    def read_value(self) -> object:
        """Return the next value. Raises json.JSONDecodeError where there is none."""
        self.peek()
        while True:
            try:
                result, end = DECODER.raw_decode(self._window, self._position)
            except json.JSONDecodeError as error:
                if self._has_read_more():
                    continue
                raise self._error(error.msg) from error
            if end == len(self._window) and self._has_read_more():
                # A number may continue.
                continue
            self._begin = self._position
            self._move(end)
            return result

    def read_array(self, pattern: Pattern | None = None) -> Iterator[tuple[int, object]]:
        """Yield the entries of the array that begins here, each with its position from 1; many as one Run."""
        self._expect("[")
        index = 0
        while index or self.peek() != "]":
            index += 1
            yield index, self.read_value()
            for run in self._read_runs(pattern):
                yield index + 1, run
                index += run.count
            if self.peek() == "]":
                break
            self._expect(",")
        self._expect("]")

    def read_all(self, pattern: Pattern | None = None) -> Iterator[tuple[int, object]]:
        """Yield all values to the end, each with the line where it begins; many as one Run, each on its own line."""
        while self.peek():
            line = self._line
            yield line, self.read_value()
            line = self._line
            for run in self._read_runs(pattern):
                yield line + 1, run
                line += run.count
            # Some systems write a comma at the end of each line.
            if self.peek() == ",":
                self._expect(",")

    def has_entered_value_array(self) -> bool:
        """Move to the array under the key "value" of the object that begins here; return whether there is one."""
        self._expect("{")
        while self.peek() == '"':
            key = self.read_value()
            self._expect(":")
            if key == "value" and self.peek() == "[":
                return True
            self.read_value()
            if self.peek() == ",":
                self._expect(",")
        return False

    def _read_runs(self, pattern: Pattern | None) -> Iterator[Run]:
        """Let the pattern learn from the last value; yield what follows it as far as the pattern matches."""
        if pattern is None:
            return
        pattern.learn(self._window[self._begin : self._position])
        if matched := pattern.match(self._window, self._position):
            self._move(matched[1])
            yield matched[0]
        if blocks := pattern.choose_blocks(self._window, self._position, self._text):
            self._text.give_back(self._window[self._position :].encode())
            self._window, self._position, self._ended = "", 0, False
            for run in blocks.read(self._text):
                self._line += run.line_feeds
                yield run

    def _move(self, position: int) -> None:
        self._line += self._window.count("\n", self._position, position)
        self._position = position

    def read_keys(self) -> Iterator[str]:
        """Yield each key of the object that begins here; its value has to be read before the next one."""
        self._expect("{")
        while self.peek() == '"':
            key = self.read_value()
            self._expect(":")
            yield str(key)
            if self.peek() == ",":
                self._expect(",")
        self._expect("}")

    def _expect(self, letter: str) -> None:
        if self.peek() != letter:
            raise self._error(f"expected {letter}")
        self._position += 1

    def _has_read_more(self) -> bool:
        """Read the next chunk into the window; return False at the end."""
        if self._ended:
            return False
        kept = len(self._window) - self._position
        if kept > MAX_VALUE_LETTERS:
            raise ValueTooLargeError(
                f"one JSON value is larger than {MAX_VALUE_LETTERS >> 20} MB",
                "Ask the sender for one object for each row.",
            )
        read = self._text.read(max(CHUNK_LETTERS, kept))
        self._ended = not read
        self._window = self._window[self._position :] + read
        self._position = 0
        return not self._ended

    def _error(self, message: str) -> json.JSONDecodeError:
        error = json.JSONDecodeError(message, "", 0)
        error.lineno = self._line
        return error

"""JSON objects as rows, piece by piece: an array of them, {"value": [...]}, or one after the other (JSON lines)."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.json_stream import MAX_VALUE_LETTERS, JsonStream, Number, write_json
from systemscripts.tables.parsers.workbook import Book, Row, Sheet

MAX_ROWS_AHEAD = 5000  # objects that are read before the header is written: most name all their keys by then
SAID_BY_SERVERS = {"error", "errors", "fault", "errorcode", "errormessage", "error_description"}
# Of a lone object these are an error only beside a status, or by themselves.
MESSAGES = {"message", "msg", "detail", "title"}
ALONE = {"message", "msg", "detail", "documentation_url"}
STATUSES = {"status", "statuscode", "status_code", "code"}
FIRST_ERROR, LAST_ERROR = 400, 599


def open_book(path: Path) -> Book:
    """Open JSON. Raises BadDataError when it is no JSON or holds no objects."""
    rows = _Rows(path, lambda: read_objects(path))
    whole, lists = Sheet("", rows.rows), _find_lists(path)
    # an object that is nothing but the wrapping of one list is not meant
    sheets = [
        Sheet(name, _Rows(path, partial(enumerate, found, 1)).rows, weight=int(size == 1))
        for name, found, size in lists
    ]
    return Book("json", [whole, *sheets], related=lambda other, read: other is whole, header_known=True)


def _find_lists(path: Path) -> list[tuple[str, list[object], int]]:
    """The lists of objects in the one object that the file is: name, objects, how many keys the object has."""
    if path.stat().st_size > MAX_VALUE_LETTERS:
        return []
    found: list[object] = []
    with suppress(BadDataError, ValueError, RecursionError), path.open("rb") as file:  # what is wrong is said by rows
        stream = JsonStream(codecs.getreader(_detect_encoding(file.read(4)))(file, "strict"), start=file)
        if stream.peek() != "{" or stream.enter_value_array():
            return []
        stream.rewind()
        found = [value for _, value in islice(stream.concatenated(), 2)]
    if len(found) != 1 or not isinstance(found[0], dict):
        return []
    return [
        (name, value, len(found[0]))
        for name, value in found[0].items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    ]


class _Rows:
    """The objects of one file; the columns are their keys in order of first appearance, known after one pass."""

    def __init__(self, path: Path, source: Callable[[], Iterable[tuple[int, object]]]) -> None:
        self._path, self._source = path, source
        self._columns: dict[str, int] = {}

    def rows(self) -> Iterator[tuple[int, Row]]:
        """The header as row 0, then each object with its line (JSON lines) or its place (in an array)."""
        first: list[tuple[int, Row]] = []
        source = self._values()
        for row in source:
            first.append(row)
            if len(first) == MAX_ROWS_AHEAD:
                break
        if first:
            yield 0, list(self._columns)
            yield from first
            yield from source

    def _values(self) -> Iterator[tuple[int, Row]]:
        try:
            for number, found in self._source():
                if not isinstance(found, dict):
                    raise BadDataError(f"{self._path.name}: entry {number} is no object", "Each row must be an object.")
                yield number, self._row(found)
        except json.JSONDecodeError as error:
            raise BadDataError(
                f"{self._path.name} is truncated or not JSON: {error.msg}, line {error.lineno}",
                "Ask the sender for it again.",
            ) from error
        except UnicodeDecodeError as error:
            raise BadDataError(
                f"{self._path.name} is not UTF-8, as JSON must be: byte {error.start}",
                "Ask the sender to save it as UTF-8.",
            ) from error
        except RecursionError as error:
            raise BadDataError(
                f"{self._path.name} holds values nested too deeply", "Ask the sender for a flat list of rows."
            ) from error

    def _row(self, found: dict[str, object]) -> list[str]:
        columns = self._columns
        for key in found:
            if key not in columns:
                columns[key] = len(columns)
        row = [""] * len(columns)
        for key, value in found.items():
            row[columns[key]] = value if isinstance(value, str) else "" if value is None else write_json(value)
        return row


def read_objects(path: Path) -> Iterator[tuple[int, object]]:
    """The entries of the file, each with its line or place."""
    with path.open("rb") as file:
        stream = JsonStream(codecs.getreader(_detect_encoding(file.read(4)))(file, "strict"), start=file)
        if stream.peek() == "[":
            yield from stream.array()
            return
        if stream.enter_value_array():
            yield from stream.array()
            return
        stream.rewind()
        count = 0
        for count, (line, found) in enumerate(stream.concatenated(), 1):
            if count == 1:
                first = found
            yield line, found
        if count == 1 and isinstance(first, dict) and _is_error(first):
            said = " ".join(write_json(first).split())[:200]
            raise BadDataError(f"{path.name} is an error message of a server: {said}")


def _is_error(found: dict[str, object]) -> bool:
    """Return whether an object that is the whole file is the answer of a server that failed (such as RFC 9457)."""
    values = {key.lower(): value for key, value in found.items() if value not in (None, False, "", [], {})}
    if values.keys() & SAID_BY_SERVERS:
        return True
    statuses = [str(values[key]) for key in values.keys() & STATUSES]
    failed = any(text.isdecimal() and FIRST_ERROR <= int(text) <= LAST_ERROR for text in statuses)
    return bool(values.keys() & MESSAGES) and (failed or values.keys() <= ALONE)


def _detect_encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-8-sig"


__all__ = ["Number", "open_book", "read_objects"]

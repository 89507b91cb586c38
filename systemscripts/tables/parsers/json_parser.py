"""Reads JSON objects as rows, piece by piece: an array, {"value": [...]}, or objects one after another (JSON lines)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import confined_duckdb, json_records
from systemscripts.tables.parsers.json_blocks import PlainRows
from systemscripts.tables.parsers.json_pattern import COMMA, LINE_END, ROWS_BEFORE_BLOCKS, ObjectPattern, PlainObjects
from systemscripts.tables.parsers.json_stream import MAX_VALUE_LETTERS, JsonStream, write_json
from systemscripts.tables.parsers.record_paths import SELECTION
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows, GrowingColumns
from systemscripts.tables.parsers.value_columns import MAX_CHUNK_ROWS, make_chunk
from systemscripts.tables.parsers.workbook import Book, Row, Sheet
from systemscripts.tables.parsers.xlsx_strings import UnusualError

SYSTEM_PATHS = confined_duckdb.SYSTEM_PATHS
# Objects that are read before the header is written: most files have used all their keys by then.
MAX_ROWS_AHEAD = ROWS_BEFORE_BLOCKS
ERROR_KEYS = {"error", "errors", "fault", "errorcode", "errormessage", "error_description"}
# In a single object these are an error only with a status, or without other keys.
MESSAGES = {"message", "msg", "detail", "title"}
ALONE = {"message", "msg", "detail", "documentation_url"}
STATUSES = {"status", "statuscode", "status_code", "code"}
# HTTP status codes
FIRST_ERROR, LAST_ERROR = 400, 599
# Enough to explain the error in one line.
MAX_WORDS_LETTERS = 200

Some = TypeVar("Some")
# key -> number of its column
Columns = dict[str, int]


def open_book(path: Path) -> Book:
    """Open a JSON file. Raises BadDataError where it is not JSON or contains no objects."""
    if SELECTION.steps:
        selected = ObjectRows(path, lambda columns: _read_selected(path))
        return Book("json", [Sheet("", selected.rows)], header_known=True)
    rows, lists = ObjectRows(path, partial(_read_objects, path)), _find_lists(path)
    whole = Sheet("", rows.rows, chunks=None if lists else rows.chunks)
    # An object that only wraps one list is not the table; the list is.
    sheets = [
        Sheet(name, ObjectRows(path, partial(_number_entries, items)).rows, weight=int(size == 1))
        for name, items, size in lists
    ]
    return Book("json", [whole, *sheets], is_related=lambda other, read: other is whole, header_known=True)


def _find_lists(path: Path) -> list[tuple[str, list[object], int]]:
    """Return the lists of objects in the single object of the file: name, objects, number of keys of the object."""
    if path.stat().st_size > MAX_VALUE_LETTERS:
        return []
    values: list[object] = []
    with suppress(BadDataError, ValueError, RecursionError), path.open("rb") as file:
        # Errors are reported when the rows are read.
        stream = JsonStream(file)
        if stream.peek() != "{" or stream.has_entered_value_array():
            return []
        stream.rewind()
        values = [value for _, value in islice(stream.read_all(), 2)]
    if len(values) != 1 or not isinstance(values[0], dict):
        return []
    return [
        (name, value, len(values[0]))
        for name, value in values[0].items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    ]


class ObjectRows:
    """The objects of one file; the columns are their keys in order of first appearance."""

    def __init__(self, path: Path, source: Callable[[Columns | None], Iterable[tuple[int, object]]]) -> None:
        self._path, self._source = path, source
        self._columns: Columns = {}

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield the header as row 0, then each object with its line (JSON lines) or its position in the array."""
        yield from self._explain_errors(self._read_rows())

    def chunks(self) -> Iterator[Chunk | CsvRows]:
        """Yield the same rows as columns or CSV; objects that are written alike are read at once."""
        first: list[Chunk | CsvRows] = []
        count = 0
        source = self._explain_errors(self._read_chunks())
        for chunk in source:
            first.append(chunk)
            count += len(chunk.rows) if isinstance(chunk, Chunk) else 0
            if count >= MAX_ROWS_AHEAD:
                break
        if first:
            yield make_chunk([0], [list(self._columns)], every_row=True)
            yield from first
            yield from source

    def _read_rows(self) -> Iterator[tuple[int, Row]]:
        source = ((number, self._make_row(number, entry)) for number, entry in self._source(None))
        first = list(islice(source, MAX_ROWS_AHEAD))
        if first:
            yield 0, list(self._columns)
            yield from first
            yield from source

    def _read_chunks(self) -> Iterator[Chunk | CsvRows]:
        done = GrowingColumns()
        numbers: list[int] = []
        rows: list[Row] = []
        for number, entry in self._source(self._columns):
            is_many = isinstance(entry, PlainObjects | PlainRows)
            if not is_many:
                numbers.append(number)
                rows.append(self._make_row(number, entry))
            if rows and (is_many or len(rows) >= MAX_CHUNK_ROWS):
                done.add(numbers, make_chunk(numbers, rows, every_row=True).columns)
                numbers, rows = [], []
            if isinstance(entry, PlainObjects):
                fields = {self._columns[key]: values for key, values in _make_columns(entry).items()}
                done.add(range(number, number + entry.count), fields)
            if done.rows and (len(done.rows) >= MAX_CHUNK_ROWS or isinstance(entry, PlainRows)):
                yield done.take(len(self._columns))
            if isinstance(entry, PlainRows):
                end = number + entry.count
                yield CsvRows(number, end - 1, 0, len(self._columns), [(number, entry.count, entry.csv)])
        if rows:
            done.add(numbers, make_chunk(numbers, rows, every_row=True).columns)
        if done.rows:
            yield done.take(len(self._columns))

    def _explain_errors(self, rows: Iterator[Some]) -> Iterator[Some]:
        try:
            yield from rows
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
                f"{self._path.name} contains values that are nested too deeply",
                "Ask the sender for a flat list of rows.",
            ) from error

    def _make_row(self, number: int, entry: object) -> list[str]:
        if not isinstance(entry, dict):
            raise BadDataError(
                f"{self._path.name}: entry {number} is not an object", "Ask the sender for an array of objects."
            )
        columns = self._columns
        for key in entry:
            if key not in columns:
                columns[key] = len(columns)
        row = [""] * len(columns)
        for key, value in entry.items():
            row[columns[key]] = value if isinstance(value, str) else "" if value is None else write_json(value)
        return row


def _read_objects(path: Path, columns: Columns | None) -> Iterator[tuple[int, object]]:
    """Yield the entries of the file, each with its line or its position in the array.

    With `columns`, which grow meanwhile, many at once as PlainObjects or PlainRows.
    """
    with path.open("rb") as file:
        stream = JsonStream(file)
        if stream.peek() == "[" or stream.has_entered_value_array():
            yield from stream.read_array(None if columns is None else ObjectPattern(COMMA, columns))
            return
        stream.rewind()
        first, is_alone = None, True
        for line, entry in stream.read_all(None if columns is None else ObjectPattern(LINE_END, columns)):
            first, is_alone = (entry, True) if first is None else (first, False)
            yield line, entry
        if is_alone and isinstance(first, dict) and _is_error(first):
            words = " ".join(write_json(first).split())[:MAX_WORDS_LETTERS]
            raise BadDataError(f"{path.name} is an error message of a server: {words}", "Download the file again.")


def _make_columns(objects: PlainObjects) -> Mapping[str, list[bytes]]:
    """Return the fields of each key. Raises UnusualError where a value is not JSON: read alone, it names its line."""
    try:
        return objects.make_columns()
    except ValueError as error:
        raise UnusualError("a value that is not JSON") from error


def _number_entries(items: list[object], _: Columns | None) -> Iterator[tuple[int, object]]:
    return enumerate(items, 1)


def _read_selected(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the records at the declared path."""
    with path.open("rb") as file:
        stream = JsonStream(file)
        yield from json_records.read_records(path.name, stream)


def _is_error(entry: dict[str, object]) -> bool:
    """Return whether an object that is the whole file is the error response of a server (such as RFC 9457)."""
    values = {key.lower(): value for key, value in entry.items() if value not in (None, False, "", [], {})}
    if values.keys() & ERROR_KEYS:
        return True
    statuses = [str(values[key]) for key in values.keys() & STATUSES]
    failed = any(text.isdecimal() and FIRST_ERROR <= int(text) <= LAST_ERROR for text in statuses)
    return bool(values.keys() & MESSAGES) and (failed or values.keys() <= ALONE)

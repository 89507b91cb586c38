"""Reads rows of XLSB from their bytes, many at once: one search with a learned pattern reads a megabyte.

Cells of one column have records of the same type, size and style, of which only the values differ. A row that the
pattern does not match is read record by record, and its records are added to the pattern.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from systemscripts.tables.parsers import value_columns, xlsb_records
from systemscripts.tables.parsers.column_fields import MAX_CACHED_VALUES
from systemscripts.tables.parsers.row_chunk import Chunk, GrowingColumns, choose_filled
from systemscripts.tables.parsers.value_columns import MAX_CHUNK_ROWS
from systemscripts.tables.parsers.xlsb_records import (
    BLANK,
    BOOL,
    FORMULA_BOOL,
    FORMULA_ERROR,
    FORMULA_NUMBER,
    REAL,
    RK,
    ROW,
    SHARED,
    TEXT,
)  # fmt: skip
from systemscripts.tables.parsers.xlsx_strings import UnusualError

# of the value after the column and style of a cell
VALUE_BYTES = {RK: 4, REAL: 8, BOOL: 1, SHARED: 4, FORMULA_NUMBER: 8, FORMULA_BOOL: 1, BLANK: 0}
# A longer record has a size of two bytes.
MAX_RECORD_BYTES = 127
# of its letters, after size, column, style and length
TEXT_START = 13
SEPARATOR = value_columns.SEPARATOR.encode("utf-16-le")
MAX_TEXT_LETTERS = (MAX_RECORD_BYTES - 12) // 2
# A pattern of more would be slow; further rows are read record by record.
MAX_SHAPES = 400
MAX_CHANGES = 10
# Of texts within their cells: each has a pattern for every length, and Excel shares its texts.
MAX_TEXT_SHAPES = 20
# With more, the reader for all files is faster.
MAX_SINGLE_ROWS = 200
# the rest of the window is copied where a row does not match
LEAST_BYTES = 2**12
MOST_BYTES = 2**20
MAX_ROWS = 2**20
# type and size of the record after the last row
END_OF_ROWS = bytes([0x92, 1, 0])
Convert = Callable[[Sequence[bytes]], list[bytes]]


@dataclass(frozen=True)
class Shape:
    """Type, size and first eight bytes of a record: column, style and flags; a text has any size."""

    column: int
    record_type: int
    size: int
    head: bytes

    def make_pattern(self) -> bytes:
        """Return the pattern of such a record, with one group for its value."""
        start = re.escape(bytes([self.record_type]))
        if self.record_type == TEXT:
            lengths = (
                re.escape(bytes([12 + 2 * count]) + self.head + struct.pack("<I", count)) + b".{%d}" % (2 * count)
                for count in range(MAX_TEXT_LETTERS + 1)
            )
            return start + b"(" + b"|".join(lengths) + b")"
        value = VALUE_BYTES[self.record_type]
        rest = self.size - len(self.head) - value
        return start + re.escape(bytes([self.size]) + self.head) + b"(.{%d}).{%d}" % (value, rest)


def _make_shape(record_type: int, content: bytes) -> Shape | None:
    """Return the shape of a cell; None where the pattern cannot have it."""
    is_text = record_type == TEXT
    if len(content) > MAX_RECORD_BYTES or not (is_text or len(content) >= 8 + VALUE_BYTES.get(record_type, 128)):
        return None
    column = int.from_bytes(content[:4], "little")
    return Shape(column, record_type, 0 if is_text else len(content), content[:8])


@dataclass
class RowPattern:
    """The pattern of the records known so far; `search` finds rows, and at its end the bytes after the last one."""

    shapes: list[Shape] = field(default_factory=list)
    search: re.Pattern[bytes] | None = None
    # of the record that begins a row
    _row_bytes: int = 0
    _changes: int = 0

    def learn(self, row: Sequence[tuple[int, bytes]]) -> None:
        """Add the records of a row, its beginning first, as long as there is room."""
        size = len(row[0][1])
        shapes = [_make_shape(record_type, content) for record_type, content in row[1:]]
        new = [shape for shape in shapes if shape is not None and shape not in self.shapes]
        is_alike = None not in shapes and 4 <= size <= MAX_RECORD_BYTES and size == (self._row_bytes or size)
        known = sorted(self.shapes + new, key=lambda shape: shape.column)
        has_room = (
            self._changes < MAX_CHANGES
            and len(known) <= MAX_SHAPES
            and sum(shape.record_type == TEXT for shape in known) <= MAX_TEXT_SHAPES
        )
        if new and is_alike and has_room:
            self.shapes = known
            self._row_bytes = size
            self._changes += 1
            self._compile()

    def _compile(self) -> None:
        by_column: dict[int, list[bytes]] = {}
        for shape in self.shapes:
            by_column.setdefault(shape.column, []).append(shape.make_pattern())
        # |(?!) ends a failed round: Python before 3.11.5 does not restore its start (cpython issue 106052).
        cells = b"".join(b"(?:%s|(?!))?+" % b"|".join(patterns) for patterns in by_column.values())
        begin = re.escape(bytes([ROW, self._row_bytes])) + b"(.{4}).{%d}" % (self._row_bytes - 4)
        # what follows is the next row or the end of all: the row has no further cells
        follows = b"(?=%s|%s)" % (re.escape(bytes([ROW])), re.escape(END_OF_ROWS))
        self.search = re.compile(begin + cells + follows + b"()|(.++)", re.DOTALL)


class RowReader:
    """Reads one sheet; `read_cells` reads a row from its records, `convert_value` returns the value of one.

    `pattern`: what was learned when the sheet was read before.
    """

    def __init__(
        self,
        read_cells: Callable[[int, Iterable[xlsb_records.Record]], list[object]],
        convert_value: Callable[[int, bytes], object],
        is_plain: Callable[[bytes], bool],
        load_strings: Callable[[], list[str]],
        pattern: RowPattern,
    ) -> None:
        self._read_cells, self._convert_value = read_cells, convert_value
        self._is_plain, self._load_strings = is_plain, load_strings
        self._pattern, self._done = pattern, GrowingColumns()
        self._converters: dict[Shape, Convert] = {}
        self._cached: dict[tuple[int, bytes], _CachedValues] = {}
        # how many more rows were read record by record than at once
        self._single_rows = 0

    def read(self, chunks: Iterator[bytes]) -> Iterator[Chunk]:
        """Yield the rows. Raises UnusualError where the part is written in another way."""
        data, position, tried = b"", 0, MOST_BYTES
        for chunk in chunks:
            data, position = data[position:] + chunk, 0
            while True:
                if self._pattern.search is not None:
                    end = min(position + tried, len(data))
                    matches = self._pattern.search.findall(data, position, end)
                    if matches and (rest := matches[-1][-1]):
                        matches.pop()
                        end -= len(rest)
                    tried = min(max(2 * (end - position), LEAST_BYTES), MOST_BYTES)
                    position = end
                    if matches:
                        self._add_rows(matches)
                        if len(self._done.rows) >= MAX_CHUNK_ROWS:
                            yield self._done.take()
                records, end, is_last = _split_row(data, position)
                if is_last is None:
                    break
                position = end
                if records and records[0][0] == ROW:
                    self._add_row(records)
                    self._pattern.learn(records)
                elif any(record_type <= FORMULA_ERROR for record_type, _ in records):
                    raise UnusualError("cells outside of rows")
                if is_last:
                    if self._done.rows:
                        yield self._done.take()
                    return
        raise UnusualError("the rows have no end")

    def _add_row(self, records: Sequence[xlsb_records.Record]) -> None:
        self._single_rows += 1
        if self._single_rows > MAX_SINGLE_ROWS:
            raise UnusualError("rows that are not alike")
        number = int.from_bytes(records[0][1][:4], "little") + 1
        cells = self._read_cells(number, records[1:])
        if cells:
            chunk = value_columns.make_chunk([number], [cells], every_row=False)
            self._done.add([number], chunk.columns)

    def _add_rows(self, matches: list[tuple[bytes, ...]]) -> None:
        self._single_rows -= len(matches)
        numbers, *groups, _, _ = zip(*matches, strict=True)
        rows = [number + 1 for number in struct.unpack(f"<{len(numbers)}I", b"".join(numbers))]
        if max(rows) > MAX_ROWS:
            raise UnusualError("rows below the last one")
        columns: dict[int, list[bytes]] = {}
        for shape, values in zip(self._pattern.shapes, groups, strict=True):
            if shape.record_type != BLANK and any(values):
                fields, others = self._convert(shape, values), columns.get(shape.column)
                columns[shape.column] = fields if others is None else list(map(choose_filled, fields, others))
        self._done.add(rows, columns)

    def _convert(self, shape: Shape, values: Sequence[bytes]) -> list[bytes]:
        """Return the CSV fields of one column; values that are missing are blank."""
        if b"" in values:
            fields = iter(self._convert(shape, list(filter(None, values))))
            return [next(fields) if value else b"" for value in values]
        if shape not in self._converters:
            self._converters[shape] = self._find_converter(shape)
        return self._converters[shape](values)

    def _find_converter(self, shape: Shape) -> Convert:
        if shape.record_type == TEXT:
            return _format_texts
        if shape.record_type == SHARED:
            return self._format_shared
        if shape.record_type in (REAL, FORMULA_NUMBER) and self._is_plain(shape.head):
            return _format_reals
        if shape.record_type == RK and self._is_plain(shape.head):
            return _format_packed
        # of all columns that are shown alike
        key = shape.record_type, shape.head[4:]
        if key not in self._cached:
            self._cached[key] = _CachedValues(shape, self._convert_value)
        return self._cached[key].convert

    def _format_shared(self, values: Sequence[bytes]) -> list[bytes]:
        strings = self._load_strings()
        numbers = struct.unpack(f"<{len(values)}I", b"".join(values))
        if max(numbers) >= len(strings):
            raise UnusualError("a text that is missing")
        return value_columns.format_texts(list(map(strings.__getitem__, numbers)))


def _split_row(data: bytes, position: int) -> tuple[list[xlsb_records.Record], int, bool | None]:
    """Return the records up to the next row, where they end, and whether they are the last; None: more is needed."""
    records: list[xlsb_records.Record] = []
    while head := xlsb_records.parse_head(data, position):
        record_type, begin, end = head
        if end > len(data):
            break
        if record_type == xlsb_records.END_OF_ROWS or (record_type == ROW and records):
            return records, position, record_type != ROW
        records.append((record_type, data[begin:end]))
        position = end
    return [], position, None


def _format_texts(values: Sequence[bytes]) -> list[bytes]:
    # all at once: to decode a short text takes as long as to decode a hundred letters
    encoded = [value[TEXT_START:] for value in values]
    texts = SEPARATOR.join(encoded).decode("utf-16-le", "replace").split(value_columns.SEPARATOR)
    if len(texts) != len(values):
        texts = [text.decode("utf-16-le", "replace") for text in encoded]
    return value_columns.format_texts(texts)


def _format_reals(values: Sequence[bytes]) -> list[bytes]:
    return value_columns.format_column(struct.unpack(f"<{len(values)}d", b"".join(values)))


def _format_packed(values: Sequence[bytes]) -> list[bytes]:
    packed = struct.unpack(f"<{len(values)}i", b"".join(values))
    numbers = [
        number >> 2 if number & 3 == 2 else xlsb_records.decode_rk(value)
        for number, value in zip(packed, values, strict=True)
    ]
    return value_columns.format_column(numbers)


class _CachedValues(dict[bytes, bytes]):
    """Stored value -> its CSV field: dates repeat."""

    def __init__(self, shape: Shape, convert_value: Callable[[int, bytes], object]) -> None:
        super().__init__()
        self._shape, self._convert_value = shape, convert_value

    def convert(self, values: Sequence[bytes]) -> list[bytes]:
        """Return the CSV fields of one column."""
        if len(self) > MAX_CACHED_VALUES:
            self.clear()
        # all are known in most pieces
        with suppress(KeyError):
            return list(map(self.__getitem__, values))
        new = list(set(values) - self.keys())
        head, record_type = self._shape.head, self._shape.record_type
        shown = [self._convert_value(record_type, head + value) for value in new]
        self.update(zip(new, value_columns.format_column(shown), strict=True))
        return list(map(self.__getitem__, values))

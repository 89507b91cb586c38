"""Rows as columns of CSV fields, as the fast parsers return them, so that nothing is decided cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SPECIAL = re.compile(rb'[",\r\n]')
# that are written as one piece
MAX_PIECE_CELLS = 2**22
Fields = Sequence[bytes]


# number of the first row, count, CSV
Run = tuple[int, int, bytes]


@dataclass
class CsvRows:
    """Rows as CSV of columns `left` to `right`; without runs where they use other columns than requested."""

    first: int
    last: int
    left: int
    right: int
    csv_runs: list[Run]

    def extent(self) -> tuple[int, int]:
        """Return the first column used, and the one after the last."""
        return self.left, self.right

    def runs(self, left: int, right: int) -> list[Run]:
        """Return all runs; they were made for these columns."""
        return self.csv_runs


@dataclass
class Chunk:
    """Some rows in ascending order. `columns`: column number from 0 -> the field of each row, b"" where blank.

    every_row: blank rows and columns are sent too.
    """

    rows: Sequence[int]
    columns: Mapping[int, Fields]
    every_row: bool = False

    def to_csv(self, left: int, right: int) -> CsvRows:
        """Return the rows as CSV of columns `left` to `right`, where they use no others."""
        used = self.extent()
        fits = used == (0, 0) or (left <= used[0] and used[1] <= right)
        return CsvRows(self.rows[0], self.rows[-1], *used, list(self.runs(left, right)) if fits else [])

    def extent(self) -> tuple[int, int]:
        """Return the first column with values, and the one after the last; (0, 0) where there is none."""
        if self.every_row:
            return 0, len(self.columns)
        filled = [column for column, fields in self.columns.items() if any(fields)]
        return (min(filled), max(filled) + 1) if filled else (0, 0)

    def runs(self, left: int, right: int) -> Iterator[Run]:
        """Yield number of the first row, count and CSV of each run of consecutive rows."""
        for first_row, records in self.records(left, right):
            yield first_row, len(records), b"\n".join(records) + b"\n"

    def records(self, left: int, right: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yield runs of records from consecutive rows: number of the first row, records. Blank rows are left out."""
        count = len(self.rows)
        step = max(MAX_PIECE_CELLS // max(right - left, 1), 1)
        for start in range(0, count, step):
            lines = self._lines(left, right, start, min(start + step, count))
            rows = self.rows[start : start + step]
            blank = b"," * (right - left - 1)
            if self.every_row:
                lines = lines if blank else [line or b'""' for line in lines]
            elif blank in lines:
                kept = [(row, line) for row, line in zip(rows, lines, strict=True) if line != blank]
                rows, lines = [row for row, _ in kept], [line for _, line in kept]
            yield from _split_runs(rows, lines)

    def _lines(self, left: int, right: int, start: int, end: int) -> list[bytes]:
        blanks = [b""] * (end - start)
        whole = (start, end) == (0, len(self.rows))
        columns = [self.columns.get(column) for column in range(left, right)]
        parts = [blanks if fields is None else fields if whole else fields[start:end] for fields in columns]
        if len(parts) == 1:
            return list(parts[0])
        return list(map(b",".join, zip(*parts, strict=True)))


class GrowingColumns:
    """Rows that are added as columns; a column may begin late."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self._columns: dict[int, list[bytes]] = {}

    def add(self, rows: Sequence[int], columns: Mapping[int, Fields]) -> None:
        """Add rows; a column that is missing is blank in them."""
        for number, fields in columns.items():
            self._fill(number).extend(fields)
        self.rows.extend(rows)

    def take(self, width: int | None = None) -> Chunk:
        """Return all rows and forget them; `width`: with the columns up to this one and blank rows too."""
        for number in self._columns if width is None else range(width):
            self._fill(number)
        chunk = Chunk(self.rows, self._columns, every_row=width is not None)
        self.rows, self._columns = [], {}
        return chunk

    def _fill(self, number: int) -> list[bytes]:
        column = self._columns.setdefault(number, [])
        column.extend([b""] * (len(self.rows) - len(column)))
        return column


def _split_runs(rows: Sequence[int], lines: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    start = 0
    while start < len(lines):
        end = len(lines)
        if rows[end - 1] - rows[start] != end - 1 - start:
            end = _find_end_of_run(rows, start)
        yield rows[start], lines[start:end] if start or end < len(lines) else lines
        start = end


def _find_end_of_run(rows: Sequence[int], start: int) -> int:
    end = start + 1
    while end < len(rows) and rows[end] == rows[end - 1] + 1:
        end += 1
    return end


def choose_filled(first: bytes, second: bytes) -> bytes:
    """Return the field that is not blank; a cell has one shape, a key one value, so the other one is."""
    return first or second


def quote_fields(values: Fields) -> list[bytes]:
    """Return texts as CSV fields: in quotes where they contain a comma, a quote or a line break."""
    if SPECIAL.search(b"\0".join(values)) is None:
        return list(values)
    search = SPECIAL.search
    return [b'"%b"' % value.replace(b'"', b'""') if search(value) else value for value in values]

"""Sends the rows of a sheet from the child process, from the first to the last used column, without blank rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import IO, TypeVar

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows
from systemscripts.tables.parsers.value_columns import MAX_CHUNK_ROWS, make_chunk
from systemscripts.tables.parsers.workbook import Book, ReadAgainError, Row, Sheet, fill_merged_rows, is_blank
from systemscripts.tables.workbooks import protocol

Some = TypeVar("Some")
Chunks = Callable[[], Iterable[Chunk | CsvRows]]
MakeReady = Callable[[int, int], Iterable[CsvRows]]
MAX_CHUNK_CELLS = 2**20


class SheetWriter:
    """Writes the frames of sheets, within limits on cells and bytes."""

    def __init__(self, output: IO[bytes], most_cells: int, most_bytes: int) -> None:
        self.output = output
        self._most_cells, self._most_bytes = most_cells, most_bytes
        self.cells = self._bytes = 0
        # of the last sheet sent
        self.rows = 0

    def send(self, book: Book, sheet: Sheet, fill_merged: bool) -> list[Notice]:
        """Send the rows of a sheet; return the warnings about it."""
        self.rows = 0
        for ready in _list_quick_ways(sheet) if not fill_merged else ():
            with suppress(FallBackError):
                self._send_all(lambda: _read_or_fall_back(sheet.chunks), ready)
                return book.warnings(sheet)
            self._restart()
        rows = (lambda: fill_merged_rows(sheet)) if fill_merged else sheet.rows
        # Where the file itself names its columns, a row without values is a record too.
        every_row = book.header_known
        try:
            self._send_all(lambda: _make_chunks(rows(), every_row))
        except ReadAgainError:
            self._restart()
            self._send_all(lambda: _make_chunks(rows(), every_row))
        return book.warnings(sheet)

    def _send_all(self, chunks: Chunks, ready: MakeReady | None = None) -> None:
        """Send all rows with the columns that the first rows use; where later rows use more, send all again."""

        def all_with(left: int, right: int) -> Iterable[Chunk | CsvRows]:
            return _read_or_fall_back(lambda: ready(left, right)) if ready else chunks()

        source = iter(chunks())
        first = list(islice((chunk for chunk in source if chunk.extent() != (0, 0)), 2 if ready else 1))
        guess = first[0].extent() if first else (0, 0)
        # a second process is worth it for several chunks only
        is_large = ready is not None and len(first) > 1
        used = self._send_chunks(all_with(*guess) if is_large else chain(first, source), *guess)
        if used != guess:
            self._restart()
            self._send_chunks(all_with(*used), *used)

    def _send_chunks(self, chunks: Iterable[Chunk | CsvRows], left: int, right: int) -> tuple[int, int]:
        """Send columns `left` to `right` and return those really used; once rows use more, nothing more is sent."""
        used = left, right
        for chunk in chunks:
            extent = chunk.extent()
            if extent == (0, 0):
                continue
            used = min(used[0], extent[0]), max(used[1], extent[1])
            if used == (left, right):
                for first_row, count, content in chunk.runs(left, right):
                    self._write(first_row, count, content, right - left)
        return used

    def _write(self, first_row: int, count: int, content: bytes, width: int) -> None:
        self._count(count * width, len(content))
        self.rows += count
        protocol.write_rows(self.output, first_row, count, content)

    def forward(self, frames: Iterable[tuple[bytes, bytes]]) -> bool:
        """Write the frames of a sheet that another process has read and counted; return whether it succeeded."""
        for frame_type, payload in frames:
            if frame_type == protocol.END:
                return True
            self._count(0, len(payload))
            protocol.write_frame(self.output, frame_type, payload)
        return False

    def _count(self, cells: int, size: int) -> None:
        self.cells += cells
        self._bytes += size
        if self.cells > self._most_cells or self._bytes > self._most_bytes:
            limit = f"{self._most_cells:,} cells or {self._most_bytes >> 30} GB of text"
            raise BadDataError(f"the sheet has more than {limit}", "Ask the sender for a smaller sheet or a CSV file.")

    def _restart(self) -> None:
        protocol.write_frame(self.output, protocol.RESTART)
        self.cells = self._bytes = self.rows = 0


def _list_quick_ways(sheet: Sheet) -> list[MakeReady | None]:
    """Return how a second process helps, where it does, and None for the quick reader alone."""
    return [*([sheet.csv_rows] if sheet.csv_rows else []), None] if sheet.chunks else []


def read_chunks(sheet: Sheet) -> Iterable[Chunk | CsvRows]:
    """Return the rows of a sheet from its fast reader, or from the general one where it has none."""
    return sheet.chunks() if sheet.chunks else _make_chunks(sheet.rows(), every_row=False)


class FallBackError(Exception):
    """The fast reader of a sheet gave up; use the general one."""


def _read_or_fall_back(read: Callable[[], Iterable[Some]] | None) -> Iterator[Some]:
    assert read is not None
    try:
        yield from read()
    except BadDataError:
        raise
    except Exception as error:
        raise FallBackError from error


def _make_chunks(rows: Iterable[tuple[int, Row]], every_row: bool) -> Iterator[Chunk]:
    """Yield rows of values as columns of fields, some thousand rows at a time, fewer where they are wide.

    every_row: keep blank rows too.
    """
    numbers: list[int] = []
    kept: list[Row] = []
    cells = 0
    for number, row in rows:
        if not every_row and is_blank(row):
            continue
        wider = kept and len(row) > 2 * len(kept[-1]) + 256
        if wider or len(kept) >= MAX_CHUNK_ROWS or cells > MAX_CHUNK_CELLS:
            yield make_chunk(numbers, kept, every_row)
            numbers, kept, cells = [], [], 0
        numbers.append(number)
        kept.append(row)
        cells += len(row)
    if kept:
        yield make_chunk(numbers, kept, every_row)

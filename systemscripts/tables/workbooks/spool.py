"""Keeps the rows of one sheet as standard CSV in an unnamed temporary file."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO

from systemscripts.tables import temporary_files
from systemscripts.tables.model import Block
from systemscripts.tables.text.record_splitter import RecordSplitter

CHUNK_BYTES = 4 * 2**20
# Holds the header rows of nearly every sheet.
HEAD_BYTES = 2**17


class Spool:
    """A file that disappears with the process, and the sheet row of each record in it."""

    def __init__(self, directory: Path | None = None) -> None:
        folder = directory or temporary_files.choose_folder()
        self._space = temporary_files.SpaceCheck(folder)
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - close() closes it
        self.count = 0
        # number of the first record of each run of consecutive rows, and its sheet row
        self._starts: list[int] = []
        self._rows: list[int] = []
        # where each batch begins: in bytes, and in records
        self._offsets: list[tuple[int, int]] = []

    def add(self, first_row: int, count: int, records: memoryview) -> None:
        """Append `count` records from consecutive sheet rows."""
        self._offsets.append((self.file.tell(), self.count))
        self.file.write(records)
        self._space.add(len(records))
        if not self._starts or self._rows[-1] + self.count - self._starts[-1] != first_row:
            self._starts.append(self.count)
            self._rows.append(first_row)
        self.count += count

    def clear(self) -> None:
        """Discard all rows."""
        self.file.seek(0)
        self.file.truncate()
        self.count, self._starts, self._rows, self._offsets = 0, [], [], []

    def blocks(self) -> Iterator[Block]:
        """Yield all records with their sheet rows."""
        return self._read_blocks(CHUNK_BYTES)

    def read_below(self, row: int) -> tuple[int, Iterator[bytes]]:
        """Return how many records follow a sheet row, and their text in pieces of about 4 MB, ended by line feeds."""
        above = position = 0
        for block in self._read_blocks(HEAD_BYTES):
            count_above = bisect_right(block.rows, row)
            above += count_above
            position += sum(map(len, block.records[:count_above])) + count_above
            if count_above < len(block.records):
                break
        return self.count - above, self._read_chunks(CHUNK_BYTES, position)

    def read_last(self, least: int) -> list[Block]:
        """Return the last records: at least `least` where there are that many."""
        enough = (start for start in reversed(self._offsets) if self.count - start[1] >= least)
        position, done = next(enough, (0, 0))
        return list(self._read_blocks(CHUNK_BYTES, position, done))

    def _read_blocks(self, chunk_bytes: int, position: int = 0, done: int = 0) -> Iterator[Block]:
        cutter = RecordSplitter(b",", b'"', b"\n", width=0, trusted=True)
        for block in cutter.blocks(self._read_chunks(chunk_bytes, position)):
            yield Block(block.records, self._find_row_numbers(done, len(block.records)))
            done += len(block.records)

    def read_first(self, most: int) -> Block | None:
        """Return the first records, up to `most`; None where there are none."""
        block = next(self._read_blocks(HEAD_BYTES), None)
        if block is not None and len(block.records) < min(most, self.count):
            block = next(self._read_blocks(CHUNK_BYTES), None)
        return block and Block(block.records[:most], block.rows[:most])

    def close(self) -> None:
        """Delete the file; may be called twice."""
        self.file.close()

    def _read_chunks(self, size: int, position: int = 0) -> Iterator[bytes]:
        while True:
            self.file.seek(position)
            chunk = self.file.read(size)
            if not chunk:
                return
            yield chunk
            position += len(chunk)

    def _find_row_numbers(self, start: int, count: int) -> Sequence[int]:
        """Return the sheet rows of `count` records from record number `start`."""
        runs = []
        run = bisect_right(self._starts, start) - 1
        while count:
            run_end = self._starts[run + 1] if run + 1 < len(self._starts) else self.count
            size = min(count, run_end - start)
            first = self._rows[run] + start - self._starts[run]
            runs.append(range(first, first + size))
            start, count, run = start + size, count - size, run + 1
        return runs[0] if len(runs) == 1 else list(chain.from_iterable(runs))

"""The rows of one sheet as standard CSV, in a temporary file without a name."""

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
HEAD_BYTES = 2**17


class Spool:
    """A file that vanishes with the process, and the sheet row of each record in it."""

    def __init__(self, directory: Path | None = None) -> None:
        place = directory or temporary_files.choose_folder()
        self._space = temporary_files.SpaceCheck(place)
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=place)  # noqa: SIM115 - close() closes it
        self.count = 0
        self._starts: list[int] = []  # number of the first record of each run of consecutive rows
        self._rows: list[int] = []  # its sheet row
        self._offsets: list[tuple[int, int]] = []  # where each batch begins: in bytes, and in records

    def add(self, first_row: int, count: int, records: memoryview) -> None:
        """Append `count` records that stand in consecutive sheet rows."""
        self._offsets.append((self.file.tell(), self.count))
        self.file.write(records)
        self._space.add(len(records))
        if not self._starts or self._rows[-1] + self.count - self._starts[-1] != first_row:
            self._starts.append(self.count)
            self._rows.append(first_row)
        self.count += count

    def clear(self) -> None:
        """Forget all rows."""
        self.file.seek(0)
        self.file.truncate()
        self.count, self._starts, self._rows, self._offsets = 0, [], [], []

    def blocks(self) -> Iterator[Block]:
        """Yield all records with their sheet rows."""
        return self._cut(CHUNK_BYTES)

    def below(self, row: int) -> tuple[int, Iterator[bytes]]:
        """How many records stand below a sheet row, and their text, a line feed after each, about 4 MB at a time."""
        above = position = 0
        for block in self._cut(HEAD_BYTES):
            found = bisect_right(block.rows, row)
            above += found
            position += sum(map(len, block.records[:found])) + found
            if found < len(block.records):
                break
        return self.count - above, self._chunks(CHUNK_BYTES, position)

    def bottom(self, least: int) -> list[Block]:
        """The last records, `least` where there are as many, and some more."""
        enough = (start for start in reversed(self._offsets) if self.count - start[1] >= least)
        position, done = next(enough, (0, 0))
        return list(self._cut(CHUNK_BYTES, position, done))

    def _cut(self, chunk_bytes: int, position: int = 0, done: int = 0) -> Iterator[Block]:
        cutter = RecordSplitter(b",", b'"', b"\n", width=0, trusted=True)
        for block in cutter.blocks(self._chunks(chunk_bytes, position)):
            yield Block(block.records, self._row_numbers(done, len(block.records)))
            done += len(block.records)

    def top(self, most: int) -> Block | None:
        """The first records, `most` where there are as many; None when there is none."""
        block = next(self._cut(HEAD_BYTES), None)
        if block is not None and len(block.records) < min(most, self.count):
            block = next(self._cut(CHUNK_BYTES), None)
        return block and Block(block.records[:most], block.rows[:most])

    def close(self) -> None:
        """Free the file; may be called twice."""
        self.file.close()

    def _chunks(self, size: int, position: int = 0) -> Iterator[bytes]:
        while True:
            self.file.seek(position)
            chunk = self.file.read(size)
            if not chunk:
                return
            yield chunk
            position += len(chunk)

    def _row_numbers(self, start: int, count: int) -> Sequence[int]:
        """Sheet rows of `count` records from record number `start`."""
        runs = []
        run = bisect_right(self._starts, start) - 1
        while count:
            run_end = self._starts[run + 1] if run + 1 < len(self._starts) else self.count
            size = min(count, run_end - start)
            first = self._rows[run] + start - self._starts[run]
            runs.append(range(first, first + size))
            start, count, run = start + size, count - size, run + 1
        return runs[0] if len(runs) == 1 else list(chain.from_iterable(runs))

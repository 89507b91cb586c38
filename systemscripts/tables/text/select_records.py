"""Select the records of a table among those of its text: without header, repeated headers and surplus delimiters."""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from systemscripts.summary import Notice
from systemscripts.tables.model import Block, Wire
from systemscripts.tables.structure import table_end
from systemscripts.tables.text.dialect_adapter import split_record
from systemscripts.tables.text.table_bounds import Findings

# A longer record is not blank, and is not compared letter by letter.
MAX_BLANK_BYTES = 1000


class RecordSelector:
    """Selects the records of one pass. `skipped`: how many others there are so far; `notices`: warnings about them."""

    def __init__(self, findings: Findings, wire: Wire) -> None:
        self._findings, self._wire = findings, wire
        self._delimiter = wire.delimiter.encode(wire.encoding)
        self._heading = b""
        self.skipped = findings.skipped
        self.notices: list[Notice] = []

    def select_records(self, blocks: Iterator[Block], stop_at_blank_row: bool) -> Iterator[Block]:
        """Yield the records below the header, with the changes of the analysis, perhaps only up to a blank row."""
        below = self._drop_header(blocks)
        if self._findings.is_partial:
            below = self._drop_repeated_headers(below)
        if self._findings.is_surplus:
            below = map(self._drop_surplus_delimiters, below)
        return self._stop_at_blank_row(below) if stop_at_blank_row else below

    def _drop_header(self, blocks: Iterator[Block]) -> Iterator[Block]:
        findings = self._findings
        for block in blocks:
            if block.rows and block.rows[0] <= findings.header_end:
                start = bisect_right(block.rows, findings.header_end)
                self._heading = block.records[start - 1] if findings.header.row else b""
                block = Block(block.records[start:], block.rows[start:])
            if findings.changes and not findings.changes.keys().isdisjoint(block.rows):
                block = _apply_changes(block, findings.changes)
            if block.records:
                yield block

    def _drop_repeated_headers(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield the records without repeated headers, up to where the first records follow one: the table again."""
        first: list[bytes] = []
        dropped_count = 0
        for block in blocks:
            first = first or block.records[: table_end.MAX_COMPARED_RECORDS]
            positions = self._find_headings(block.records)
            # The records after a header may be in the next block.
            while positions and positions[-1] + len(first) >= len(block.records) and (more := next(blocks, None)):
                block = Block(block.records + more.records, [*block.rows, *more.rows])
                positions = self._find_headings(block.records)
            if not positions:
                yield block
                continue
            end = next((at for at in positions if block.records[at + 1 : at + 1 + len(first)] == first), None)
            dropped = {position for position in positions if end is None or position < end}
            dropped_count += len(dropped)
            kept = [position for position in range(len(block.records))[:end] if position not in dropped]
            yield _take_records(block, kept)
            if end is not None:
                self._leave_out(len(block.records) - end + sum(len(rest.records) for rest in blocks), block.rows[end])
        if dropped_count:
            self.skipped += dropped_count
            self.notices.append(table_end.warn_of_repeated_header(dropped_count))

    def _find_headings(self, records: Sequence[bytes]) -> list[int]:
        """Return the positions of repeated headers. Each file that was appended may begin with its own mark."""
        headings = (self._heading, codecs.BOM_UTF8 + self._heading)
        if not self._heading.strip(self._delimiter) or not any(heading in records for heading in headings):
            return []
        return [position for position, record in enumerate(records) if record in headings]

    def _leave_out(self, count: int, row: int) -> None:
        self.skipped += count
        self.notices.append(table_end.warn_of_rows_left_out(count, f"a second table begins in row {row}"))

    def _drop_surplus_delimiters(self, block: Block) -> Block:
        """Return a block without the blank last field of records that are wider than the header."""
        delimiter, least = self._delimiter, self._findings.width - 1
        records = [
            record[:-1]
            if record.endswith(delimiter) and record.count(delimiter) >= least and self._is_too_wide(record)
            else record
            for record in block.records
        ]
        return Block(records, block.rows)

    def _is_too_wide(self, record: bytes) -> bool:
        if self._wire.quote.encode(self._wire.encoding) not in record:
            return record.count(self._delimiter) == self._findings.width - 1
        return len(split_record(record, self._wire, "replace")) == self._findings.width

    def _stop_at_blank_row(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield the records before the first blank line or row of only delimiters. The others count as skipped."""
        blank = {b"", self._delimiter}
        expected = self._findings.header_end + 1 if self._findings.header_end else None
        stopped = False
        for block in blocks:
            if stopped:
                self.skipped += len(block.records)
                continue
            for position, (record, row) in enumerate(zip(block.records, block.rows, strict=True)):
                stopped = (expected is not None and row > expected) or set(_split_letters(record)) <= blank
                if stopped:
                    self.skipped += len(block.records) - position
                    block = Block(block.records[:position], block.rows[:position])
                    break
                expected = row + 1 + len(record.splitlines()) - 1
            if block.records:
                yield block


def _take_records(block: Block, positions: Sequence[int]) -> Block:
    return Block([block.records[position] for position in positions], [block.rows[position] for position in positions])


def _apply_changes(block: Block, changes: dict[int, bytes | None]) -> Block:
    changed = [(changes.get(row, record), row) for record, row in zip(block.records, block.rows, strict=True)]
    pairs = [(record, row) for record, row in changed if record is not None]
    return Block([record for record, _ in pairs], [row for _, row in pairs])


def _split_letters(record: bytes) -> list[bytes]:
    if len(record) >= MAX_BLANK_BYTES:
        return [record]
    return [record[index : index + 1] for index in range(len(record))]

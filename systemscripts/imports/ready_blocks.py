"""Prepare the blocks of a table for COPY: as they are in the file where PostgreSQL reads that, else converted."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice

from systemscripts.imports.rejects import Reject
from systemscripts.imports.values import row_pattern
from systemscripts.imports.values.row_hashes import RowHasher
from systemscripts.imports.values.row_pattern import RowPattern
from systemscripts.imports.values.validate_rows import CheckedBlock, RowChecker, Rules
from systemscripts.tables.model import Block, Table, Wire

# PostgreSQL's names of the encodings it converts itself (PostgreSQL manual, table 23.3)
SERVER_ENCODINGS = {"utf-8": "UTF8", "cp1252": "WIN1252", "latin-1": "LATIN1", "iso8859-1": "LATIN1", "ascii": "UTF8"}
# with more rows that do not match, converting the whole block is faster
MAX_ODD_SHARE = 0.2
# blocks whose rows are hashed together: to ask DuckDB takes as long as to hash 2,000 rows
HASHED_TOGETHER = 4
# Records may be of many MB.
HASHED_BYTES = 8 * 2**20
# for the checked path: characters that no client file contains, so that values need no quoting
CHECKED_WIRE = Wire(delimiter="\x1f", quote="\x1e")


@dataclass
class ReadyBlock:
    """A block prepared for COPY."""

    data: bytes
    rows: int
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0
    wire: Wire = CHECKED_WIRE


ReadyPair = tuple[Block, ReadyBlock]


class BlockPreparer:
    """Prepares the blocks of one table."""

    def __init__(self, table: Table, rules: Rules, dataset_id: int) -> None:
        self._table, self._dataset_id = table, dataset_id
        self._pattern = (
            row_pattern.build_row_pattern(rules, table.wire) if table.wire.encoding in SERVER_ENCODINGS else None
        )
        self._checker = RowChecker(rules)
        self._hasher = RowHasher(rules, table.wire) if rules.hashed else None

    @property
    def day_order(self) -> str:
        """In which order the server must read dates, DMY or MDY; "" if that does not matter."""
        return self._pattern.day_order if self._pattern else ""

    def prepare(self) -> Iterator[ReadyPair]:
        """Prepare each block: as it is, or rows that do not match converted, or all of them if they are many."""
        pattern, table = self._pattern, self._table
        blocks = table.blocks_matching(pattern.splitting) if pattern else table.blocks()
        for block in _merge_blocks(blocks) if self._hasher else blocks:
            ready = self._prepare_straight(block, pattern) if pattern else None
            yield block, ready or build_ready_block(self._checker.check(block, table), self._dataset_id)

    def _prepare_straight(self, block: Block, pattern: RowPattern) -> ReadyBlock | None:
        """Prepare the raw records, those that do not match converted behind them.

        Returns None if these are many, or if the records must be hashed in another way.
        """
        misfits = pattern.find_misfits(block)
        if len(misfits) > len(block.records) * MAX_ODD_SHARE:
            return None
        sound, others = _split_block(block, misfits) if misfits else (block, None)
        hashes = self._hasher.hash_records(sound.records) if self._hasher else None
        if self._hasher and hashes is None:
            return None
        wire = self._table.wire
        ready = ReadyBlock(_add_lineage(sound, self._dataset_id, wire, hashes), len(sound.rows), wire=wire)
        if others:
            checked = self._checker.check(others, self._table)
            ready.data += _rows_as_csv(checked, self._dataset_id, wire)
            ready.rows += len(checked.rows)
            ready.rejects, ready.skipped = checked.rejects, checked.skipped
        return ready


def _merge_blocks(blocks: Iterator[Block]) -> Iterator[Block]:
    """Return some blocks as one each time."""
    for first in blocks:
        records, rows, matches = list(first.records), list(first.rows), first.matches
        most = min(HASHED_TOGETHER, HASHED_BYTES // max(sum(map(len, records)), 1))
        for block in islice(blocks, max(most - 1, 0)):
            records += block.records
            rows += block.rows
            matches = matches and block.matches
        yield Block(records, rows, matches)


def _split_block(block: Block, misfits: Sequence[int]) -> tuple[Block, Block]:
    """Return the records that match, and those at the positions `misfits`."""
    fits = bytearray(b"\1") * len(block.records)
    for at in misfits:
        fits[at] = 0
    others = Block([block.records[at] for at in misfits], [block.rows[at] for at in misfits])
    return Block(list(compress(block.records, fits)), list(compress(block.rows, fits))), others


def _add_lineage(block: Block, dataset_id: int, wire: Wire, hashes: list[bytes] | None) -> bytes:
    """Return the records, before each the lineage fields, behind it its hash; all at once is faster than one by one."""
    delimiter = wire.delimiter.encode()
    line = b"%d%s%%d%s%%b" % (dataset_id, delimiter, delimiter)
    columns: list[Sequence[int | bytes]] = [block.rows, block.records]
    if hashes is not None:
        line += b"%s%%b" % delimiter
        columns.append(hashes)
    fields: list[int | bytes] = [b""] * (len(columns) * len(block.records))
    for at, column in enumerate(columns):
        fields[at :: len(columns)] = column
    return ((line + b"\n") * len(block.records)) % tuple(fields)


def build_ready_block(checked: CheckedBlock, dataset_id: int) -> ReadyBlock:
    """Return checked rows as a block for COPY."""
    return ReadyBlock(rows_as_text(checked, dataset_id), len(checked.rows), checked.rejects, checked.skipped)


def rows_as_text(checked: CheckedBlock, dataset_id: int) -> bytes:
    """Return checked rows in CHECKED_WIRE, the lineage fields first."""
    rows = len(checked.rows)
    columns = [[str(dataset_id)] * rows, list(map(str, checked.rows)), *checked.columns] if rows else []
    delimiter, quote = CHECKED_WIRE.delimiter, CHECKED_WIRE.quote
    text = "".join(map("%s\n".__mod__, map(delimiter.join, zip(*columns, strict=True))))
    plain = text.count("\n") == rows and text.count(delimiter) == rows * (len(columns) - 1)
    return text.encode() if plain and "\r" not in text and quote not in text else _write_csv(columns, CHECKED_WIRE)


def _rows_as_csv(checked: CheckedBlock, dataset_id: int, wire: Wire) -> bytes:
    """Return checked rows in the wire of the file, the lineage fields first."""
    lineage = [[dataset_id] * len(checked.rows), checked.rows]
    return _write_csv([*lineage, *checked.columns], wire) if checked.rows else b""


def _write_csv(columns: Sequence[Sequence[object]], wire: Wire) -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=wire.delimiter, quotechar=wire.quote, lineterminator="\n").writerows(
        zip(*columns, strict=True)
    )
    return written.getvalue().encode(wire.encoding)

"""Copy rows into a target: one COPY per block under a savepoint, two lineage fields before each row.

Rows that PostgreSQL reads as the schema wants them (`row_pattern`) are copied as they are; the others are converted
first (`validate_rows`). A block that the server refuses is checked value by value; rows that still do not fit are
rejected, the others are copied. While the server works on one block, a thread prepares the next.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import TYPE_CHECKING

import psycopg2
import psycopg2.errors
from psycopg2 import sql

from systemscripts.imports.rejects import Reject, Rejects, store_rejects
from systemscripts.imports.target_plan import Plan
from systemscripts.imports.values import row_pattern
from systemscripts.imports.values.row_hashes import RowHasher
from systemscripts.imports.values.row_pattern import RowPattern
from systemscripts.imports.values.validate_rows import CheckedBlock, RowChecker, Rules
from systemscripts.summary import Counts
from systemscripts.tables.lineage import LINEAGE, Extent
from systemscripts.tables.model import Block, Table, Wire

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# PostgreSQL's names of the encodings it converts itself (PostgreSQL manual, table 23.3)
_SERVER_ENCODINGS = {"utf-8": "UTF8", "cp1252": "WIN1252", "latin-1": "LATIN1", "iso8859-1": "LATIN1", "ascii": "UTF8"}
# delimiters that COPY accepts in its text format (no letter, digit or point)
TEXT_DELIMITERS = frozenset(",;\t|\x1f")
# Rows that violate a type, a constraint, or the size limit of a row (8,160 bytes without long values) or field (1 GB).
_UNFIT = (psycopg2.DataError, psycopg2.IntegrityError, psycopg2.errors.ProgramLimitExceeded)
PIECE_BYTES = 2**23
# One alone would be late as soon as it takes longer than the server needs for the block before.
BLOCKS_AHEAD = 2
# with more rows that do not match, converting the whole block is faster
MAX_ODD_SHARE = 0.2
# for the checked path: characters that no client file contains, so that values need no quoting
CHECKED_WIRE = Wire(delimiter="\x1f", quote="\x1e")


@dataclass(frozen=True)
class Load:
    """What is copied, and where to."""

    table: Table
    plan: Plan
    rules: Rules
    dataset_id: int
    file_id: int
    # called with the table that contains the file's rows, as delivered, once they are copied
    show_rows: Callable[[sql.Composable, Extent], None] | None = None
    # of the rows that were copied so far
    extent: Extent = field(default_factory=Extent)
    # of the ledger, which gets the rejects, if the target is in another database
    home: Cursor | None = None

    def show(self, relation: sql.Composable) -> None:
        """Call `show_rows`, if given, with a table that contains the rows of the file."""
        if self.show_rows is not None:
            self.show_rows(relation, self.extent)


def copy_table(cursor: Cursor, load: Load, advance: Callable[[int], None]) -> tuple[Counts, Rejects]:
    """Copy all records into the target of a plan; return the counts and the rejects, which are stored already.

    `advance` is called with the number of records of each block. Raises psycopg2.Error when the connection is lost.
    """
    rejects, counts = Rejects(), Counts()
    careful = _Careful(cursor, load)
    pattern = _build_pattern(load)
    statements = _Statements(cursor, load.plan)
    if pattern and pattern.day_order:
        cursor.execute("select set_config('datestyle', %s, true)", (f"ISO, {pattern.day_order}",))
    # there is always a savepoint: each block replaces the one before by its own
    cursor.execute("savepoint block")
    ahead = _LookAhead(_prepare(load, pattern))
    for block, ready in ahead:
        counts.read += len(block.records)
        load.extent.first, load.extent.last = load.extent.first or block.rows[0], block.rows[-1]
        if _try_copy(cursor, statements.choose(ready.data, ready.wire), ready, ahead.prepare_next):
            counts.loaded += ready.rows
        else:
            loaded, ready = careful.copy(block)
            counts.loaded += loaded
        store_rejects(load.home or cursor, ready.rejects, load.file_id, load.dataset_id)
        rejects.add(ready.rejects)
        counts.skipped += ready.skipped
        advance(len(block.records))
    if pattern and pattern.day_order:
        cursor.execute("set local datestyle to default")
    counts.rejected, load.extent.rows = rejects.count, counts.loaded
    return counts, rejects


def _build_pattern(load: Load) -> RowPattern | None:
    """Return the pattern of rows that the server reads as they are in the file, None if it reads none."""
    wire = load.table.wire
    return row_pattern.build_row_pattern(load.rules, wire) if wire.encoding in _SERVER_ENCODINGS else None


@dataclass
class _ReadyBlock:
    """A block prepared for COPY."""

    data: bytes
    rows: int
    rejects: list[Reject] = field(default_factory=list)
    skipped: int = 0
    wire: Wire = CHECKED_WIRE


class _Statements:
    """The COPY statements of a target.

    A block without quotes, backslashes and carriage returns means the same in PostgreSQL's text format, which the
    server reads about five percent faster than CSV; an empty field is NULL in both.
    """

    def __init__(self, cursor: Cursor, plan: Plan) -> None:
        self._cursor = cursor
        names = sql.SQL(", ").join([*map(sql.Identifier, LINEAGE), *map(sql.Identifier, plan.copied)])
        self._copy = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(plan.schema, plan.table), names)
        # a quoted empty field is empty too: the same data must load alike from any program
        columns = sql.SQL(", ").join(map(sql.Identifier, plan.copied))
        self._force_null = sql.SQL(", force_null ({})").format(columns) if plan.copied else sql.SQL("")
        self._known: dict[tuple[Wire, bool], str] = {}

    def choose(self, data: bytes, wire: Wire) -> str:
        """Return the fastest statement for the data of a block."""
        marks = (wire.quote.encode(wire.encoding), b"\\", b"\r")
        return self.build(wire, wire.delimiter not in TEXT_DELIMITERS or any(mark in data for mark in marks))

    def build(self, wire: Wire, is_csv: bool) -> str:
        """Return the statement for blocks of a wire, in the CSV or the text format."""
        if (wire, is_csv) not in self._known:
            form = sql.SQL("csv, quote {}{}").format(sql.Literal(wire.quote), self._force_null)
            statement = sql.SQL("{} with (delimiter {}, encoding {}, null '', format {})").format(
                self._copy, sql.Literal(wire.delimiter), sql.Literal(_SERVER_ENCODINGS[wire.encoding]),
                form if is_csv else sql.SQL("text"),
            )  # fmt: skip
            self._known[wire, is_csv] = statement.as_string(self._cursor)
        return self._known[wire, is_csv]


ReadyPair = tuple[Block, _ReadyBlock]


def _prepare(load: Load, pattern: RowPattern | None) -> Iterator[ReadyPair]:
    """Prepare each block: as it is, or rows that do not match converted, or all of them if they are many."""
    checker = RowChecker(load.rules)
    hasher = RowHasher(load.rules, load.table.wire) if load.rules.hashed else None
    for block in load.table.blocks_matching(pattern.splitting) if pattern else load.table.blocks():
        ready = _prepare_straight(block, load, pattern, checker, hasher) if pattern else None
        ready = ready or _prepare_block(checker.check(block, load.table), load.dataset_id)
        yield block, ready


def _prepare_straight(
    block: Block, load: Load, pattern: RowPattern, checker: RowChecker, hasher: RowHasher | None
) -> _ReadyBlock | None:
    """Prepare the raw records, those that do not match converted behind them.

    Returns None if these are many, or if the records must be hashed in another way.
    """
    misfits = pattern.find_misfits(block)
    if len(misfits) > len(block.records) * MAX_ODD_SHARE:
        return None
    sound, others = _split_block(block, misfits) if misfits else (block, None)
    hashes = hasher.hash_records(sound.records) if hasher else None
    if hasher and hashes is None:
        return None
    ready = _ReadyBlock(_add_lineage(sound, load.dataset_id, load.table.wire, hashes), len(sound.rows))
    ready.wire = load.table.wire
    if others:
        checked = checker.check(others, load.table)
        ready.data += _rows_as_csv(checked, load.dataset_id, ready.wire)
        ready.rows += len(checked.rows)
        ready.rejects, ready.skipped = checked.rejects, checked.skipped
    return ready


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
    fields: list[Sequence[object]] = [block.rows, block.records]
    if hashes is not None:
        line += b"%s%%b" % delimiter
        fields.append(hashes)
    return ((line + b"\n") * len(block.records)) % tuple(chain.from_iterable(zip(*fields, strict=True)))


def _prepare_block(checked: CheckedBlock, dataset_id: int) -> _ReadyBlock:
    return _ReadyBlock(rows_as_text(checked, dataset_id), len(checked.rows), checked.rejects, checked.skipped)


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


class _LookAhead:
    """Takes blocks from an iterator; while the server stores one, a thread prepares the next ones."""

    def __init__(self, blocks: Iterator[ReadyPair]) -> None:
        self._blocks = blocks
        self._executor = ThreadPoolExecutor(1)
        self._following: deque[Future[ReadyPair | None]] = deque()

    def prepare_next(self) -> None:
        """Begin to prepare the next blocks, as far as that has not begun."""
        while len(self._following) < BLOCKS_AHEAD:
            self._following.append(self._executor.submit(next, self._blocks, None))

    def __iter__(self) -> Iterator[ReadyPair]:
        """Yield the blocks."""
        # the first one here, because a reader may start its process with it
        ready = next(self._blocks, None)
        with self._executor:
            while ready is not None:
                yield ready
                self.prepare_next()
                ready = self._following.popleft().result()


class _Stream(io.BytesIO):
    """The data of a block; says when COPY begins to read them."""

    def __init__(self, data: bytes, begin: Callable[[], None]) -> None:
        super().__init__(data)
        self._begin = begin

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes."""
        self._begin()
        return super().read(size)


def _try_copy(cursor: Cursor, statement: str, ready: _ReadyBlock, begin: Callable[[], None] = lambda: None) -> bool:
    """Copy one block; return False, with nothing copied, when the server refuses it, or counts other records."""
    if not ready.data:
        return True
    try:
        # in one statement, because each round trip costs as much as about a hundred rows
        statements = f"release savepoint block; savepoint block; {statement}"
        cursor.copy_expert(statements, _Stream(ready.data, begin), PIECE_BYTES)
        copied = cursor.rowcount == ready.rows
    except _UNFIT:
        copied = False
    if not copied:
        cursor.execute("rollback to savepoint block")
    return copied


class _Careful:
    """Row-level work for a block that the server refused."""

    def __init__(self, cursor: Cursor, load: Load) -> None:
        self._cursor, self._load = cursor, load
        self._checker = RowChecker(load.rules)
        self._statement = _Statements(cursor, load.plan).build(CHECKED_WIRE, is_csv=True)

    def copy(self, block: Block) -> tuple[int, _ReadyBlock]:
        """Copy the good rows; return how many, and the rejects."""
        checked = self._checker.check(block, self._load.table, careful=True)
        ready_block = _prepare_block(checked, self._load.dataset_id)
        raws = dict(zip(block.rows, block.records, strict=True))
        return self._copy_or_halve(checked, raws, ready_block.rejects), ready_block

    def _copy_or_halve(self, checked: CheckedBlock, raws: dict[int, bytes], rejects: list[Reject]) -> int:
        """Copy rows that passed the checks; if PostgreSQL refuses some of them, find these by halving."""
        ready = _prepare_block(checked, self._load.dataset_id)
        if ready.rows == 1:
            return self._copy_one(ready, checked.rows[0], raws, rejects)
        if _try_copy(self._cursor, self._statement, ready):
            return ready.rows
        half = ready.rows // 2
        parts = (slice(0, half), slice(half, None))
        return sum(
            self._copy_or_halve(
                CheckedBlock(checked.rows[part], [column[part] for column in checked.columns], []), raws, rejects
            )
            for part in parts
        )

    def _copy_one(self, ready: _ReadyBlock, line: int, raws: dict[int, bytes], rejects: list[Reject]) -> int:
        self._cursor.execute("savepoint record")
        try:
            self._cursor.copy_expert(self._statement, io.BytesIO(ready.data))
        except _UNFIT as error:
            self._cursor.execute("rollback to savepoint record")
            reason = error.diag.message_primary or "the database refuses the row"
            if isinstance(error, psycopg2.errors.ProgramLimitExceeded):
                reason = f"is too large for a table of PostgreSQL ({reason})"
            rejects.append(Reject(line, reason, raws[line].decode(self._load.table.wire.encoding, "replace")))
            return 0
        self._cursor.execute("release savepoint record")
        return 1

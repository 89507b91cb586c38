"""Copy rows into a target: one COPY for some blocks under a savepoint, two lineage fields before each row.

Rows that PostgreSQL reads as the schema wants them (`row_pattern`) are copied as they are; the others are converted
first (`validate_rows`). Blocks that the server refuses are copied one by one, and the one that it refuses again is
checked value by value; rows that still do not fit are rejected, the others are copied. While the server works on one
block, a thread prepares the next.
"""

from __future__ import annotations

import io
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg2
import psycopg2.errors
from psycopg2 import sql

from systemscripts.imports.ready_blocks import (
    CHECKED_WIRE,
    SERVER_ENCODINGS,
    BlockPreparer,
    ReadyBlock,
    ReadyPair,
    build_ready_block,
)
from systemscripts.imports.rejects import Reject, Rejects, store_rejects
from systemscripts.imports.target_plan import Plan
from systemscripts.imports.values.validate_rows import CheckedBlock, RowChecker, Rules
from systemscripts.summary import Counts
from systemscripts.tables.lineage import LINEAGE, Extent
from systemscripts.tables.model import Block, Table, Wire

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# delimiters that COPY accepts in its text format (no letter, digit or point)
TEXT_DELIMITERS = frozenset(",;\t|\x1f")
# Rows that violate a type, a constraint, or the size limit of a row (8,160 bytes without long values) or field (1 GB).
_UNFIT = (psycopg2.DataError, psycopg2.IntegrityError, psycopg2.errors.ProgramLimitExceeded)
# One alone would be late as soon as it takes longer than the server needs for the block before.
BLOCKS_AHEAD = 4
# At the end of each COPY the server waits for us, who may have to wait for the thread that prepares blocks; but all
# of them are copied again where the server refuses one row.
BLOCKS_TOGETHER = 8
# A block has at least one record, which may be of many MB: then fewer are together, and fewer are ahead.
BYTES_TOGETHER = 16 * 2**20
# so long the thread may keep the one that sends from the next block, instead of 5 ms
SWITCH_SECONDS = 0.0005


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
    preparer = BlockPreparer(load.table, load.rules, load.dataset_id)
    if preparer.day_order:
        cursor.execute("select set_config('datestyle', %s, true)", (f"ISO, {preparer.day_order}",))
    # there is always a savepoint: each COPY replaces the one before by its own
    cursor.execute("savepoint block")
    for block, ready, loaded in _Copier(cursor, load).copy(_LookAhead(preparer.prepare())):
        counts.read += len(block.records)
        load.extent.first, load.extent.last = load.extent.first or block.rows[0], block.rows[-1]
        counts.loaded += loaded
        store_rejects(load.home or cursor, ready.rejects, load.file_id, load.dataset_id)
        rejects.add(ready.rejects)
        counts.skipped += ready.skipped
        advance(len(block.records))
    if preparer.day_order:
        cursor.execute("set local datestyle to default")
    counts.rejected, load.extent.rows = rejects.count, counts.loaded
    return counts, rejects


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
                self._copy, sql.Literal(wire.delimiter), sql.Literal(SERVER_ENCODINGS[wire.encoding]),
                form if is_csv else sql.SQL("text"),
            )  # fmt: skip
            self._known[wire, is_csv] = statement.as_string(self._cursor)
        return self._known[wire, is_csv]


class _LookAhead:
    """Takes blocks from an iterator; while the server stores one, a thread prepares the next ones."""

    def __init__(self, blocks: Iterator[ReadyPair]) -> None:
        self._blocks = blocks
        self._executor = ThreadPoolExecutor(1)
        self._following: deque[Future[ReadyPair | None]] = deque()
        self._most_ahead = BLOCKS_AHEAD

    def __iter__(self) -> Iterator[ReadyPair]:
        """Yield the blocks that were not taken before, and wait for each."""
        # the first one here, because a reader may start its process with it
        ready = next(self._blocks, None)
        usual_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            with self._executor:
                while ready is not None:
                    self._most_ahead = max(1, min(BLOCKS_AHEAD, BYTES_TOGETHER // max(len(ready[1].data), 1)))
                    yield ready
                    self.prepare_next()
                    ready = self._following.popleft().result()
        finally:
            sys.setswitchinterval(usual_seconds)

    def prepare_next(self) -> None:
        """Begin to prepare the next blocks, as far as that has not begun."""
        while len(self._following) < self._most_ahead:
            self._following.append(self._executor.submit(next, self._blocks, None))

    def take_prepared(self, is_wanted: Callable[[ReadyBlock], bool]) -> ReadyPair | None:
        """Return the next block if it is prepared already and wanted, else None."""
        self.prepare_next()
        following = self._following[0]
        if not following.done() or following.exception() or not (pair := following.result()) or not is_wanted(pair[1]):
            return None
        self._following.popleft()
        self.prepare_next()
        return pair


class _Stream(io.RawIOBase):
    """The data of blocks for one COPY; `rows`: of those that were read."""

    def __init__(self, blocks: Iterable[ReadyBlock]) -> None:
        super().__init__()
        self._blocks = iter(blocks)
        self.rows = 0

    def read(self, size: int = -1) -> bytes:
        """Return the data of the next block, however many: psycopg2 sends all of them; nothing at the end."""
        for ready in self._blocks:
            self.rows += ready.rows
            if ready.data:
                return ready.data
        return b""


def _try_copy(cursor: Cursor, statement: str, blocks: Iterable[ReadyBlock]) -> bool:
    """Copy blocks; return False, with nothing copied, when the server refuses a row or counts other records."""
    stream = _Stream(blocks)
    try:
        # in one statement, because each round trip costs as much as about a hundred rows
        cursor.copy_expert(f"release savepoint block; savepoint block; {statement}", stream)
        copied = cursor.rowcount == stream.rows
    except _UNFIT:
        copied = False
    if not copied:
        cursor.execute("rollback to savepoint block")
    return copied


class _Copier:
    """Copies blocks: some with one COPY, one by one where the server refuses that."""

    def __init__(self, cursor: Cursor, load: Load) -> None:
        self._cursor = cursor
        self._careful = _Careful(cursor, load)
        self._statements = _Statements(cursor, load.plan)

    def copy(self, ahead: _LookAhead) -> Iterator[tuple[Block, ReadyBlock, int]]:
        """Copy all blocks; yield each one, how it was prepared, and the number of its rows that were copied."""
        most = BLOCKS_TOGETHER
        for first in ahead:
            group = [first]
            if self._try_group(group, ahead, most):
                most = min(most * 2, BLOCKS_TOGETHER)
                yield from ((block, ready, ready.rows) for block, ready in group)
            else:
                most = 1
                yield from self._copy_refused(group)

    def _try_group(self, group: list[ReadyPair], ahead: _LookAhead, most: int) -> bool:
        """Copy the block of `group`, and those prepared meanwhile that the same COPY takes, which are added to it."""
        statement = self._choose_statement(group[0][1])

        def take_blocks() -> Iterator[ReadyBlock]:
            # only when COPY begins to read: before that, the thread would delay it
            ahead.prepare_next()
            yield group[0][1]
            size = len(group[0][1].data)
            while (
                len(group) < most
                and size < BYTES_TOGETHER
                and (pair := ahead.take_prepared(lambda ready: self._choose_statement(ready) == statement))
            ):
                group.append(pair)
                size += len(pair[1].data)
                yield pair[1]

        return _try_copy(self._cursor, statement, take_blocks())

    def _copy_refused(self, group: Sequence[ReadyPair]) -> Iterator[tuple[Block, ReadyBlock, int]]:
        """Copy blocks one by one, value by value where that is refused, too."""
        for block, ready in group:
            # a single one was tried already
            if len(group) > 1 and _try_copy(self._cursor, self._choose_statement(ready), [ready]):
                yield block, ready, ready.rows
            else:
                loaded, checked = self._careful.copy(block)
                yield block, checked, loaded

    def _choose_statement(self, ready: ReadyBlock) -> str:
        return self._statements.choose(ready.data, ready.wire)


class _Careful:
    """Row-level work for a block that the server refused."""

    def __init__(self, cursor: Cursor, load: Load) -> None:
        self._cursor, self._load = cursor, load
        self._checker = RowChecker(load.rules)
        self._statement = _Statements(cursor, load.plan).build(CHECKED_WIRE, is_csv=True)

    def copy(self, block: Block) -> tuple[int, ReadyBlock]:
        """Copy the good rows; return how many, and the rejects."""
        checked = self._checker.check(block, self._load.table, careful=True)
        ready_block = build_ready_block(checked, self._load.dataset_id)
        raws = dict(zip(block.rows, block.records, strict=True))
        return self._copy_or_halve(checked, raws, ready_block.rejects), ready_block

    def _copy_or_halve(self, checked: CheckedBlock, raws: dict[int, bytes], rejects: list[Reject]) -> int:
        """Copy rows that passed the checks; if PostgreSQL refuses some of them, find these by halving."""
        ready = build_ready_block(checked, self._load.dataset_id)
        if ready.rows == 1:
            return self._copy_one(ready, checked.rows[0], raws, rejects)
        if _try_copy(self._cursor, self._statement, [ready]):
            return ready.rows
        half = ready.rows // 2
        parts = (slice(0, half), slice(half, None))
        return sum(
            self._copy_or_halve(
                CheckedBlock(checked.rows[part], [column[part] for column in checked.columns], []), raws, rejects
            )
            for part in parts
        )

    def _copy_one(self, ready: ReadyBlock, line: int, raws: dict[int, bytes], rejects: list[Reject]) -> int:
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

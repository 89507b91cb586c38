"""Every value of a table looked at, of a large one by two processes: each takes the next piece when it has time."""

from __future__ import annotations

import fcntl
import marshal
import select
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

from systemscripts.errors import BadDataError, EtlError
from systemscripts.imports.suggest.column_profile import ColumnProfile
from systemscripts.imports.values import split_fields
from systemscripts.tables import forked_process
from systemscripts.tables.model import Block, Table

PIECE_BYTES = 2**20 - 2**16  # of records; one such message fits into a pipe, where it waits for the helper
PIPE_BYTES = 2**20
MAX_KEY_COLUMNS = 2
FIRST_ROWS_COUNT = 50_000  # which one process looks at alone


def profile_columns(
    table: Table, columns: list[str], advance: Callable[[int], None]
) -> tuple[list[ColumnProfile], int]:
    """Look at every value of a table; returns the evidence for each column and the number of rows.

    Raises BadDataError when there is nothing, or the file breaks off.
    """
    if not columns:
        raise BadDataError("the file is empty, there is nothing to propose")
    evidence, rows = [ColumnProfile() for _ in columns], 0
    pieces = _split_into_pieces(table.blocks(), advance)
    for piece in pieces:
        rows += _add_block(evidence, table, piece)
        if rows < FIRST_ROWS_COUNT:
            continue
        _keep_few_keys(evidence)
        if forked_process.is_possible():  # the kinds of each column are known; a helper knows them too
            return evidence, rows + _profile_in_two_processes(evidence, table, pieces)
    return evidence, rows


def _keep_few_keys(evidence: list[ColumnProfile]) -> None:
    """Go on looking for twins in few columns, numbers first: every value of theirs has to be remembered."""
    possible = [seen for seen in evidence if seen.unique]
    possible.sort(key=lambda seen: not (seen.kinds or {}).keys() & {"integer", "bigint"})
    for seen in possible[MAX_KEY_COLUMNS:]:
        seen.hashes = None


def _split_into_pieces(blocks: Iterator[Block], advance: Callable[[int], None]) -> Iterator[Block]:
    for block in blocks:
        step = max(1, len(block.records) * PIECE_BYTES // (sum(map(len, block.records)) + 5 * len(block.records)))
        for begin in range(0, len(block.records), step):
            yield Block(block.records[begin : begin + step], block.rows[begin : begin + step])
        advance(len(block.records))


def _add_block(evidence: list[ColumnProfile], table: Table, block: Block) -> int:
    found = split_fields.split_block(block, table, len(evidence))
    for seen, values in zip(evidence, found.columns, strict=True):
        if values:
            seen.see(values, found.lines)
    return len(found.lines)


def _profile_in_two_processes(evidence: list[ColumnProfile], table: Table, pieces: Iterator[Block]) -> int:
    """Look at the rest of a table together with a helper, whose evidence is added to ours; returns the rows."""
    helper, rows = _Helper(evidence, table), 0
    try:
        for piece in pieces:
            if helper.has_time():
                helper.give(piece)
            else:
                rows += _add_block(evidence, table, piece)
        states, more = helper.result()
        for seen, state in zip(evidence, states, strict=True):
            seen.add(state)
        return rows + more
    finally:
        helper.end()


class _Helper:
    """A fork that looks at pieces; it says when it is through with one."""

    def __init__(self, evidence: list[ColumnProfile], table: Table) -> None:
        self._other = forked_process.ForkedProcess(lambda source, target: _run_helper(source, target, evidence, table))
        self._waiting = 0  # pieces that it was given and is not through with
        with suppress(OSError):  # the system's limit may be lower: then giving a piece waits for the helper
            fcntl.fcntl(self._other.down, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def has_time(self) -> bool:
        """Whether it has at most one piece to do."""
        while self._waiting and select.select([self._other.up], [], [], 0)[0]:
            self._answer()
        return self._waiting < 2

    def give(self, piece: Block) -> None:
        """Give it a piece to look at."""
        rows = piece.rows
        lines = (rows.start, rows.stop) if isinstance(rows, range) else list(rows)
        try:
            forked_process.write_message(self._other.down, marshal.dumps((piece.records, lines)))
        except BrokenPipeError as error:
            raise _build_helper_error() from error
        self._waiting += 1

    def result(self) -> tuple[list[tuple[object, ...]], int]:
        """The state of its evidence for each column, and its rows."""
        self._other.down.close()
        while self._waiting:
            self._answer()
        states, rows = self._answer()
        return states, rows

    def end(self) -> None:
        """End the process, whatever it does."""
        self._other.end()

    def _answer(self) -> Any:
        self._waiting -= 1
        message = forked_process.read_message(self._other.up)
        if message is None:
            raise _build_helper_error()
        return marshal.loads(message)


def _build_helper_error() -> EtlError:
    return EtlError("the second process that looks at the file ended early", "Run the same command again.")


def _run_helper(source: IO[bytes], target: IO[bytes], known: list[ColumnProfile], table: Table) -> None:
    """The helper's whole life: the kinds are known to it, the counts are its own."""
    evidence, rows = [seen.fresh() for seen in known], 0
    while (piece := forked_process.read_message(source)) is not None:
        records, lines = marshal.loads(piece)
        rows += _add_block(evidence, table, Block(records, range(*lines) if isinstance(lines, tuple) else lines))
        forked_process.write_message(target, marshal.dumps(None))
        target.flush()
    forked_process.write_message(target, marshal.dumps(([seen.state() for seen in evidence], rows)))

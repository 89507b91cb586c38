"""Profile every value of a table; the rest of a large one is tested by DuckDB, or two processes take turns on it."""

from __future__ import annotations

import fcntl
import marshal
import select
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

from systemscripts.errors import BadDataError, EtlError
from systemscripts.imports.suggest import duckdb_profile
from systemscripts.imports.suggest.column_profile import ColumnProfile
from systemscripts.imports.values import split_fields
from systemscripts.tables import forked_process
from systemscripts.tables.model import Block, Table

# of records: a message of this size fits into the pipe, where it waits for the helper
PIECE_BYTES = 2**20 - 2**16
PIPE_BYTES = 2**20
# how many columns are searched for repeated values, which takes memory for each value
MAX_KEY_COLUMNS = 2
# DuckDB or a second process pays off only for more rows
FIRST_ROWS_COUNT = 10_000


def profile_columns(
    table: Table, columns: list[str], advance: Callable[[int], None]
) -> tuple[list[ColumnProfile], int]:
    """Profile every value of a table; return the profile of each column and the number of rows.

    Raises BadDataError when the file is empty or truncated.
    """
    if not columns:
        raise BadDataError("the file is empty: there is nothing to propose")
    profiles = [ColumnProfile(column) for column in columns]
    rows = _profile_all(profiles, table, advance)
    again = {index: one for index, seen in enumerate(profiles) if (one := seen.choose_again()) is not None}
    if again:
        _profile_again(again, table, len(columns))
        for index, seen in again.items():
            seen.hashes = profiles[index].hashes
            profiles[index] = seen
    return profiles, rows


def _profile_again(profiles: dict[int, ColumnProfile], table: Table, width: int) -> None:
    """Read the table again for the columns whose later values are not written like the first ones."""
    for piece in _split_into_pieces(table.blocks(), lambda _: None):
        split = split_fields.split_block(piece, table, width)
        for index, seen in profiles.items():
            if split.columns[index]:
                seen.add_values(split.columns[index], split.lines)


def _profile_all(profiles: list[ColumnProfile], table: Table, advance: Callable[[int], None]) -> int:
    """Profile all columns, the rest of a large table together with a helper; return the number of rows."""
    rows = 0
    pieces = _split_into_pieces(table.blocks(), advance)
    for piece in pieces:
        rows += _add_block(profiles, table, piece)
        if rows < FIRST_ROWS_COUNT:
            continue
        _keep_few_keys(profiles)
        # the spellings to test are known by now, so others know them too
        if (all_rows := duckdb_profile.profile_file(profiles, table)) is not None:
            advance(all_rows - rows)
            return all_rows
        if forked_process.is_possible():
            return rows + _profile_in_two_processes(profiles, table, pieces)
    return rows


def _keep_few_keys(profiles: list[ColumnProfile]) -> None:
    """Continue to search few columns for repeated values, numbers first: each value must be remembered."""
    possible = [seen for seen in profiles if seen.is_unique]
    possible.sort(key=lambda seen: not (seen.spellings or {}).keys() & {"integer", "bigint"})
    for seen in possible[MAX_KEY_COLUMNS:]:
        seen.hashes = None


def _split_into_pieces(blocks: Iterator[Block], advance: Callable[[int], None]) -> Iterator[Block]:
    for block in blocks:
        step = max(1, len(block.records) * PIECE_BYTES // (sum(map(len, block.records)) + 5 * len(block.records)))
        for begin in range(0, len(block.records), step):
            yield Block(block.records[begin : begin + step], block.rows[begin : begin + step])
        advance(len(block.records))


def _add_block(profiles: list[ColumnProfile], table: Table, block: Block) -> int:
    split = split_fields.split_block(block, table, len(profiles))
    for seen, values in zip(profiles, split.columns, strict=True):
        if values:
            seen.add_values(values, split.lines)
    return len(split.lines)


def _profile_in_two_processes(profiles: list[ColumnProfile], table: Table, pieces: Iterator[Block]) -> int:
    """Profile the rest of a table together with a helper, whose profiles are added to ours; return the rows."""
    helper, rows = _Helper(profiles, table), 0
    try:
        for piece in pieces:
            if helper.has_time():
                helper.send(piece)
            else:
                rows += _add_block(profiles, table, piece)
        states, more = helper.receive_result()
        for seen, state in zip(profiles, states, strict=True):
            seen.add_state(state)
        return rows + more
    finally:
        helper.stop()


class _Helper:
    """A forked process that profiles pieces, and reports when it has finished one."""

    def __init__(self, profiles: list[ColumnProfile], table: Table) -> None:
        self._other = forked_process.ForkedProcess(lambda source, target: _run_helper(source, target, profiles, table))
        # pieces that it has not finished
        self._waiting = 0
        # the system's limit may be lower: then sending a piece waits for the helper
        with suppress(OSError):
            fcntl.fcntl(self._other.down, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def has_time(self) -> bool:
        """Return whether it has at most one piece to do."""
        while self._waiting and select.select([self._other.up], [], [], 0)[0]:
            self._receive_answer()
        return self._waiting < 2

    def send(self, piece: Block) -> None:
        """Send it a piece to profile."""
        rows = piece.rows
        lines = (rows.start, rows.stop) if isinstance(rows, range) else list(rows)
        try:
            forked_process.write_message(self._other.down, marshal.dumps((piece.records, lines)))
        except BrokenPipeError as error:
            raise _build_helper_error() from error
        self._waiting += 1

    def receive_result(self) -> tuple[list[bytes], int]:
        """Return the state of its profile of each column, and its number of rows."""
        self._other.down.close()
        while self._waiting:
            self._receive_answer()
        states, rows = self._receive_answer()
        return states, rows

    def stop(self) -> None:
        """Stop the process."""
        self._other.end()

    def _receive_answer(self) -> Any:
        self._waiting -= 1
        message = forked_process.read_message(self._other.up)
        if message is None:
            raise _build_helper_error()
        return marshal.loads(message)


def _build_helper_error() -> EtlError:
    return EtlError("the second process that reads the file ended early", "Run the same command again.")


def _run_helper(source: IO[bytes], target: IO[bytes], known: list[ColumnProfile], table: Table) -> None:
    """Profile the pieces that arrive, with the known spellings and counts of its own, then send the result."""
    profiles, rows = [seen.make_empty_copy() for seen in known], 0
    while (piece := forked_process.read_message(source)) is not None:
        records, lines = marshal.loads(piece)
        rows += _add_block(profiles, table, Block(records, range(*lines) if isinstance(lines, tuple) else lines))
        forked_process.write_message(target, marshal.dumps(None))
        target.flush()
    forked_process.write_message(target, marshal.dumps(([seen.export_state() for seen in profiles], rows)))

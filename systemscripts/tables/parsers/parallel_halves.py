"""Uses two processes for the rows of one sheet in memory: a fork of this process formats the second half."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO

from systemscripts.tables import forked_process
from systemscripts.tables.parsers.row_chunk import CsvRows
from systemscripts.tables.parsers.xlsx_strings import UnusualError

# Below this, forking costs more than it saves.
MIN_CELLS = 200_000


def is_worthwhile(cells: int) -> bool:
    """Return whether a sheet has many cells and the machine two processors."""
    return cells >= MIN_CELLS and forked_process.is_possible()


def read_halves(first: Iterable[CsvRows], second: Iterable[CsvRows]) -> Iterator[CsvRows]:
    """Yield the rows of both in order; any error of `second` becomes an UnusualError here."""
    helper = forked_process.ForkedProcess(lambda _, target: _run_helper(second, target))
    try:
        yield from first
        while (message := forked_process.read_message(helper.up)) is not None:
            message_type, content = marshal.loads(message)
            if message_type == "end":
                return
            if message_type == "failed":
                raise UnusualError(content)
            yield CsvRows(*content)
        raise UnusualError("the helper process ended early")
    finally:
        helper.end()


def _run_helper(rows: Iterable[CsvRows], target: IO[bytes]) -> None:
    """Format the rows of the second half and send them; runs in the helper process."""
    try:
        # Collected first: the reader reads nothing before its own half is done, and a pipe buffers little.
        messages = [(part.first, part.last, part.left, part.right, part.csv_runs) for part in rows]
        for content in messages:
            forked_process.write_message(target, marshal.dumps(("rows", content)))
        forked_process.write_message(target, marshal.dumps(("end", None)))
    except BaseException as error:
        with suppress(OSError):
            forked_process.write_message(target, marshal.dumps(("failed", f"{type(error).__name__}: {error}"[:300])))

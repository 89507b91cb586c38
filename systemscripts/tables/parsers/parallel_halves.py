"""Two processes for the rows of one sheet that is in memory: a fork of this one makes the second half ready."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO

from systemscripts.tables import forked_process
from systemscripts.tables.parsers.row_chunk import CsvRows
from systemscripts.tables.parsers.xlsx_strings import UnusualError

MIN_CELLS = 200_000  # below, forking costs more than it saves


def is_worthwhile(cells: int) -> bool:
    """True for a sheet of many cells on a machine with two processors."""
    return cells >= MIN_CELLS and forked_process.is_possible()


def read_halves(first: Iterable[CsvRows], second: Iterable[CsvRows]) -> Iterator[CsvRows]:
    """Yield the rows of both, in order; whatever `second` meets is an UnusualError here."""
    helper = forked_process.ForkedProcess(lambda _, target: _run_helper(second, target))
    try:
        yield from first
        while (message := forked_process.read_message(helper.up)) is not None:
            kind, content = marshal.loads(message)
            if kind == "end":
                return
            if kind == "failed":
                raise UnusualError(content)
            yield CsvRows(*content)
        raise UnusualError("the helper broke off")
    finally:
        helper.end()


def _run_helper(rows: Iterable[CsvRows], target: IO[bytes]) -> None:
    """The helper's whole life."""
    try:
        # kept to the end: who reads takes nothing before its own half is done, and a pipe holds little
        found = [(ready.first, ready.last, ready.left, ready.right, ready.written) for ready in rows]
        for content in found:
            forked_process.write_message(target, marshal.dumps(("rows", content)))
        forked_process.write_message(target, marshal.dumps(("end", None)))
    except BaseException as error:
        with suppress(OSError):
            forked_process.write_message(target, marshal.dumps(("failed", f"{type(error).__name__}: {error}"[:300])))

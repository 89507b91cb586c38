"""Two processes for one large sheet: every other piece of its XML goes to a helper, and comes back as ready CSV.

The helper is forked once the first piece has taught the pattern of the rows and the strings are loaded, so it has both.
"""

from __future__ import annotations

import marshal
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any

from systemscripts.tables import forked_process
from systemscripts.tables.parsers.row_chunk import CsvRows
from systemscripts.tables.parsers.xlsx_strings import UnusualError

MIN_XML_BYTES = 48 * 2**20  # of XML; a smaller sheet is read before a helper would be of use
MAX_PIECES_AHEAD = 3

Prepare = Callable[[bytes], list[CsvRows]]  # a piece of XML -> its rows
Counts = Callable[[], tuple[int, int]]


def is_worthwhile(size: int) -> bool:
    """True for a large sheet on a machine with two processors."""
    return size >= MIN_XML_BYTES and forked_process.is_possible()


def share_pieces(
    pieces: Iterator[bytes], prepare: Prepare, counts: Counts, add_counts: Callable[[int, int], None]
) -> Iterator[CsvRows]:
    """Yield the rows of all pieces in order; half of the work is done by a helper, whose counts are added at the end.

    Raises UnusualError when the helper cannot read its pieces, and whatever `pieces` and `prepare` raise.
    """
    first = next(pieces, None)
    if first is not None:
        yield from prepare(first)
    helper = _Helper(prepare, counts)
    local: queue.Queue[bytes | BaseException | None] = queue.Queue(MAX_PIECES_AHEAD)
    threading.Thread(target=_deal_pieces, args=(pieces, local, helper), daemon=True).start()
    try:
        while (piece := local.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield from prepare(piece)
            found = helper.next()
            if found is None:
                break
            yield from found
        while helper.counts is None and helper.next() is not None:
            raise UnusualError("the helper is out of step")
        add_counts(*(helper.counts or (0, 0)))
    finally:
        helper.end()


def _deal_pieces(pieces: Iterator[bytes], local: queue.Queue[bytes | BaseException | None], helper: _Helper) -> None:
    """Give the pieces to this process and the helper in turn."""
    try:
        for number, piece in enumerate(pieces):
            if number % 2:
                helper.give(piece)
            else:
                local.put(piece)
        helper.close_input()
        local.put(None)
    except BaseException as error:  # it belongs to whoever reads
        local.put(error)


class _Helper:
    """A fork of this process that prepares what it is given, in order."""

    def __init__(self, prepare: Prepare, counts: Counts) -> None:
        self.counts: tuple[int, int] | None = None
        self._other = forked_process.ForkedProcess(lambda source, target: _run_helper(source, target, prepare, counts))

    def give(self, piece: bytes) -> None:
        """Send a piece; waits while the helper is busy."""
        forked_process.write_message(self._other.down, piece)

    def next(self) -> list[CsvRows] | None:
        """What became of the next piece; None when there was none, and the counts are known."""
        message = forked_process.read_message(self._other.up)
        answer: tuple[str, Any] = marshal.loads(message) if message is not None else ("failed", "it broke off")
        kind, content = answer
        if kind == "failed":
            raise UnusualError(content)
        if kind == "counts":
            self.counts = (content[0], content[1])
            return None
        return [CsvRows(*ready) for ready in content]

    def close_input(self) -> None:
        """Say that nothing more comes."""
        self._other.down.close()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._other.end()


def _run_helper(source: IO[bytes], target: IO[bytes], prepare: Prepare, counts: Counts) -> None:
    """The helper's whole life."""
    try:
        before = counts()
        while (piece := forked_process.read_message(source)) is not None:
            found = [(ready.first, ready.last, ready.left, ready.right, ready.written) for ready in prepare(piece)]
            forked_process.write_message(target, marshal.dumps(("rows", found)))
            target.flush()
        errors, formulas = counts()
        forked_process.write_message(target, marshal.dumps(("counts", (errors - before[0], formulas - before[1]))))
    except BaseException as error:
        with suppress(OSError):
            forked_process.write_message(target, marshal.dumps(("failed", f"{type(error).__name__}: {error}"[:300])))

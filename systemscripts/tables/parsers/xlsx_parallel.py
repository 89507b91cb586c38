"""Uses two processes for one large sheet: a helper turns every other piece of its XML into CSV.

The helper is forked once the pattern of the rows is learned and the strings are loaded, so that it has both.
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

# A smaller sheet is read before a helper would pay off.
MIN_XML_BYTES = 48 * 2**20
# More pieces would only fill the memory.
MAX_PIECES_AHEAD = 3

# a piece of XML -> its rows
Prepare = Callable[[bytes], list[CsvRows]]
Counts = Callable[[], tuple[int, int]]


def is_worthwhile(size: int) -> bool:
    """Return whether a sheet is large and the machine has two processors."""
    return size >= MIN_XML_BYTES and forked_process.is_possible()


def share_pieces(
    pieces: Iterator[bytes], prepare: Prepare, counts: Counts, add_counts: Callable[[int, int], None]
) -> Iterator[CsvRows]:
    """Yield the rows of all pieces in order; a helper does half of the work, and its counts are added at the end.

    Raises UnusualError where the helper cannot read its pieces, and anything that `pieces` and `prepare` raise.
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
            rows = helper.receive_rows()
            if rows is None:
                break
            yield from rows
        while helper.counts is None and helper.receive_rows() is not None:
            raise UnusualError("the helper is out of step")
        add_counts(*(helper.counts or (0, 0)))
    finally:
        helper.end()


def _deal_pieces(pieces: Iterator[bytes], local: queue.Queue[bytes | BaseException | None], helper: _Helper) -> None:
    """Distribute the pieces to this process and the helper in turn."""
    try:
        for number, piece in enumerate(pieces):
            if number % 2:
                helper.send_piece(piece)
            else:
                local.put(piece)
        helper.close_input()
        local.put(None)
    # The reading thread raises it.
    except BaseException as error:
        local.put(error)


class _Helper:
    """A fork of this process that prepares pieces in order."""

    def __init__(self, prepare: Prepare, counts: Counts) -> None:
        self.counts: tuple[int, int] | None = None
        self._other = forked_process.ForkedProcess(lambda source, target: _run_helper(source, target, prepare, counts))

    def send_piece(self, piece: bytes) -> None:
        """Send a piece; waits while the helper is busy."""
        forked_process.write_message(self._other.down, piece)

    def receive_rows(self) -> list[CsvRows] | None:
        """Return the rows of the next piece; None where there was none, and the counts are known."""
        message = forked_process.read_message(self._other.up)
        answer: tuple[str, Any] = (
            marshal.loads(message) if message is not None else ("failed", "the helper process ended early")
        )
        message_type, content = answer
        if message_type == "failed":
            raise UnusualError(content)
        if message_type == "counts":
            self.counts = (content[0], content[1])
            return None
        return [CsvRows(*ready) for ready in content]

    def close_input(self) -> None:
        """Tell the helper that it has all pieces."""
        self._other.down.close()

    def end(self) -> None:
        """Kill the process."""
        self._other.end()


def _run_helper(source: IO[bytes], target: IO[bytes], prepare: Prepare, counts: Counts) -> None:
    """Prepare pieces and send their rows; runs in the helper process."""
    try:
        before = counts()
        while (piece := forked_process.read_message(source)) is not None:
            rows = [(part.first, part.last, part.left, part.right, part.csv_runs) for part in prepare(piece)]
            forked_process.write_message(target, marshal.dumps(("rows", rows)))
            target.flush()
        errors, formulas = counts()
        forked_process.write_message(target, marshal.dumps(("counts", (errors - before[0], formulas - before[1]))))
    except BaseException as error:
        with suppress(OSError):
            forked_process.write_message(target, marshal.dumps(("failed", f"{type(error).__name__}: {error}"[:300])))

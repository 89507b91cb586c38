"""Sends many sheets by two processes: a fork of this one reads every other sheet, whose frames are passed on in order.

It is forked behind the first sheet, so that both have the shared strings.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from systemscripts.tables import forked_process
from systemscripts.tables.parsers import parallel_halves
from systemscripts.tables.parsers.workbook import Sheet
from systemscripts.tables.workbooks import protocol
from systemscripts.tables.workbooks.sheet_writer import SheetWriter

# What the helper has read before it is asked for; more of a sheet waits until its turn.
AHEAD_BYTES = 32 * 2**20
# A parser opens its file, and its libraries few others.
MAX_DESCRIPTORS = 64


def send_sheets(
    path: Path,
    sheets: Sequence[Sheet],
    writer: SheetWriter,
    send: Callable[[Sheet], None],
    report: Callable[[BaseException, IO[bytes]], None],
) -> None:
    """Send all sheets in order. `send` writes one to the output of the writer, `report` writes an error."""
    for sheet in sheets[:1]:
        send(sheet)
    others = sheets[1:]
    # two processes read such a sheet already
    has_large_one = any(sheet.csv_rows for sheet in sheets)
    if has_large_one or len(others) < 2 or not parallel_halves.is_worthwhile(writer.cells * len(others)):
        for sheet in others:
            send(sheet)
        return
    copies = _open_again(path)

    def work(_: IO[bytes], target: IO[bytes]) -> None:
        for descriptor, copy in copies.items():
            os.dup2(copy, descriptor)
        _run_helper(others[1::2], writer, send, report, target)

    helper = forked_process.ForkedProcess(work)
    try:
        for copy in copies.values():
            os.close(copy)
        for number, sheet in enumerate(others):
            if not number % 2:
                send(sheet)
            elif not writer.forward(protocol.read_frames(helper.up)):
                return
    finally:
        helper.end()


def _open_again(path: Path) -> dict[int, int]:
    """Return descriptors of the file and new ones at the same positions: processes that share one move each other."""
    opened = []
    for descriptor in range(3, MAX_DESCRIPTORS):
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                opened.append(descriptor)
    copies = {descriptor: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for descriptor in opened}
    for descriptor, copy in copies.items():
        os.lseek(copy, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
    return copies


def _run_helper(
    sheets: Sequence[Sheet],
    writer: SheetWriter,
    send: Callable[[Sheet], None],
    report: Callable[[BaseException, IO[bytes]], None],
    target: IO[bytes],
) -> None:
    """Send the sheets to the other process, each with an end of its own."""
    with io.BufferedWriter(io.FileIO(target.fileno(), "wb", closefd=False), AHEAD_BYTES) as writer.output:
        try:
            for sheet in sheets:
                send(sheet)
                protocol.write_frame(writer.output, protocol.END)
                writer.output.flush()
        except BaseException as error:
            report(error, writer.output)

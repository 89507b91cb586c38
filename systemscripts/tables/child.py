"""The child process that parses one untrusted workbook or page within limits, and writes frames to its output.

python -m systemscripts.tables.child '{"parser": "calamine_parser", "path": "...", "sheet": null, ...}'
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from systemscripts.errors import BadDataError
from systemscripts.tables import frames
from systemscripts.tables.parsers.book import Book, Row, Sheet, choose, is_blank
from systemscripts.tables.parsers.values import texts
from systemscripts.tables.standard_csv import csv_lines

ROWS_PER_FRAME = 5000
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in prctl(2)


def main(request: dict[str, Any], output: IO[bytes]) -> None:
    """Parse as requested: parser, path, sheet, memory_bytes, seconds. Every error becomes a frame, panics included."""
    _limit(request["memory_bytes"], request["seconds"])
    gc.disable()  # millions of short-lived tuples and no cycles: collecting costs a tenth of the time
    try:
        parser = importlib.import_module(f"systemscripts.tables.parsers.{request['parser']}")
        book = parser.open_book(Path(request["path"]))
        sheet = choose(book, request["sheet"])
        frames.write_json(output, frames.HEAD, {"format": book.format, "sheet": sheet.name if sheet else ""})
        frames.write_json(output, frames.END, {"warnings": _send(book, sheet, output) if sheet else []})
    except BadDataError as error:
        frames.write_json(output, frames.FAILED, {"message": error.message, "hint": error.hint, "final": True})
    except BrokenPipeError:
        return  # the parent is gone
    except BaseException as error:  # a panic in Rust is no Exception
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        frames.write_json(output, frames.FAILED, {"message": reason, "hint": "", "final": False})
    output.flush()


def _limit(memory_bytes: int, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _send(book: Book, sheet: Sheet, output: IO[bytes]) -> list[str]:
    """Send the rows of a sheet, from the first to the last column that is used; return the warnings."""
    guess = next((_extent(row) for _, row in sheet.rows() if not is_blank(row)), (0, 0))
    extent = _send_rows(sheet, output, *guess)
    if extent != guess:  # a later row is wider than the first
        frames.write(output, frames.RESTART)
        _send_rows(sheet, output, *extent)
    return book.warnings(sheet)


def _send_rows(sheet: Sheet, output: IO[bytes], left: int, right: int) -> tuple[int, int]:
    """Send runs of rows that follow each other, of columns `left` to `right`; return the columns really used.

    When a row is wider, nothing more is sent: all is to be sent again.
    """
    run: list[list[str]] = []
    following = 0
    used_left, used_right = left, right
    for number, row in sheet.rows():
        if is_blank(row):
            continue
        if len(row) > used_right or (used_left and not is_blank(row[:used_left])):
            row_left, row_right = _extent(row)
            used_left, used_right = min(used_left, row_left), max(used_right, row_right)
        if (used_left, used_right) != (left, right):
            continue
        if number != following or len(run) >= ROWS_PER_FRAME:
            _send_run(output, following - len(run), run)
            run = []
        fields = texts(row if len(row) == right and not left else row[left:right])
        run.append(fields + [""] * (right - left - len(fields)))
        following = number + 1
    _send_run(output, following - len(run), run)
    return used_left, used_right


def _extent(row: Row) -> tuple[int, int]:
    """Number of the first cell that holds a value, and of the one after the last."""
    filled = [number for number, value in enumerate(row) if value not in ("", None)]
    return (filled[0], filled[-1] + 1) if filled else (len(row), 0)


def _send_run(output: IO[bytes], first_row: int, rows: list[list[str]]) -> None:
    if rows:
        content = csv_lines(rows).replace("\0", "").encode("utf-8", errors="replace")
        frames.write_rows(output, first_row, len(rows), content)


def _arguments() -> Iterator[dict[str, Any]]:
    for argument in sys.argv[1:]:
        yield json.loads(argument)


if __name__ == "__main__":
    # Whatever a library prints must not get between the frames.
    pipe = os.fdopen(os.dup(1), "wb", buffering=2**20)
    os.dup2(2, 1)
    for request in _arguments():
        main(request, pipe)

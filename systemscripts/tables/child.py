"""The child process that parses one untrusted workbook or page within limits, and writes frames to its output.

python -m systemscripts.tables.child '{"parser": "calamine_parser", "path": "...", "sheet": null, ...}'
"""

from __future__ import annotations

import csv
import ctypes
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
from systemscripts.tables.parsers.book import Book, Sheet, choose, is_blank
from systemscripts.tables.parsers.values import texts

ROWS_PER_FRAME = 5000
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in prctl(2)


class _NarrowerError(Exception):
    """The last columns turned out to be empty."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.width = width


def main(request: dict[str, Any], output: IO[bytes]) -> None:
    """Parse as requested: parser, path, sheet, memory_bytes, seconds. Every error becomes a frame, panics included."""
    _limit(request["memory_bytes"], request["seconds"])
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
    """Send the rows of a sheet without empty last columns; return the warnings."""
    try:
        _send_rows(sheet, output, None)
    except _NarrowerError as narrower:
        frames.write(output, frames.RESTART)
        _send_rows(sheet, output, narrower.width)
    return book.warnings(sheet)


def _send_rows(sheet: Sheet, output: IO[bytes], width: int | None) -> None:
    frame = _Frame(output)
    written = used = 0
    for number, row in enumerate(sheet.rows(), 1):
        if is_blank(row):
            frame.end()
            continue
        written = len(row)
        if used < written:
            used = max(used, next((n for n in range(written, 0, -1) if row[n - 1] not in ("", None)), 0))
        frame.add(number, texts(row if width is None else row[:width]))
    if width is None and used < written:
        raise _NarrowerError(used)
    frame.end()


class _Frame:
    """Collects rows that follow each other, and sends them by the thousand."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._records: list[str] = []
        self._first = 0
        # With CRLF as its line end the writer quotes every field that holds a CR or LF; the LF is put in by end().
        self._writer = csv.writer(self, lineterminator="\r\n")

    def add(self, number: int, fields: list[str]) -> None:
        """Take one row."""
        if not self._records:
            self._first = number
        self._writer.writerow(fields)
        if len(self._records) >= ROWS_PER_FRAME:
            self.end()

    def write(self, record: str) -> None:
        """What csv.writer calls, once for each record."""
        self._records.append(record[:-2])

    def end(self) -> None:
        """Send what there is; the next row may have any number."""
        if self._records:
            text = "\n".join(self._records) + "\n"
            content = text.replace("\0", "").encode("utf-8", errors="replace")
            frames.write_rows(self._output, self._first, len(self._records), content)
            self._records = []


def _arguments() -> Iterator[dict[str, Any]]:
    for argument in sys.argv[1:]:
        yield json.loads(argument)


if __name__ == "__main__":
    # Whatever a library prints must not get between the frames.
    pipe = os.fdopen(os.dup(1), "wb", buffering=2**20)
    os.dup2(2, 1)
    for request in _arguments():
        main(request, pipe)

"""Workbooks and pages: parsed by a child process, spooled as standard CSV into a temporary file without a name."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

from systemscripts.errors import BadDataError
from systemscripts.tables import frames, header
from systemscripts.tables.model import Block, Detected, ReadingOptions, Table, Wire
from systemscripts.tables.records import RecordCutter

CHUNK_BYTES = 4 * 2**20
MOST_MEMORY = 3 * 2**30  # of the child; calamine takes up to 1 GB for a million rows
MOST_SECONDS = 600
MOST_OUTPUT = 8 * 2**30
SPOOL_DIRECTORY: Path | None = None  # None: the system's place for temporary files
PROJECT = Path(__file__).resolve().parents[2]


class Spool:
    """The rows of one sheet as CSV, in a file that vanishes with the process, and the sheet row of each."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=SPOOL_DIRECTORY)  # noqa: SIM115 - SpooledTable.close() closes it
        self.count = 0
        self._starts: list[int] = []  # number of the first record of each run of consecutive rows
        self._rows: list[int] = []  # its sheet row

    def add(self, first_row: int, count: int, records: memoryview) -> None:
        """Append `count` records that stand in consecutive sheet rows."""
        if self.file.tell() + len(records) > MOST_OUTPUT:
            raise BadDataError(f"the sheet holds more than {MOST_OUTPUT >> 30} GB of text")
        self.file.write(records)
        if not self._starts or self._rows[-1] + self.count - self._starts[-1] != first_row:
            self._starts.append(self.count)
            self._rows.append(first_row)
        self.count += count

    def clear(self) -> None:
        """Forget all rows."""
        self.file.seek(0)
        self.file.truncate()
        self.count, self._starts, self._rows = 0, [], []

    def blocks(self) -> Iterator[Block]:
        """Yield all records with their sheet rows."""
        cutter = RecordCutter(b",", b'"', b"\n", width=0, trusted=True)
        done = 0
        for block in cutter.blocks(self._chunks()):
            yield Block(block.records, self._row_numbers(done, len(block.records)))
            done += len(block.records)

    def _chunks(self) -> Iterator[bytes]:
        position = 0
        while True:
            self.file.seek(position)
            chunk = self.file.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk
            position += len(chunk)

    def _row_numbers(self, start: int, count: int) -> Sequence[int]:
        """Sheet rows of `count` records from record number `start`."""
        runs = []
        run = bisect_right(self._starts, start) - 1
        while count:
            run_end = self._starts[run + 1] if run + 1 < len(self._starts) else self.count
            size = min(count, run_end - start)
            first = self._rows[run] + start - self._starts[run]
            runs.append(range(first, first + size))
            start, count, run = start + size, count - size, run + 1
        return runs[0] if len(runs) == 1 else list(chain.from_iterable(runs))


class SpooledTable(Table):
    """A sheet, or a table of a page. Its content is known by its columns and clean rows: workbooks embed save times."""

    def __init__(self, spool: Spool, detected: Detected, warnings: list[str], options: ReadingOptions) -> None:
        self._spool = spool
        self._sha256 = ""
        self.wire = Wire()
        self.detected = detected
        self.warnings = warnings
        self.columns: list[str] = []
        self.skipped = 0
        self._header_end = 0
        first = next(spool.blocks(), None)
        if first is None:
            detected.format = "empty"
            return
        top = zip(first.records[: header.ROWS_TO_SEARCH], first.rows, strict=False)
        rows = [(row, self.parse(record)) for record, row in top]
        found = header.find(rows, options, header.usual_width(rows))
        self.columns, self.skipped, detected.header_row = found.columns, found.skipped, found.row
        detected.notes.append(found.note)
        if found.first_data:
            self._header_end = rows[min(found.first_data, len(rows)) - 1][0]

    def blocks(self) -> Iterator[Block]:
        """Yield the records below the header; `rows` are rows of the sheet."""
        for block in self._spool.blocks():
            if block.rows[0] <= self._header_end:
                start = bisect_right(block.rows, self._header_end)
                block = Block(block.records[start:], block.rows[start:])
            if block.records:
                yield block

    def content_sha256(self) -> str:
        """SHA-256 of the columns and of the clean rows."""
        if not self._sha256:
            digest = hashlib.sha256(json.dumps(self.columns).encode())
            for block in self.blocks():
                digest.update(b"\n" + b"\n".join(block.records))
            self._sha256 = digest.hexdigest()
        return self._sha256

    def close(self) -> None:
        """Free the temporary file."""
        self._spool.file.close()


def open_spooled(path: Path, options: ReadingOptions, parsers: Sequence[str], kind: str) -> Table:
    """Parse `path` with the first of `parsers` that can; `kind` says what the file should be, for the message.

    Raises BadDataError when none can, or when a limit is reached (memory 3 GB, time 10 minutes, output 8 GB).
    """
    failures = []
    for parser in parsers:
        spool = Spool()
        try:
            head, warnings = _run(path, options, parser, spool)
        except _NextParserError as error:
            failures.append(str(error))
            spool.file.close()
            continue
        except BaseException:
            spool.file.close()
            raise
        notes = [f"read by {parser}, because: {failures[0]}"] if failures else []
        detected = Detected(head["format"], "utf-8", sheet=head["sheet"], notes=notes)
        return SpooledTable(spool, detected, warnings, options)
    raise BadDataError(f"{path.name} is damaged or no {kind}: {failures[0]}", "Ask the sender for it again.")


class _NextParserError(Exception):
    """This parser could not; another one may."""


def _run(path: Path, options: ReadingOptions, parser: str, spool: Spool) -> tuple[dict[str, Any], list[str]]:
    """Let a child parse, and spool what it sends; return its head and warnings."""
    child = _start(path, options, parser)
    late = threading.Timer(MOST_SECONDS, child.kill)
    late.start()
    try:
        return _receive(child, spool)
    except frames.BrokenOffError as error:
        child.wait()
        if not late.is_alive():
            raise BadDataError(f"{path.name} took longer than {MOST_SECONDS} seconds to read") from error
        raise _NextParserError(f"{parser} broke off with status {child.returncode}") from error
    finally:
        late.cancel()
        child.kill()
        child.communicate()


def _start(path: Path, options: ReadingOptions, parser: str) -> subprocess.Popen[bytes]:
    request = {
        "parser": parser,
        "path": str(path.resolve()),
        "sheet": options.sheet,
        "memory_bytes": MOST_MEMORY,
        "seconds": MOST_SECONDS,
    }
    # Nothing is inherited but what the child needs: no settings, no secrets, no open files.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "systemscripts.tables.child", json.dumps(request)],
        env={"PYTHONPATH": str(PROJECT), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _receive(child: subprocess.Popen[bytes], spool: Spool) -> tuple[dict[str, Any], list[str]]:
    assert child.stdout is not None
    head: dict[str, Any] = {}
    warnings: list[str] = []
    for kind, payload in frames.read(child.stdout):
        if kind == frames.ROWS:
            spool.add(*frames.rows(payload))
        elif kind == frames.RESTART:
            spool.clear()
        elif kind == frames.HEAD:
            head = json.loads(payload)
        elif kind == frames.END:
            warnings = json.loads(payload)["warnings"]
        else:
            failure = json.loads(payload)
            if failure["final"]:
                raise BadDataError(failure["message"], failure["hint"])
            raise _NextParserError(failure["message"])
    return head, warnings

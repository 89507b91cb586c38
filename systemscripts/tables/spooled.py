"""Workbooks, pages and JSON: parsed by a child process, spooled as standard CSV into temporary files without a name."""

from __future__ import annotations

import hashlib
import json
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from systemscripts.summary import Notice
from systemscripts.tables import all_sheets, asking, frames, header
from systemscripts.tables.model import Block, Detected, ReadingOptions, Table, Wire
from systemscripts.tables.parsers.book import ALL
from systemscripts.tables.spool import Spool

SPOOL_DIRECTORY: Path | None = None  # None: temporary_files.folder()


class SpooledTable(Table):
    """A sheet, or a table of a page. Its content is known by its columns and clean rows: workbooks embed save times."""

    def __init__(
        self,
        spool: Spool,
        detected: Detected,
        warnings: list[Notice],
        options: ReadingOptions,
        header_known: bool = False,
    ) -> None:
        self._spool = spool
        self._sha256 = ""
        self.wire = Wire()
        self.detected = detected
        self.warnings = warnings
        self.columns: list[str] = []
        self.skipped = 0
        self._header_end = 0
        first = spool.top(header.ROWS_TO_SEARCH)
        if first is None:
            detected.format = "empty"
            return
        rows = [(row, self.parse(record)) for record, row in zip(first.records, first.rows, strict=True)]
        if header_known and not (options.no_header or options.header_row or options.header_rows):
            found = header.Header(rows[0][1], None, 1, 0, "the columns are named by the file")
        else:
            found = header.find(rows, options, header.usual_width(rows))
        self.columns, self.skipped, detected.header_row = found.columns, found.skipped, found.row
        detected.notes.append(found.note)
        detected.notes += [doubt.text for doubt in found.doubts]
        self.warnings += found.doubts
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

    def standard_text(self) -> tuple[int, Iterator[bytes]]:
        """The records as the child wrote them."""
        return self._spool.below(self._header_end)

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
        self._spool.close()


def open_spooled(path: Path, options: ReadingOptions, parsers: Sequence[str], kind: str) -> Table:
    """Parse `path` with the first of `parsers` that can; `kind` says what the file should be, for the message.

    Raises BadDataError when none can, or when a limit is reached (asking.LIMITS).
    """
    tables = open_sheets(path, options, parsers, kind)
    if options.sheet == ALL and tables[0].detected.sheet not in ("", ALL):  # also one alone: its columns are the same
        return all_sheets.join(tables, path)
    return tables[0]


def open_sheets(path: Path, options: ReadingOptions, parsers: Sequence[str], kind: str) -> list[SpooledTable]:
    """A table for each sheet that is wanted; an empty one when no sheet holds anything."""
    question = asking.Question(path, parsers, kind, options)
    deadline = time.monotonic() + asking.LIMITS.seconds_for(path)
    failures: list[str] = []
    for parser in parsers:
        answer = _Answer()
        try:
            answer.receive(question.frames(parser, deadline))
        except asking.NextParserError as error:
            failures.append(str(error))
            answer.close()
            continue
        except BaseException:
            answer.close()
            raise
        second = f"read by {parser}, because: {failures[0]}" if failures else ""
        return answer.tables([Notice("second_reader", second)] if second else [], options)
    raise asking.refusal(question, failures)


def sheet_names(path: Path, parsers: Sequence[str], kind: str) -> list[str]:
    """The names of all sheets with cells, hidden ones included."""
    question = asking.Question(path, parsers, kind, names_only=True)
    deadline = time.monotonic() + asking.LIMITS.seconds_for(path)
    failures = []
    for parser in parsers:
        try:
            answer = _Answer()
            answer.receive(question.frames(parser, deadline))
            return [name for name, _ in answer.book["sheets"]]
        except asking.NextParserError as error:
            failures.append(str(error))
    raise asking.refusal(question, failures)


class _Answer:
    """What a child sent: the book, and each sheet with its rows."""

    def __init__(self) -> None:
        self.book: dict[str, Any] = {"format": "empty", "sheets": [], "header_known": False}
        self._sheets: list[tuple[str, Spool, list[Notice]]] = []

    def receive(self, sent: Iterator[tuple[bytes, bytes]]) -> None:
        """Take all frames."""
        for kind, payload in sent:
            if kind == frames.ROWS:
                self._sheets[-1][1].add(*frames.rows(payload))
            elif kind == frames.RESTART:
                self._sheets[-1][1].clear()
            elif kind == frames.BOOK:
                self.book = json.loads(payload)
            elif kind == frames.SHEET:
                self._sheets.append((json.loads(payload)["name"], Spool(SPOOL_DIRECTORY), []))
            elif kind == frames.WARNINGS:
                self._sheets[-1][2].extend(frames.warnings(payload))

    def tables(self, doubts: list[Notice], options: ReadingOptions) -> list[SpooledTable]:
        """A table for each sheet; `doubts` are about the whole book."""
        notes = [doubt.text for doubt in doubts]
        known = self.book["header_known"]
        if not self._sheets:
            detected = Detected(self.book["format"], "utf-8", notes=notes)
            return [SpooledTable(Spool(SPOOL_DIRECTORY), detected, doubts, options)]
        try:
            return [
                SpooledTable(
                    spool,
                    Detected(self.book["format"], "utf-8", sheet=name, notes=[*notes]),
                    [*doubts, *said],
                    options,
                    known,
                )
                for name, spool, said in self._sheets
            ]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Free all files."""
        for _, spool, _ in self._sheets:
            spool.close()

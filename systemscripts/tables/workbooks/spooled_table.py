"""Tables of workbooks, web pages and JSON: parsed by a child process, spooled as standard CSV in unnamed files."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.model import Block, Detected, ReadingOptions, Table, Wire
from systemscripts.tables.parsers.workbook import ALL
from systemscripts.tables.structure import header, table_end, unread_tables
from systemscripts.tables.workbooks import all_sheets, parser_process, protocol
from systemscripts.tables.workbooks.spool import Spool

# Of a longer sheet only the end is searched for notes: a second table within it shows in its rows.
MAX_SEARCHED_ROWS = 5000
# None: temporary_files.choose_folder()
SPOOL_DIRECTORY: Path | None = None


class SpooledTable(Table):
    """A sheet, or a table of a page. Columns and clean rows identify its content: workbooks embed save times."""

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
        self._last_row: int | None = None
        self._dropped: frozenset[int] = frozenset()
        first = spool.read_first(header.ROWS_TO_SEARCH)
        if first is None:
            detected.format = "empty"
            return
        rows = [(row, self.parse(record)) for record, row in zip(first.records, first.rows, strict=True)]
        if header_known and not (options.no_header or options.header_row or options.header_rows):
            header_found = header.Header(rows[0][1], None, 1, 0, "the file names its columns")
        else:
            header_found = header.find_header(rows, options, header.find_usual_width(rows))
        self.columns, self.skipped, detected.header_row = header_found.columns, header_found.skipped, header_found.row
        detected.notes.append(header_found.note)
        detected.notes += [doubt.text for doubt in header_found.doubts]
        self.warnings += header_found.doubts
        if header_found.first_data:
            self._header_end = rows[min(header_found.first_data, len(rows)) - 1][0]
        if not header_known and not options.keep_all_rows:
            self._find_end(rows, header_found)

    def _find_end(self, top: header.Rows, header_found: header.Header) -> None:
        """Leave out notes, a second table and repeated headers below the table; in a long sheet only at its end."""
        is_whole = self._spool.count <= MAX_SEARCHED_ROWS
        blocks = self._spool.blocks() if is_whole else self._spool.read_last(table_end.MAX_FOOTER_ROWS)
        records = [pair for block in blocks for pair in zip(block.rows, block.records, strict=True)]
        # of long blocks only the end, because each record is parsed alone
        rows = [(row, self.parse(record)) for row, record in records[-MAX_SEARCHED_ROWS:] if row > self._header_end]
        heading = (
            top[header_found.first_data - 1][1] if header_found.row and 0 < header_found.first_data <= len(top) else []
        )
        width = header.find_usual_width(rows) if rows else 0
        rows = [
            (row, fields if len(fields) == width else (fields + [""] * width)[: max(width, _count_used_fields(fields))])
            for row, fields in rows
        ]
        end = table_end.find_end(rows, 0, width, (list(heading) + [""] * width)[:width], only_footer=not is_whole)
        self._dropped = frozenset(rows[position][0] for position in end.dropped)
        if end.dropped:
            self.warnings.append(table_end.warn_of_repeated_header(len(end.dropped)))
        left = len(rows) - end.position
        if left:
            self._last_row = rows[end.position][0] - 1
            if end.note:
                self.warnings.append(table_end.warn_of_rows_left_out(left, end.note))
        self.skipped += left + len(end.dropped)

    def blocks(self) -> Iterator[Block]:
        """Yield the records below the header; `rows` are row numbers of the sheet."""
        for block in self._spool.blocks():
            if block.rows[0] <= self._header_end:
                start = bisect_right(block.rows, self._header_end)
                block = Block(block.records[start:], block.rows[start:])
            if self._last_row is not None or self._dropped:
                block = self._drop_left_out(block)
            if block.records:
                yield block

    def _drop_left_out(self, block: Block) -> Block:
        last = self._last_row if self._last_row is not None else block.rows[-1] if block.rows else 0
        kept = [
            (record, row)
            for record, row in zip(block.records, block.rows, strict=True)
            if row <= last and row not in self._dropped
        ]
        return Block([record for record, _ in kept], [row for _, row in kept])

    def standard_text(self) -> tuple[int, Iterator[bytes]] | None:
        """Return the records as the child wrote them; None where some of them are left out."""
        if self._last_row is not None or self._dropped:
            return None
        return self._spool.read_below(self._header_end)

    def content_sha256(self) -> str:
        """Return the SHA-256 of the columns and the clean rows, as hexadecimal digits."""
        if not self._sha256:
            digest = hashlib.sha256(json.dumps(self.columns).encode())
            for block in self.blocks():
                digest.update(b"\n" + b"\n".join(block.records))
            self._sha256 = digest.hexdigest()
        return self._sha256

    def close(self) -> None:
        """Delete the temporary file."""
        self._spool.close()


def _count_used_fields(fields: Sequence[str]) -> int:
    return max((number for number, cell in enumerate(fields, 1) if cell), default=0)


def open_spooled(path: Path, options: ReadingOptions, parsers: Sequence[str], type_name: str) -> Table:
    """Parse `path` with the first of `parsers` that succeeds; `type_name` says in messages what the file should be.

    Raises BadDataError where none succeeds or a limit is reached (parser_process.LIMITS).
    """
    tables = open_sheets(path, options, parsers, type_name)
    # A single sheet too: its columns must not depend on how many sheets the file has.
    if options.sheet == ALL and tables[0].detected.sheet not in ("", ALL):
        return all_sheets.join_sheets(tables, path)
    return tables[0]


def open_sheets(path: Path, options: ReadingOptions, parsers: Sequence[str], type_name: str) -> list[SpooledTable]:
    """Return a table for each requested sheet; an empty one where no sheet has values."""
    answer, parser, reason = parser_process.ParseRequest(path, parsers, type_name, options).ask(_Answer.receive)
    return answer.make_tables(
        [Notice("second_reader", f"read by {parser}, because the first parser failed: {reason}")] if reason else [],
        options,
    )


def list_sheet_names(path: Path, parsers: Sequence[str], type_name: str) -> list[str]:
    """Return the names of all sheets with cells, hidden ones included."""
    answer, _, _ = parser_process.ParseRequest(path, parsers, type_name, names_only=True).ask(_Answer.receive)
    return [name for name, _ in answer.book["sheets"]]


class _Answer:
    """What a child sent: the workbook, and each sheet with its rows."""

    def __init__(self) -> None:
        self.book: dict[str, Any] = {"format": "empty", "sheets": [], "header_known": False}
        self._sheets: list[tuple[str, Spool, list[Notice]]] = []
        # the other sheets, where one sheet is read
        self._others: list[dict[str, Any]] = []

    @classmethod
    def receive(cls, sent: Iterator[tuple[bytes, bytes]]) -> _Answer:
        """Return the answer from all frames; where the stream is truncated, delete what was spooled and raise."""
        answer = cls()
        try:
            answer._receive_frames(sent)
        except BaseException:
            answer.close()
            raise
        return answer

    def _receive_frames(self, sent: Iterator[tuple[bytes, bytes]]) -> None:
        """Add all frames. Raises what `sent` raises, unless everything requested arrived before."""
        is_whole = False
        try:
            for frame_type, payload in sent:
                is_whole = is_whole or frame_type == protocol.WHOLE
                self._add_frame(frame_type, payload)
        except (parser_process.NextParserError, BadDataError):
            if not is_whole:
                raise

    def _add_frame(self, frame_type: bytes, payload: bytes) -> None:
        if frame_type == protocol.ROWS:
            self._sheets[-1][1].add(*protocol.parse_rows(payload))
        elif frame_type == protocol.RESTART:
            self._sheets[-1][1].clear()
        elif frame_type == protocol.BOOK:
            self.book = json.loads(payload)
        elif frame_type == protocol.SHEET:
            self._sheets.append((json.loads(payload)["name"], Spool(SPOOL_DIRECTORY), []))
        elif frame_type == protocol.WARNINGS:
            self._sheets[-1][2].extend(protocol.parse_warnings(payload))
        elif frame_type == protocol.OTHERS:
            self._others = json.loads(payload)["others"]

    def make_tables(self, doubts: list[Notice], options: ReadingOptions) -> list[SpooledTable]:
        """Return a table for each sheet; `doubts` are warnings about the whole workbook."""
        notes = [doubt.text for doubt in doubts]
        known = self.book["header_known"]
        if not self._sheets:
            detected = Detected(self.book["format"], "utf-8", notes=notes)
            return [SpooledTable(Spool(SPOOL_DIRECTORY), detected, doubts, options)]
        try:
            tables = [
                SpooledTable(
                    spool,
                    Detected(self.book["format"], "utf-8", sheet=name, notes=[*notes]),
                    [*doubts, *said],
                    options,
                    known,
                )
                for name, spool, said in self._sheets
            ]
            for table in tables:
                table.column_types = self.book["column_types"]
            if self._others:
                doubts, facts = unread_tables.describe_tables(
                    self._others, tables[0].columns, self.book["format"], options
                )
                tables[0].warnings += doubts
                tables[0].detected.notes += [*(doubt.text for doubt in doubts), *facts]
            return tables
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete all files."""
        for _, spool, _ in self._sheets:
            spool.close()

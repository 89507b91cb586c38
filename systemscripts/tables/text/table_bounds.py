"""Analyse the rows of a text file: find its header, its end, and records in another dialect.

A file of up to MAX_WHOLE_BYTES is analysed as a whole, a larger one only at its beginning and its end. Rows in the
middle of a large file are not repaired: the load rejects each row that does not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from systemscripts.summary import Notice
from systemscripts.tables.model import ReadingOptions, Wire
from systemscripts.tables.structure import first_table, header, table_end, value_kinds
from systemscripts.tables.text import repair_rows
from systemscripts.tables.text.dialect_adapter import DialectAdapter, join_record, split_records
from systemscripts.tables.text.record_splitter import RecordSplitter

# Analysing this much takes a fraction of a second.
MAX_WHOLE_BYTES = 2 * 2**20
# Notes below a table fit into it.
TAIL_BYTES = 64 * 2**10
# More than enough rows to show the kinds of all columns.
HEAD_ROWS = 2000
# A file with more of them does not consist of one table.
MAX_ODD_ROWS = 2000
BYTE_ORDER_MARK = "\ufeff"
UNLIMITED_ROWS = 2**62
# the line where a record begins, and its fields
Row = tuple[int, list[str]]


@dataclass
class Findings:
    """What the analysis found. `changes`: line -> the record to use instead of the one in the file; None drops it."""

    header: header.Header
    # the number of fields of the records, with a surplus one
    width: int
    # each record ends with one delimiter more than the header
    is_surplus: bool = False
    # the rows in the middle were not analysed
    is_partial: bool = False
    # the line of the last row of the header
    header_end: int = 0
    # where the text of the table ends, in bytes of the wire encoding
    end: int | None = None
    skipped: int = 0
    changes: dict[int, bytes | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    doubts: list[Notice] = field(default_factory=list)


class RowReader:
    """Splits pieces of one text into rows of fields."""

    def __init__(self, adapter: DialectAdapter, line_end: bytes) -> None:
        self.adapter, self.line_end = adapter, line_end

    def make_splitter(self, width: int) -> RecordSplitter:
        """Return a splitter for the wire format of this text."""
        wire = self.adapter.wire
        return RecordSplitter(
            wire.delimiter.encode(wire.encoding), wire.quote.encode(wire.encoding), self.line_end, width
        )

    def read_rows(self, pieces: Iterable[bytes], width: int, max_rows: int = UNLIMITED_ROWS) -> list[Row]:
        """Return line and fields of the first `max_rows` records."""
        rows: list[Row] = []
        for block in self.make_splitter(width).blocks(self.adapter.adapt_text(pieces)):
            block = self.adapter.restore_records(block)
            rows += zip(block.rows, split_records(block.records[:max_rows], self.adapter.wire), strict=False)
            if len(rows) >= max_rows:
                return rows[:max_rows]
        return rows


def analyse_whole(data: bytes, reader: RowReader, width: int, options: ReadingOptions) -> Findings:
    """Analyse a complete text. `width`: the number of fields of most records, as far as the dialect shows it."""
    rows = reader.read_rows([data], width)
    if width > 1 and not options.keep_all_rows and reader.adapter.wire.delimiter != " ":
        width = first_table.find_first_table_width(rows)
    # A value of fixed width that runs over the edge of its column cannot be split again.
    is_unrepaired = options.keep_all_rows or bool(reader.adapter.dialect.positions)
    changes = {} if is_unrepaired else _realign_rows(rows, data, width, reader.adapter.wire)
    rows, findings = _find_header(rows, options, width)
    width = findings.width - findings.is_surplus
    if options.keep_all_rows:
        return findings
    findings.changes |= changes | _strip_marks(rows, reader.adapter.wire)
    if changes:
        text = f"{len(changes)} rows with another delimiter were split by the kinds of their columns"
        findings.doubts.append(Notice("rows_realigned", text))
    first = findings.header.first_data
    heading = rows[first - 1][1] if 0 < first <= len(rows) and findings.header.row else []
    end = table_end.find_end(rows, first, width, heading)
    findings.changes |= {rows[position][0]: None for position in end.dropped}
    if end.dropped:
        findings.doubts.append(table_end.warn_of_repeated_header(len(end.dropped)))
    findings.skipped += len(end.dropped)
    _note_end(findings, rows, end)
    if end.position < len(rows):
        findings.end = find_line_offset(data, rows[end.position][0])
    return findings


def analyse_parts(
    head: bytes, tail: bytes, size: int, reader: RowReader, width: int, options: ReadingOptions
) -> Findings:
    """Analyse beginning and end of a text of `size` bytes. `tail` is empty if the end cannot be split by itself."""
    rows = reader.read_rows([head], width, HEAD_ROWS)
    width = first_table.find_first_table_width(rows) if width > 1 else width
    rows, findings = _find_header(rows, options, width)
    findings.is_partial = not options.keep_all_rows
    first_line_end = tail.find(reader.line_end or b"\n") + 1
    if first_line_end and not options.keep_all_rows:
        tail = tail[first_line_end:]
        last_rows = reader.read_rows([tail], width)
        end = table_end.find_end(last_rows, 0, width, only_footer=True)
        _note_end(findings, last_rows, end)
        if end.position < len(last_rows):
            findings.end = size - len(tail) + find_line_offset(tail, last_rows[end.position][0])
    return findings


def find_line_offset(data: bytes, line: int) -> int:
    """Return the offset at which a line, counted from 1, begins. LF, CRLF and CR all end a line."""
    return sum(map(len, data.splitlines(keepends=True)[: line - 1]))


def limit_bytes(chunks: Iterable[bytes], end: int | None) -> Iterator[bytes]:
    """Yield the first `end` bytes of a text, or all of it if `end` is None."""
    left = end
    for chunk in chunks:
        if left is None:
            yield chunk
            continue
        if left <= len(chunk):
            yield chunk[:left]
            return
        yield chunk
        left -= len(chunk)


def _find_header(rows: list[Row], options: ReadingOptions, width: int) -> tuple[list[Row], Findings]:
    """Find the header. Return the rows, without a surplus blank field each, and the findings."""
    surplus = 0 if options.keep_all_rows else first_table.find_surplus_width(rows, width)
    if surplus:
        rows = [(line, fields[:-1] if len(fields) == surplus else fields) for line, fields in rows]
    head = header.find_header(rows[: header.ROWS_TO_SEARCH], options, surplus - 1 if surplus else width)
    findings = Findings(head, surplus or width, bool(surplus), skipped=head.skipped, notes=[head.note])
    findings.doubts += head.doubts
    if surplus:
        text = "the rows end with one delimiter more than the header: the blank field after it was left out"
        findings.doubts.append(Notice("header_ragged", text))
    if head.first_data and rows:
        findings.header_end = rows[min(head.first_data, len(rows)) - 1][0]
    return rows, findings


def _note_end(findings: Findings, rows: header.Rows, end: table_end.TableEnd) -> None:
    count = len(rows) - end.position
    findings.skipped += count
    if end.note:
        findings.doubts.append(table_end.warn_of_rows_left_out(count, end.note))


def _strip_marks(rows: list[Row], wire: Wire) -> dict[int, bytes | None]:
    """Strip byte order marks from rows in the middle: each file that was appended begins with its own.

    Changes `rows` and returns the new records by line.
    """
    changes: dict[int, bytes | None] = {}
    for position, (line, fields) in enumerate(rows):
        if fields and fields[0].startswith(BYTE_ORDER_MARK):
            rows[position] = line, [fields[0].removeprefix(BYTE_ORDER_MARK), *fields[1:]]
            changes[line] = join_record(rows[position][1], wire)
    return changes


def _realign_rows(rows: list[Row], data: bytes, width: int, wire: Wire) -> dict[int, bytes | None]:
    """Split the rows that another delimiter splits well. Changes `rows` and returns the new records by line."""
    odd = [position for position, (_, fields) in enumerate(rows) if len(fields) != width]
    fitting = [fields for _, fields in rows if len(fields) == width]
    max_odd = len(rows) if wire.delimiter == " " else min(MAX_ODD_ROWS, len(rows) / 2)
    if width < 2 or not odd or len(odd) > max_odd or len(fitting) < 2:
        return {}
    body = value_kinds.profile_columns(fitting[1 : first_table.SAMPLE_ROWS] or fitting, width)
    raw_lines = data.splitlines()
    first = next(position for position, (_, fields) in enumerate(rows) if len(fields) == width)
    changes: dict[int, bytes | None] = {}
    for position in odd:
        line = rows[position][0]
        try:
            text = raw_lines[line - 1].decode(wire.encoding)
        except UnicodeDecodeError:
            # A damaged row is not repaired: the load rejects it.
            continue
        fields = repair_rows.realign_row(text, width, body, wire.delimiter) if position > first else None
        if fields is None and len(rows[position][1]) <= width / 2 and _may_be_header(rows, position, width):
            is_above_data = _is_above_data(rows, position, body)
            fields = repair_rows.realign_header(text, width, wire.delimiter, may_have_spaces=is_above_data)
        if fields is not None:
            rows[position] = (line, fields)
            changes[line] = join_record(fields, wire)
    return changes


def _may_be_header(rows: header.Rows, position: int, width: int) -> bool:
    """Return whether a row is in the place of the header: a record follows it and none precedes it."""
    below = rows[position + 1 :]
    return bool(below) and len(below[0][1]) == width and all(len(fields) != width for _, fields in rows[:position])


def _is_above_data(rows: header.Rows, position: int, body: Sequence[value_kinds.ColumnKinds]) -> bool:
    """Return whether the row below is a record by the kinds of its values, and not a header."""
    for_header, for_data = value_kinds.count_votes(rows[position + 1][1], body)
    return for_data > for_header

"""What the rows of a text file say about its table: header, records in another dialect, end. Whole where it is small.

Of a file beyond WHOLE_BYTES the begin and the end are looked at; what would be repaired in its middle is left as it is
found, and the rows that do not fit are rejected one by one when they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from systemscripts.summary import Notice
from systemscripts.tables.model import ReadingOptions, Wire
from systemscripts.tables.structure import header, table_end, value_kinds
from systemscripts.tables.text import repair_rows
from systemscripts.tables.text.dialect_adapter import DialectAdapter, join_record, split_records
from systemscripts.tables.text.record_splitter import RecordSplitter

WHOLE_BYTES = 2 * 2**20
TAIL_BYTES = 64 * 2**10
HEAD_ROWS = 2000
MOST_ODD_ROWS = 2000
MARK = "\ufeff"


@dataclass
class Findings:
    """`changes`: by line, the record to put instead of the one found there, or None to leave it out."""

    header: header.Header
    width: int
    header_end: int = 0  # line of the last row that belongs to the header
    end: int | None = None  # where the text of the table ends, in bytes of the wire encoding
    skipped: int = 0
    changes: dict[int, bytes | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    doubts: list[Notice] = field(default_factory=list)


class RowReader:
    """Cuts pieces of one text into rows of fields."""

    def __init__(self, wiring: DialectAdapter, line_end: bytes) -> None:
        self.wiring, self.line_end = wiring, line_end

    def cutter(self, width: int) -> RecordSplitter:
        """A cutter for the wire of this text."""
        wire = self.wiring.wire
        return RecordSplitter(
            wire.delimiter.encode(wire.encoding), wire.quote.encode(wire.encoding), self.line_end, width
        )

    def rows(self, pieces: Iterable[bytes], width: int, most: int = 2**62) -> list[tuple[int, list[str]]]:
        """Line and fields of the first `most` records."""
        rows: list[tuple[int, list[str]]] = []
        for block in self.cutter(width).blocks(self.wiring.before(pieces)):
            block = self.wiring.after(block)
            rows += zip(block.rows, split_records(block.records[:most], self.wiring.wire), strict=False)
            if len(rows) >= most:
                return rows[:most]
        return rows


def analyse_whole(data: bytes, reader: RowReader, width: int, options: ReadingOptions) -> Findings:
    """Analyse a text of which everything is at hand."""
    rows = reader.rows([data], width)
    if width > 1 and not options.keep_all_rows and reader.wiring.wire.delimiter != " ":
        width = table_end.find_first_table_width(rows)
    # a value that runs over the edge of its column is nobody's to cut
    as_found = options.keep_all_rows or bool(reader.wiring.dialect.positions)
    changes = {} if as_found else _realigned(rows, data, width, reader.wiring.wire)
    found = _with_header(rows, options, width)
    if options.keep_all_rows:
        return found
    found.changes |= changes | _without_marks(rows, reader.wiring.wire)
    if changes:
        text = f"{len(changes)} rows in another dialect were cut by the kinds of their columns"
        found.doubts.append(Notice("rows_realigned", text))
    first = found.header.first_data
    heading = rows[first - 1][1] if 0 < first <= len(rows) and found.header.row else []
    end = table_end.find_end(rows, first, width, heading)
    found.changes |= {rows[position][0]: None for position in end.dropped}
    if end.dropped:
        text = f"the header comes again below: {len(end.dropped)} such or blank rows are left out"
        found.doubts.append(Notice("rows_left_out", text))
    found.skipped += len(end.dropped)
    _ended(found, rows, end)
    if end.position < len(rows):
        found.end = find_line_offset(data, rows[end.position][0])
    return found


def analyse_parts(
    head: bytes, tail: bytes, size: int, reader: RowReader, width: int, options: ReadingOptions
) -> Findings:
    """Analyse begin and end of a text of `size` bytes; `tail` is empty where the end cannot be cut by itself."""
    rows = reader.rows([head], width, HEAD_ROWS)
    width = table_end.find_first_table_width(rows) if width > 1 else width
    found = _with_header(rows, options, width)
    begin = tail.find(reader.line_end or b"\n") + 1
    if begin and not options.keep_all_rows:
        tail = tail[begin:]
        last = reader.rows([tail], width)
        end = table_end.find_end(last, 0, width, only_footer=True)
        _ended(found, last, end)
        if end.position < len(last):
            found.end = size - len(tail) + find_line_offset(tail, last[end.position][0])
    return found


def find_line_offset(data: bytes, line: int) -> int:
    """Where a line, counted from 1, begins; every one of LF, CRLF and CR ends a line."""
    return sum(map(len, data.splitlines(keepends=True)[: line - 1]))


def limit_bytes(chunks: Iterable[bytes], end: int | None) -> Iterator[bytes]:
    """The first `end` bytes of a text."""
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


def _with_header(rows: header.Rows, options: ReadingOptions, width: int) -> Findings:
    found = header.find_header(rows[: header.ROWS_TO_SEARCH], options, width)
    findings = Findings(found, width, skipped=found.skipped, notes=[found.note], doubts=list(found.doubts))
    if found.first_data and rows:
        findings.header_end = rows[min(found.first_data, len(rows)) - 1][0]
    return findings


def _ended(found: Findings, rows: header.Rows, end: table_end.TableEnd) -> None:
    count = len(rows) - end.position
    found.skipped += count
    if end.note:
        text = f"{count} row{'s are' if count > 1 else ' is'} not read: {end.note}"
        found.doubts.append(Notice("rows_left_out", text))


def _without_marks(rows: list[tuple[int, list[str]]], wire: Wire) -> dict[int, bytes | None]:
    """Take the byte order marks off rows further down: each file that was put behind another one begins with its own.

    Changes `rows`; returns the new records by line.
    """
    changes: dict[int, bytes | None] = {}
    for position, (line, fields) in enumerate(rows):
        if fields and fields[0].startswith(MARK):
            rows[position] = line, [fields[0].removeprefix(MARK), *fields[1:]]
            changes[line] = join_record(rows[position][1], wire)
    return changes


def _realigned(rows: list[tuple[int, list[str]]], data: bytes, width: int, wire: Wire) -> dict[int, bytes | None]:
    """Cut the rows that another delimiter cuts well; changes `rows`, and returns the new records by line."""
    odd = [position for position, (_, fields) in enumerate(rows) if len(fields) != width]
    fitting = [fields for _, fields in rows if len(fields) == width]
    most = len(rows) if wire.delimiter == " " else min(MOST_ODD_ROWS, len(rows) / 2)
    if width < 2 or not odd or len(odd) > most or len(fitting) < 2:
        return {}
    body = value_kinds.profile_columns(fitting[1 : table_end.SAMPLED_ROWS] or fitting, width)
    raws = data.splitlines()
    first = next(position for position, (_, fields) in enumerate(rows) if len(fields) == width)
    changes: dict[int, bytes | None] = {}
    for position in odd:
        line = rows[position][0]
        try:
            text = raws[line - 1].decode(wire.encoding)
        except UnicodeDecodeError:
            continue  # what is damaged is not repaired: the load rejects it
        fields = repair_rows.realign_row(text, width, body, wire.delimiter) if position > first else None
        if fields is None and len(rows[position][1]) <= width / 2 and _may_be_header(rows, position, width):
            sure = _is_above_data(rows, position, body)
            fields = repair_rows.realign_header(text, width, wire.delimiter, words=sure)
        if fields is not None:
            rows[position] = (line, fields)
            changes[line] = join_record(fields, wire)
    return changes


def _may_be_header(rows: header.Rows, position: int, width: int) -> bool:
    """True when a row stands where the header should: a record follows it, and nothing of that width is above."""
    below = rows[position + 1 :]
    return bool(below) and len(below[0][1]) == width and all(len(fields) != width for _, fields in rows[:position])


def _is_above_data(rows: header.Rows, position: int, body: Sequence[value_kinds.ColumnKinds]) -> bool:
    """True when the row below is one more record by the kinds of its values, not a header itself."""
    for_header, for_data = value_kinds.count_votes(rows[position + 1][1], body)
    return for_data > for_header

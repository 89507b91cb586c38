"""Find the header of a table: its row below titles, its number of rows and its names. Also used for workbooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.structure import header_depth, header_names, header_position
from systemscripts.tables.structure.header_position import Rows
from systemscripts.tables.structure.value_kinds import (
    ColumnKinds,
    count_filled,
    count_votes,
    looks_like_header,
)

__all__ = ["ROWS_TO_SEARCH", "Header", "Rows", "find_header", "find_usual_width"]

# Titles, header and enough records to show the kinds of all columns.
ROWS_TO_SEARCH = 200
# Enough of a title to recognise it in a mail.
MAX_SHOWN_LETTERS = 60


@dataclass(frozen=True)
class Header:
    """The header. `first_data`: the position of the first record among the searched rows; `skipped`: title rows."""

    columns: list[str]
    row: int | None
    first_data: int
    skipped: int
    note: str
    doubts: list[Notice] = field(default_factory=list)


def find_header(rows: Rows, options: ReadingOptions, width: int) -> Header:
    """Find the header among the first rows of a table. `width`: the number of fields of most rows.

    Raises BadDataError when the row that the options name does not exist.
    """
    if not any(count_filled(fields) for _, fields in rows):
        return Header([], None, len(rows), len(rows), "only blank rows")
    if options.no_header:
        first = header_position.find_first_full_row(rows, width) if options.header_row is None else 0
        return Header(header_names.number_columns(options.names, width), None, first, first, "no header, as set")
    if options.header_row:
        position, note = _find_header_as_set(rows, options.header_row)
        depth = options.header_rows or 1
    elif options.header_rows:
        position, depth = header_position.find_first_row(rows, width), options.header_rows
        note = _describe_header(rows, position, depth)
    else:
        first = header_position.find_fuller_names(rows, header_position.find_first_row(rows, width), width)
        body = header_position.profile_body(rows, first, width)
        if header_position.is_record(rows, first, body):
            if not _has_few_names(rows, first, width, body):
                return _make_numbered_header(options, first, width)
            first -= 1
        position = header_depth.find_group_labels(rows, first)
        depth = header_depth.measure_depth(rows, position, first, body)
        note = _describe_header(rows, position, depth)
    return _join_header(rows, options, width, position, depth, note)


def find_usual_width(rows: Rows) -> int:
    """Return how many fields most rows have, counted to the last one that is filled."""
    widths = Counter(_find_last_filled(fields) for _, fields in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _make_numbered_header(options: ReadingOptions, first: int, width: int) -> Header:
    """Return numbered columns for a table whose first row is a record."""
    titles = f" (below {first} title row{'s' * (first > 1)})" if first else ""
    note = f"no header: the first row{titles} has the same kinds of values as the rows below it"
    # Names in the configuration mean that the file is known to have no header.
    doubts = [] if options.names else [Notice("header_guessed", note)]
    return Header(header_names.number_columns(options.names, width), None, first, first, note, doubts)


def _join_header(rows: Rows, options: ReadingOptions, width: int, position: int, depth: int, note: str) -> Header:
    """Return the header of `depth` rows from `position` on, without its repetitions."""
    end = position + depth
    repeats = 0 if options.header_rows or options.keep_all_rows else _count_repeats(rows, end)
    names = header_names.join_rows([fields for _, fields in rows[position:end]])
    columns, doubts = header_names.fit_width(names, rows[end + repeats :], width)
    if not options.header_row and not options.header_rows:
        doubts += _collect_doubts(rows, position, depth)
    if repeats:
        text = f"the header appears {repeats + 1} times, one below the other: it was read once"
        doubts.append(Notice("rows_left_out", text))
    return Header(columns, rows[position][0], end + repeats, position + repeats, note, doubts)


def _collect_doubts(rows: Rows, position: int, depth: int) -> list[Notice]:
    """Return warnings about rows at the top: titles that were left out, and a header of several rows."""
    doubts = []
    # The line `sep=;` of Excel sets the delimiter and is not a title.
    titles = [
        fields for _, fields in rows[:position] if count_filled(fields) and fields[0].strip().casefold() != "sep="
    ]
    if titles:
        shown = next(cell.strip() for cell in titles[0] if cell.strip())[:MAX_SHOWN_LETTERS]
        count = f"{len(titles)} rows above the header are" if len(titles) > 1 else "1 row above the header is"
        doubts.append(Notice("titles_left_out", f"{count} not read: {shown!r}"))
    if depth > 1:
        last = rows[position + depth - 1][0]
        doubts.append(Notice("header_joined", f"the header was joined from rows {rows[position][0]} to {last}"))
    return doubts


def _has_few_names(rows: Rows, first: int, width: int, body: Sequence[ColumnKinds]) -> bool:
    """Return whether the row above the first record is a header without names for most columns: `name,,`."""
    if first != 1 or len(rows[0][1]) != width or header_depth.is_gap(*rows[0], rows[1][0]) or not rows[0][1][0].strip():
        return False
    for_data = count_votes(rows[0][1], body)[1]
    words = max(len(cell.split()) for cell in rows[0][1])
    return not for_data and words == 1 and not any(header_depth.is_labelled_value(cell) for cell in rows[0][1])


def _count_repeats(rows: Rows, end: int) -> int:
    """Return how many rows from position `end` on repeat the row above it, which is the last one of the header."""
    last = rows[end - 1][1]
    same = takewhile(lambda row: list(row[1]) == list(last), rows[end:])
    return sum(1 for _ in same) if looks_like_header(last) else 0


def _describe_header(rows: Rows, position: int, depth: int) -> str:
    titles = f", below {position} title row{'s' * (position > 1)}" if position else ""
    joined = f" of {depth} rows, joined," if depth > 1 else ""
    return f"header{joined} in row {rows[position][0]}{titles}"


def _find_header_as_set(rows: Rows, header_row: int | tuple[str, ...]) -> tuple[int, str]:
    """Return the position of the row that the options name, and a note."""
    if isinstance(header_row, int):
        return _find_by_row(rows, header_row), f"header in row {header_row}, as set"
    position = _find_by_names(rows, header_row)
    return position, f"header in row {rows[position][0]}: it contains the names that are set"


def _find_by_row(rows: Rows, header_row: int) -> int:
    position = next((position for position, (row, _) in enumerate(rows) if row == header_row), None)
    if position is None:
        raise BadDataError(
            f"row {header_row}, set as header_row, is blank or does not exist",
            "Set reading.header_row to the row that contains the names.",
        )
    return position


def _find_by_names(rows: Rows, required: tuple[str, ...]) -> int:
    names = {name.strip().casefold() for name in required}
    for position, (_, fields) in enumerate(rows):
        if names <= {field.strip().casefold() for field in fields}:
            return position
    raise BadDataError(f"no header: none of the first {len(rows)} rows contains {', '.join(required)}")


def _find_last_filled(fields: list[str]) -> int:
    count = len(fields)
    while count and not fields[count - 1].strip():
        count -= 1
    return count

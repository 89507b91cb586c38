"""The header of a table: where it stands below titles, how deep it is, what columns it names. Also for workbooks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.structure import header_names, value_kinds
from systemscripts.tables.structure.value_kinds import ColumnKinds, looks_like_header

__all__ = ["ROWS_TO_SEARCH", "Header", "Rows", "find_header", "find_names", "find_usual_width", "looks_like_header"]

ROWS_TO_SEARCH = 200
MAX_TITLE_ROWS = 60  # spec 2.1.2 asks for 23
DEEPEST = 5
SHORT_TABLE = 40  # rows that tell the kinds of a short table below titles
LEAST_VALUES = 3  # fewer say nothing about the kind of a column
MOST_TITLE_LETTERS = 60  # of a title, to know it by
_MEASURE = r"[mkµcdhMGT]?(?:m|g|l|s|A|V|W|J|N|Pa|Hz|Wh|bar|B)(?:\^?[23²³])?"
_COUNT = r"t|h|min|d|pcs|pieces|units?|each|days?|hours?|years?|st(?:ü|u)ck"
_FORMAT = r"[dmyhs]{1,4}(?:[-/.: T][dmyhs]{1,4}){1,5}|text|number|date"
_CURRENCY = "EUR|USD|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|CNY|INR|BRL|MXN|ZAR|SGD|HKD|KRW"
UNITS = re.compile(
    rf"[\[(]?\s*(?:%|[€$£¥°]|°[CF]|{_CURRENCY}|{_MEASURE}|(?i:{_COUNT})|(?i:{_FORMAT}))(?:\s*/\s*\w{{1,4}})?\s*[\])]?"
)
# what has a unit
_MEASURED = frozenset({"number", "percent", "money", "date", "time"})

Rows = Sequence[tuple[int, list[str]]]  # line or sheet row from 1, and its fields


@dataclass(frozen=True)
class Header:
    """`first_data`: position among the searched rows of the first record; `skipped`: how many titles stand above."""

    columns: list[str]
    row: int | None
    first_data: int
    skipped: int
    note: str
    doubts: list[Notice] = field(default_factory=list)


def find_header(rows: Rows, options: ReadingOptions, width: int) -> Header:
    """Find the header among the first rows of a table; `width` is how many fields most rows have.

    Raises BadDataError when the row that the options name is not there.
    """
    if not any(_filled(fields) for _, fields in rows):
        return Header([], None, len(rows), len(rows), "nothing but blank rows")
    if options.no_header:
        first = _first_full(rows, width) if options.header_row is None else 0
        return Header(header_names.number_columns(options.names, width), None, first, first, "no header, as set")
    if options.header_row:
        position, note = _as_set(rows, options.header_row)
        deep = options.header_rows or 1
        body = value_kinds.profile_columns([fields for _, fields in rows[position + deep :]], width)
    else:
        first = _below_titles(rows, _below_block(rows, _first_full(rows, width), width), width)
        first = first if options.header_rows else _fuller_names(rows, first, width)
        body = _body(rows, first, width)
        if not options.header_rows and _is_data(rows, first, body) and _names_few(rows, first, width, body):
            first -= 1
        elif not options.header_rows and _is_data(rows, first, body):
            titles = f" (below {first} title row{'s' * (first > 1)})" if first else ""
            note = f"no header: the first row{titles} holds the same kinds of values as those below it"
            doubts = [] if options.names else [Notice("header_guessed", note)]  # who names the columns knows it
            return Header(header_names.number_columns(options.names, width), None, first, first, note, doubts)
        position = first if options.header_rows else _with_groups(rows, first)
        deep = options.header_rows or _depth(rows, position, first, body)
        note = _note(rows, position, deep)
    as_found = options.header_rows or options.keep_all_rows
    again = 0 if as_found else _repeats(rows, position + deep, rows[position + deep - 1][1])
    found = header_names.join_rows([fields for _, fields in rows[position : position + deep]])
    end = position + deep + again
    columns, doubts = header_names.fit_width(found, rows[end:], width)
    if not options.header_row and not options.header_rows:
        doubts += _said(rows, position, deep)
    if again:
        doubts.append(Notice("rows_left_out", f"the header stands there {again + 1} times: it was read once"))
    return Header(columns, rows[position][0] if rows else None, end, position + again, note, doubts)


def _said(rows: Rows, position: int, deep: int) -> list[Notice]:
    """Warn of what was made of the rows at the top: titles left out, a header joined of several rows."""
    found = []
    # Excel's line `sep=;` names the delimiter, which is heeded
    titles = [fields for _, fields in rows[:position] if _filled(fields) and fields[0].strip().casefold() != "sep="]
    if titles:
        shown = next(cell.strip() for cell in titles[0] if cell.strip())[:MOST_TITLE_LETTERS]
        count = f"{len(titles)} rows above the header are" if len(titles) > 1 else "1 row above the header is"
        text = f"{count} not read: {shown!r}"
        found.append(Notice("titles_left_out", text))
    if deep > 1:
        last = rows[position + deep - 1][0]
        found.append(Notice("header_joined", f"the header was joined of rows {rows[position][0]} to {last}"))
    return found


def _names_few(rows: Rows, first: int, width: int, body: Sequence[ColumnKinds]) -> bool:
    """True when the row above the first record is a header that leaves most columns without a name: `name,,`."""
    if first != 1 or len(rows[0][1]) != width or _is_gap(*rows[0], rows[1][0]) or not rows[0][1][0].strip():
        return False
    for_data = value_kinds.count_votes(rows[0][1], body)[1]
    words = max(len(cell.split()) for cell in rows[0][1])
    return not for_data and words == 1 and not any(_is_labelled_value(cell) for cell in rows[0][1])


def _repeats(rows: Rows, position: int, above: Sequence[str]) -> int:
    """How many rows from `position` on are the header once more."""
    same = takewhile(lambda row: list(row[1]) == list(above), rows[position:])
    return sum(1 for _ in same) if looks_like_header(above) else 0


def _fuller_names(rows: Rows, first: int, width: int) -> int:
    """Past notes spread over some columns, to a row of names in more of them that stands above records.

    A first row with names in all columns is never passed: a record may hold words where others hold numbers.
    """
    filled = _filled(rows[first][1]) if rows else 0
    if filled >= width or _is_data(rows, first, _body(rows, first, width)):
        return first
    for position in range(first + 1, min(first + 1 + DEEPEST, len(rows) - 1)):
        fields = rows[position][1]
        body = _body(rows, position, width)
        if value_kinds.count_votes(rows[position - 1][1], body)[1]:
            return first
        if len(fields) == width and _filled(fields) > filled and _reads_like_names(rows, position, width):
            return position
    return first


def find_usual_width(rows: Rows) -> int:
    """How many fields most rows have, counted to the last one that is filled."""
    widths = Counter(_reach(fields) for _, fields in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _note(rows: Rows, position: int, deep: int) -> str:
    if not rows:
        return "no rows"
    titles = f", below {position} title row{'s' * (position > 1)}" if position else ""
    several = f" of {deep} rows, joined," if deep > 1 else ""
    return f"header{several} in row {rows[position][0]}{titles}"


def _as_set(rows: Rows, wanted: int | tuple[str, ...]) -> tuple[int, str]:
    if isinstance(wanted, int):
        return _by_row(rows, wanted), f"header in row {wanted}, as set"
    position = _by_names(rows, wanted)
    return position, f"header in row {rows[position][0]}: it holds the names that are set"


def _by_row(rows: Rows, wanted: int) -> int:
    found = next((position for position, (row, _) in enumerate(rows) if row == wanted), None)
    if found is None:
        raise BadDataError(
            f"row {wanted}, set as header_row, is blank or not there", "Set the row that holds the names."
        )
    return found


def _by_names(rows: Rows, wanted: tuple[str, ...]) -> int:
    names = {name.strip().casefold() for name in wanted}
    for position, (_, fields) in enumerate(rows):
        if names <= {field.strip().casefold() for field in fields}:
            return position
    raise BadDataError(f"no header: none of the first {len(rows)} rows holds {', '.join(wanted)}")


def _first_full(rows: Rows, width: int) -> int:
    """The first row that is full enough for a header or a record; all above it are titles."""
    body = [fields for _, fields in rows[MAX_TITLE_ROWS // 2 :]] or [fields for _, fields in rows]
    usual = sorted(_filled(fields) for fields in body)[len(body) // 2] if body else 0
    enough = max(min(usual, width) * 0.6, min(2, width))
    for position, (_, fields) in enumerate(rows[: MAX_TITLE_ROWS + 1]):
        if fields[:1] and fields[0].startswith("#") and len(fields) != width:
            continue  # a comment
        if _is_prose(rows, position, width):
            continue
        if _filled(fields) >= enough and len(fields) > width / 2:
            return position if len(fields) == width else _of_full_width(rows, position, width, enough)
        if position == 0 and (not _is_title(fields, width) or _is_sparse_record(rows, width)):
            return 0
    return next((position for position, (_, fields) in enumerate(rows) if len(fields) == width and any(fields)), 0)


def _below_block(rows: Rows, first: int, width: int) -> int:
    """Past a block of titles that are as wide as the table, if a blank row and then a header follow it.

    A block with names above records of its own is the first of two tables, unless it is small beside the second.
    """
    for position in range(first + 1, min(len(rows), MAX_TITLE_ROWS, first + len(rows) // 2 + 1)):
        apart = rows[position - 1][0] + 1 < rows[position][0] or not any(rows[position - 1][1])
        if not apart or len(rows[position][1]) != width:
            continue
        body = value_kinds.profile_columns(
            [fields for _, fields in rows[position + 1 :] if len(fields) == width], width
        )
        for_header, for_data = value_kinds.count_votes(rows[position][1], body)
        block = [fields for _, fields in rows[first:position] if any(fields)]
        above = [value_kinds.count_votes(fields, body)[1] for fields in block]
        is_line = len(block) == 1 and not looks_like_header(block[0])
        if for_header and not for_data and (is_line or not any(above)) and looks_like_header(rows[position][1]):
            own = len(block) > 2 + (width == 2) and find_names(block, width) == 0
            return first if own and 3 * len(block) > len(rows) - position else position
    return first


def find_names(run: Sequence[Sequence[str]], width: int) -> int | None:
    """The position of the names among rows of one width: at least two records of other kinds than theirs follow.

    Titles with as many delimiters may stand above them. None where no row is so surely a header.
    """
    for place in range(min(len(run) - 2, DEEPEST) if width > 1 else 0):
        for_header, for_data = value_kinds.count_votes(run[place], value_kinds.profile_columns(run[place + 1 :], width))
        if for_header and not for_data and looks_like_header(run[place]) and not _is_spaced(run, place):
            return place
    return None


def _is_spaced(run: Sequence[Sequence[str]], place: int) -> bool:
    """True for a row with a space after each delimiter, as in a sentence, above rows without."""
    later = run[place][1:]
    return all(field.startswith(" ") for field in later) and not any(
        field.startswith(" ") for fields in run[place + 1 :] for field in fields[1:]
    )


def _below_titles(rows: Rows, first: int, width: int) -> int:
    """Past titles that happen to have the width of the table, to names that stand above records at once."""
    top = rows[: MAX_TITLE_ROWS + SHORT_TABLE]
    for position in range(first, len(top)):
        if position and len(top[position - 1][1]) == width and position > first:
            continue
        run = [fields for _, fields in takewhile(lambda row: len(row[1]) == width, top[position:])]
        place = find_names(run, width)
        if place is None:
            continue
        body = value_kinds.profile_columns(run[place + 1 :], width)
        above = [fields for _, fields in rows[first : position + place] if len(fields) == width]
        if any(value_kinds.count_votes(fields, body)[1] for fields in above):
            return first
        is_names = len(rows[first][1]) == width and _reads_like_names(rows, first, width)
        return first if is_names and not rows[first][1][1].startswith(" ") else position + place
    return first


def _of_full_width(rows: Rows, start: int, width: int, enough: float) -> int:
    """From a row of another width on: itself where it is a ragged header, else the first row of the usual width.

    Titles with commas are told from a ragged header by what follows: a header, or records at once.
    """
    for position in range(start, min(len(rows), MAX_TITLE_ROWS + 1)):
        fields = rows[position][1]
        if len(fields) == width and _filled(fields) >= enough:
            header_above = position > start and rows[position - 1][0] + 1 == rows[position][0]
            at_once = position == start + 1 and header_above
            return position - 1 if at_once and not _reads_like_names(rows, position, width) else position
    return start


def _reads_like_names(rows: Rows, position: int, width: int) -> bool:
    fields = rows[position][1]
    for_header, for_data = value_kinds.count_votes(fields, _body(rows, position, width))
    return for_header > for_data and looks_like_header(fields)


def _is_prose(rows: Rows, position: int, width: int) -> bool:
    """True for a title whose commas are those of a sentence: a space follows each, and hardly any in the rows below.

    Titles stand above it, else it might be a header in another style than its table.
    """
    later = rows[position][1][1:]
    if position == 0 or not later or not all(field.startswith(" ") for field in later):
        return False
    below = [fields for _, fields in rows[position + 1 : position + 20] if len(fields) == width]
    alike = sum(any(field.startswith(" ") for field in fields[1:]) for fields in below)
    return len(below) > 1 and alike <= len(below) / 3


def _is_sparse_record(rows: Rows, width: int) -> bool:
    """True for a first row with blanks whose values, two at least, are of the kinds of the columns below."""
    for_header, for_data = value_kinds.count_votes(rows[0][1], _body(rows, 0, width))
    return len(rows[0][1]) == width and for_data > 1 and not for_header


def _is_title(fields: list[str], width: int) -> bool:
    if width < 2 or (_filled(fields) > max(width / 2, 1)):
        return False
    # A blank first cell in a full row is the unnamed index of a data frame, or a label over a group of columns.
    return len(fields) < width or not any(fields) or bool(fields[0].strip())


def _body(rows: Rows, first: int, width: int) -> list[ColumnKinds]:
    """The kinds of the columns below a possible header."""
    below = [fields for _, fields in rows[first + 1 :] if len(fields) == width]
    blank = next((place for place, fields in enumerate(below) if not any(fields)), len(below))
    below = below[:blank] if blank > LEAST_VALUES else below
    deep = DEEPEST if len(below) > 3 * DEEPEST else min(2, len(below) // 2)
    return value_kinds.profile_columns(below[deep:], width)


def _is_data(rows: Rows, first: int, body: Sequence[ColumnKinds]) -> bool:
    """True when the first full row is a record, not a header."""
    if not rows:
        return False
    fields = rows[first][1]
    for_header, for_data = value_kinds.count_votes(fields, body)
    values = sum(value_kinds.classify_value(cell) in value_kinds.VALUES for cell in fields)
    if not any(column.kinds or column.texts for column in body):
        return values > 0.5 * _filled(fields) and not value_kinds.find_running_numbers(fields)
    if for_header == for_data == 0:
        return False
    return for_data > 2 * for_header and (values > 0 or for_data > 0.5 * _filled(fields))


def _with_groups(rows: Rows, first: int) -> int:
    """Go up over rows that label groups of columns (`,Travel,,Food,`), without a blank line between.

    Notes that run over several columns have some of these forms, too, but more of them stand above.
    """
    top = first
    while top > 0 and _labels_groups(rows[top - 1][1], rows[top][1]) and not _is_gap(*rows[top - 1], rows[top][0]):
        if _is_prose(rows, top - 1, len(rows[top][1])) or _is_spaced([row for _, row in rows[top - 1 :]], 0):
            break
        if _filled(rows[top - 1][1]) > _filled(rows[top][1]):
            return first
        top -= 1
    above = rows[top - 1][1] if top else []
    if top < first and _filled(above) > 1 and not _is_gap(*rows[top - 1], rows[top][0]):
        return top if any(_is_labelled_value(cell) for cell in above) else first
    return top


def _labels_groups(fields: Sequence[str], below: Sequence[str]) -> bool:
    labels = [place for place, cell in enumerate(fields) if cell.strip()]
    if not labels or labels == [0] or len(fields) != len(below) or fields[0].startswith("#"):
        return False
    if list(fields) == list(below):
        return False
    if any(_is_labelled_value(cell) for cell in fields):
        return False
    return all(
        value_kinds.classify_value(fields[place]) in ("text", "number") or fields[place][:1].isalpha()
        for place in labels
    )


def _depth(rows: Rows, position: int, first: int, body: Sequence[ColumnKinds]) -> int:
    """How many rows from `position` on belong to the header; `first` is the first full one."""
    deep = first - position + 1
    while position + deep + 1 < len(rows) and deep < DEEPEST:
        (row_above, above), (row, fields) = rows[position + deep - 1 : position + deep + 1]
        if _is_gap(row_above, above, row) or not _continues(fields, above, body):
            break
        deep += 1
    return deep


def _is_gap(row_above: int, above: Sequence[str], row: int) -> bool:
    """Whether blank rows stand between two rows; a line break within a field is none."""
    return row > row_above + 1 + sum(cell.count("\n") for cell in above)


def _continues(fields: Sequence[str], above: Sequence[str], body: Sequence[ColumnKinds]) -> bool:
    """True when a row below a header is a further row of it: units, or sub-labels."""
    if len(fields) != len(above) or _filled(fields) < 2 or list(fields) == list(above):
        return False
    if value_kinds.holds_values(fields) or any(_is_labelled_value(cell) for cell in fields):
        return False
    for_header, for_data = value_kinds.count_votes(fields, body, LEAST_VALUES)
    if not for_data and _are_units(fields, body):
        return True
    # names that tell columns of one label from each other: Q1,Q1,Q2,Q2 over Air,Rail,Air,Rail
    if _are_told_apart(above, fields) and value_kinds.count_votes(fields, body)[0]:
        return True
    # a second line of names, above nothing but columns that hold values of some kind: in none of them a word is one
    if for_header > 1 and for_header == _filled(fields):
        return True
    # names that fill exactly the gaps which the row above leaves below its group labels
    gaps = [place for place, cell in enumerate(above) if place and not cell.strip()]
    fits = all(fields[place].strip() for place in gaps) and any(not cell.strip() for cell in fields)
    return bool(gaps) and fits and not for_data


def _are_units(fields: Sequence[str], body: Sequence[ColumnKinds]) -> bool:
    """True for a row of nothing but units of measure, formats and blanks, above columns of what has a unit."""
    filled = [place for place, cell in enumerate(fields) if cell.strip()]
    if len(filled) < 2 or filled[-1] >= len(body):
        return False
    units = all(UNITS.fullmatch(fields[place].strip()) for place in filled)
    kinds_below = [body[place].kinds for place in filled]
    # a column in which words stand among the numbers has no kind
    return (
        units
        and any(found & _MEASURED for found in kinds_below)
        and all(not found or found & _MEASURED for found in kinds_below)
    )


def _is_labelled_value(cell: str) -> bool:
    """True for `Printed: 2026-11-02`: a label and its value in one cell, which is no name."""
    label, colon, value = cell.strip().partition(":")
    return bool(colon and label and value.strip())


def _are_told_apart(above: Sequence[str], fields: Sequence[str]) -> bool:
    repeated = all(map(str.strip, above)) and len(set(above)) < len(above)
    return repeated and len(set(zip(above, fields, strict=True))) == len(above)


def _filled(fields: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in fields)


def _reach(fields: list[str]) -> int:
    return max((number for number, cell in enumerate(fields, 1) if cell.strip()), default=0)

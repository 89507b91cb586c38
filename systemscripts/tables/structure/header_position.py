"""Find the row of the header below titles, notes and comments, by the kinds of the values below it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from systemscripts.tables.structure.value_kinds import (
    VALUES,
    ColumnKinds,
    classify_value,
    count_filled,
    count_votes,
    find_running_numbers,
    looks_like_header,
    profile_columns,
)

# Some files have more than 20 titles.
MAX_TITLE_ROWS = 60
# More rows than this are not a header, and no notes above one.
MAX_HEADER_ROWS = 5
# A header or a record fills this share of the columns that most rows fill.
MIN_FULL_SHARE = 0.6
# So many rows show the kinds of a short table below titles.
SHORT_TABLE_ROWS = 40
# Fewer values do not show the kind of a column.
MIN_VALUES = 3
# A block of rows above the table is a table of its own if this many times its rows are more than those below it.
OWN_TABLE_RATIO = 3
# To tell a sentence, so many rows below it are compared. At most one of this many may have spaces after delimiters.
PROSE_SAMPLE_ROWS, SPACED_RATIO = 19, 3
# A row is a record if it has this many times more fields of the kinds below it than fields of other kinds.
DATA_RATIO = 2
# A row is a record if more than this share of its filled fields are values, or are of the kinds below.
MIN_DATA_SHARE = 0.5

# line or sheet row from 1, and its fields
Rows = Sequence[tuple[int, list[str]]]


def find_first_row(rows: Rows, width: int) -> int:
    """Return the position of the first row that is not a title: the header, or a record if there is no header."""
    return _skip_wide_titles(rows, _skip_title_block(rows, find_first_full_row(rows, width), width), width)


def find_first_full_row(rows: Rows, width: int) -> int:
    """Return the position of the first row that fills enough columns for a header or a record."""
    body = [fields for _, fields in rows[MAX_TITLE_ROWS // 2 :]] or [fields for _, fields in rows]
    usual = sorted(map(count_filled, body))[len(body) // 2] if body else 0
    enough = max(min(usual, width) * MIN_FULL_SHARE, min(2, width))
    for position, (_, fields) in enumerate(rows[: MAX_TITLE_ROWS + 1]):
        is_comment = fields[:1] and fields[0].startswith("#") and len(fields) != width
        if is_comment or is_prose(rows, position, width):
            continue
        if count_filled(fields) >= enough and len(fields) > width / 2:
            return position if len(fields) == width else _find_full_width_row(rows, position, width, enough)
        if position == 0 and (not _is_title(fields, width) or _is_sparse_record(rows, width)):
            return 0
    return next((position for position, (_, fields) in enumerate(rows) if len(fields) == width and any(fields)), 0)


def find_names(run: Sequence[Sequence[str]], width: int) -> int | None:
    """Return the position of the names among rows of one width, or None if no row is surely a header.

    At least two records of other kinds must follow. Titles with as many delimiters may precede the names.
    """
    for position in range(min(len(run) - 2, MAX_HEADER_ROWS) if width > 1 else 0):
        fields, below = run[position], run[position + 1 :]
        for_header, for_data = count_votes(fields, profile_columns(below, width))
        if for_header and not for_data and looks_like_header(fields) and not is_spaced(fields, below):
            return position
    return None


def find_fuller_names(rows: Rows, first: int, width: int) -> int:
    """Skip notes that extend over some columns, if names in more columns follow above the records.

    A first row that fills all columns is never skipped: a record may have words where others have numbers.
    """
    filled = count_filled(rows[first][1]) if rows else 0
    if filled >= width or is_record(rows, first, profile_body(rows, first, width)):
        return first
    for position in range(first + 1, min(first + 1 + MAX_HEADER_ROWS, len(rows) - 1)):
        fields = rows[position][1]
        body = profile_body(rows, position, width)
        if count_votes(rows[position - 1][1], body)[1]:
            return first
        if len(fields) == width and count_filled(fields) > filled and _has_names(rows, position, width):
            return position
    return first


def profile_body(rows: Rows, first: int, width: int) -> list[ColumnKinds]:
    """Return the kinds of the columns below a possible header at position `first`."""
    below = [fields for _, fields in rows[first + 1 :] if len(fields) == width]
    blank = next((position for position, fields in enumerate(below) if not any(fields)), len(below))
    below = below[:blank] if blank > MIN_VALUES else below
    # The rows that may be part of the header do not count.
    skipped = MAX_HEADER_ROWS if len(below) > 3 * MAX_HEADER_ROWS else min(2, len(below) // 2)
    return profile_columns(below[skipped:], width)


def is_record(rows: Rows, first: int, body: Sequence[ColumnKinds]) -> bool:
    """Return whether the row at position `first` is a record, not a header, by the kinds of the columns below it."""
    if not rows:
        return False
    fields = rows[first][1]
    for_header, for_data = count_votes(fields, body)
    values = sum(classify_value(cell) in VALUES for cell in fields)
    enough = MIN_DATA_SHARE * count_filled(fields)
    if not any(column.kinds or column.texts for column in body):
        return values > enough and not find_running_numbers(fields)
    if for_header == for_data == 0:
        return False
    return for_data > DATA_RATIO * for_header and (values > 0 or for_data > enough)


def is_prose(rows: Rows, position: int, width: int) -> bool:
    """Return whether a row is a title with the commas of a sentence: each has a space after it, unlike those below.

    The first row is never one, since it may be a header in another style than its table.
    """
    later = rows[position][1][1:]
    if position == 0 or not later or not all(field.startswith(" ") for field in later):
        return False
    sample = rows[position + 1 : position + 1 + PROSE_SAMPLE_ROWS]
    below = [fields for _, fields in sample if len(fields) == width]
    spaced = sum(any(field.startswith(" ") for field in fields[1:]) for fields in below)
    return len(below) > 1 and SPACED_RATIO * spaced <= len(below)


def is_spaced(fields: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Return whether a row has a space after each delimiter, as in a sentence, and no row below has any."""
    if not all(field.startswith(" ") for field in fields[1:]):
        return False
    return not any(field.startswith(" ") for later in below for field in later[1:])


def _skip_title_block(rows: Rows, first: int, width: int) -> int:
    """Skip a block of titles that are as wide as the table, if a blank row and a header follow it.

    A block of names above records is the first of two tables, unless it is small compared to the second.
    """
    for position in range(first + 1, min(len(rows), MAX_TITLE_ROWS, first + len(rows) // 2 + 1)):
        fields = rows[position][1]
        is_apart = rows[position - 1][0] + 1 < rows[position][0] or not any(rows[position - 1][1])
        if not is_apart or len(fields) != width:
            continue
        body = profile_columns([later for _, later in rows[position + 1 :] if len(later) == width], width)
        for_header, for_data = count_votes(fields, body)
        block = [above for _, above in rows[first:position] if any(above)]
        has_records = any(count_votes(above, body)[1] for above in block)
        is_line = len(block) == 1 and not looks_like_header(block[0])
        if for_header and not for_data and (is_line or not has_records) and looks_like_header(fields):
            is_table = len(block) > 2 + (width == 2) and find_names(block, width) == 0
            return first if is_table and OWN_TABLE_RATIO * len(block) > len(rows) - position else position
    return first


def _skip_wide_titles(rows: Rows, first: int, width: int) -> int:
    """Skip titles that happen to have the width of the table, if names directly above records follow."""
    top = rows[: MAX_TITLE_ROWS + SHORT_TABLE_ROWS]
    for position in range(first, len(top)):
        if position and len(top[position - 1][1]) == width and position > first:
            continue
        run = [fields for _, fields in takewhile(lambda row: len(row[1]) == width, top[position:])]
        names_at = find_names(run, width)
        if names_at is None:
            continue
        body = profile_columns(run[names_at + 1 :], width)
        above = [fields for _, fields in rows[first : position + names_at] if len(fields) == width]
        if any(count_votes(fields, body)[1] for fields in above):
            return first
        has_names = len(rows[first][1]) == width and _has_names(rows, first, width)
        return first if has_names and not rows[first][1][1].startswith(" ") else position + names_at
    return first


def _find_full_width_row(rows: Rows, start: int, width: int, enough: float) -> int:
    """Return `start`, a row of another width, if it is a ragged header, else the first row of the usual width.

    What follows tells titles with commas from a ragged header: a header, or records at once.
    """
    for position in range(start, min(len(rows), MAX_TITLE_ROWS + 1)):
        fields = rows[position][1]
        if len(fields) == width and count_filled(fields) >= enough:
            follows_at_once = position == start + 1 and rows[start][0] + 1 == rows[position][0]
            return start if follows_at_once and not _has_names(rows, position, width) else position
    return start


def _has_names(rows: Rows, position: int, width: int) -> bool:
    fields = rows[position][1]
    for_header, for_data = count_votes(fields, profile_body(rows, position, width))
    return for_header > for_data and looks_like_header(fields)


def _is_sparse_record(rows: Rows, width: int) -> bool:
    """Return whether the first row has blanks and at least two values of the kinds of the columns below."""
    for_header, for_data = count_votes(rows[0][1], profile_body(rows, 0, width))
    return len(rows[0][1]) == width and for_data > 1 and not for_header


def _is_title(fields: list[str], width: int) -> bool:
    if width < 2 or (count_filled(fields) > max(width / 2, 1)):
        return False
    # A blank first cell in a full row is the unnamed index of a data frame, or a label over a group of columns.
    return len(fields) < width or not any(fields) or bool(fields[0].strip())

"""The header of a table: where it stands below titles, and the columns it names. For text and workbooks alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions

ROWS_TO_SEARCH = 200
MOST_TITLE_ROWS = 23
NUMBER_OR_DATE = re.compile(r"[-+($€£]*\d[\d.,:/ T%)-]*(am|pm)?", re.IGNORECASE)

Rows = Sequence[tuple[int, list[str]]]  # line or sheet row from 1, and its fields


@dataclass(frozen=True)
class Header:
    """`first_data`: position among the searched rows of the first record; `skipped`: how many titles stand above."""

    columns: list[str]
    row: int | None
    first_data: int
    skipped: int
    note: str


def find(rows: Rows, options: ReadingOptions, width: int) -> Header:
    """Find the header among the first rows of a table; `width` is how many fields most rows have.

    Raises BadDataError when the row that the options name is not there.
    """
    if options.no_header:
        count = max(width, len(options.names))
        names = [*options.names, *(f"col_{position}" for position in range(len(options.names), count))]
        return Header(names, None, 0, 0, "no header, as set")
    position, note = _position(rows, options.header_row, width)
    deep = options.header_rows or 1
    columns = _joined([fields for _, fields in rows[position : position + deep]])
    return Header(columns, rows[position][0], position + deep, position, note)


def looks_like_header(fields: Sequence[str]) -> bool:
    """True when the fields read like names: hardly any blank, number, date or repetition."""
    filled = [field.strip() for field in fields if field.strip()]
    if not filled or len(filled) < 0.6 * len(fields):
        return False
    values = sum(NUMBER_OR_DATE.fullmatch(field) is not None for field in filled)
    return values <= 0.2 * len(filled) and len(set(filled)) > 0.6 * len(filled)


def usual_width(rows: Rows) -> int:
    """How many fields most rows have, counted to the last one that is filled."""
    widths = Counter(_reach(fields) for _, fields in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _position(rows: Rows, wanted: int | tuple[str, ...] | None, width: int) -> tuple[int, str]:
    if isinstance(wanted, int):
        return _by_row(rows, wanted), f"header in row {wanted}, as set"
    if wanted:
        position = _by_names(rows, wanted)
        return position, f"header in row {rows[position][0]}: it holds the names that are set"
    position = _below_titles(rows, width)
    titles = f", below {position} title row{'s' * (position > 1)}" if position else ""
    return position, f"header in row {rows[position][0]}{titles}"


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


def _below_titles(rows: Rows, width: int) -> int:
    """The first row that reads like a header when all above it are titles: few fields, the first of them filled."""
    for position, (_, fields) in enumerate(rows[: MOST_TITLE_ROWS + 1]):
        full_enough = _filled(fields) >= 0.8 * width and len(fields) >= min(width, 2)
        if position == 0 and (full_enough or not _is_title(fields, width)):
            return 0
        if full_enough and looks_like_header(fields):
            return position
        if not _is_title(fields, width):
            return 0
    return 0


def _is_title(fields: list[str], width: int) -> bool:
    if width < 2 or _filled(fields) > width / 2:
        return False
    # A blank first cell in a full row is the unnamed index of a data frame, not a title.
    return len(fields) < width or not any(fields) or bool(fields[0].strip())


def _filled(fields: Sequence[str]) -> int:
    return sum(bool(field.strip()) for field in fields)


def _reach(fields: list[str]) -> int:
    return max((number for number, field in enumerate(fields, 1) if field.strip()), default=0)


def _joined(rows: list[list[str]]) -> list[str]:
    """Join the rows of a header with a space; the labels of groups in the upper rows are filled to the right."""
    if len(rows) < 2:
        return list(rows[0]) if rows else []
    filled = [_filled_right(row) for row in rows[:-1]] + [rows[-1]]
    return [" ".join(part for part in parts if part) for parts in zip_longest(*filled, fillvalue="")]


def _filled_right(row: list[str]) -> list[str]:
    label, filled = "", []
    for field in row:
        label = field or label
        filled.append(label)
    return filled

"""Make the column names of a header: join its rows, repeat group labels, and fit it to the width of the rows below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from systemscripts.summary import Notice

# A header is fitted only if this share of the rows below has the usual width.
MIN_USUAL_SHARE = 0.5


def number_columns(names: Sequence[str], width: int) -> list[str]:
    """Return the columns of a table without a header: the given names, then col_2, col_3 ... by position from 0."""
    return [*names, *(f"col_{position}" for position in range(len(names), width))]


def join_rows(rows: list[list[str]]) -> list[str]:
    """Join the rows of a header with spaces. Labels of groups in the upper rows are repeated to the right."""
    if len(rows) < 2:
        return list(rows[0]) if rows else []
    filled = [_fill_right(row, rows[number + 1 :]) for number, row in enumerate(rows[:-1])] + [rows[-1]]
    return [" ".join(part for part in parts if part.strip()) for parts in zip_longest(*filled, fillvalue="")]


def _fill_right(row: list[str], lower: list[list[str]]) -> list[str]:
    """Repeat each label over the blank fields to its right that have a name below."""
    label, filled = "", []
    for position, cell in enumerate(row):
        label = cell or label
        has_name = any(position < len(other) and other[position].strip() for other in lower)
        filled.append(cell or (label if has_name else ""))
    width = max(map(len, lower))
    return filled + [label] * max(0, width - len(filled))


def fit_width(columns: list[str], below: Sequence[tuple[int, list[str]]], width: int) -> tuple[list[str], list[Notice]]:
    """Fit a header to the width of the rows below it. Return the columns and warnings about what may be wrong."""
    widths = Counter(len(fields) for _, fields in below)
    if not below or width < 2 or len(columns) == width or widths[width] < MIN_USUAL_SHARE * widths.total():
        return columns, []
    if len(columns) > width:
        return _drop_blank_names(columns, width)
    missing = width - len(columns)
    rows = [fields for _, fields in below if len(fields) == width]
    if not any(cell.strip() for fields in rows for cell in fields[len(columns) :]):
        return columns + [""] * missing, []
    doubt = f"the header names {len(columns)} columns, the rows have {width}: "
    if missing == 1 and _are_numbered(rows):
        return ["", *columns], [_warn_of_ragged_header(doubt + "the first column numbers the rows and has no name")]
    return columns + [""] * missing, [
        _warn_of_ragged_header(doubt + "the names were assigned from the left and may be shifted")
    ]


def _drop_blank_names(columns: list[str], width: int) -> tuple[list[str], list[Notice]]:
    blanks = [position for position, name in enumerate(columns) if not name.strip()]
    surplus = len(columns) - width
    if len(blanks) < surplus:
        return columns, [_warn_of_ragged_header(f"the header names {len(columns)} columns, most rows have {width}")]
    # Trailing delimiters are dropped first, and an unnamed index on the left last.
    dropped = set(sorted(blanks, reverse=True)[:surplus])
    text = f"the header has {surplus} more blank name{'s' * (surplus > 1)} than the rows have columns: left out"
    return [name for position, name in enumerate(columns) if position not in dropped], [_warn_of_ragged_header(text)]


def _warn_of_ragged_header(text: str) -> Notice:
    return Notice("header_ragged", text)


def _are_numbered(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first column is 0, 1, 2 ... or 1, 2, 3 ..."""
    return len(rows) > 1 and any(
        all(fields[0] == str(number) for number, fields in enumerate(rows, start)) for start in (0, 1)
    )

"""The names in a header: rows joined, group labels filled to the right, brought to the width of the rows below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from systemscripts.summary import Notice


def number_columns(names: Sequence[str], width: int) -> list[str]:
    """Columns of a table without header: the given names, then col_2, col_3 ... by position from 0."""
    return [*names, *(f"col_{position}" for position in range(len(names), width))]


def join_rows(rows: list[list[str]]) -> list[str]:
    """Join the rows of a header with a space; the labels of groups in the upper rows are filled to the right."""
    if len(rows) < 2:
        return list(rows[0]) if rows else []
    filled = [_filled_right(row, rows[number + 1 :]) for number, row in enumerate(rows[:-1])] + [rows[-1]]
    return [" ".join(part for part in parts if part.strip()) for parts in zip_longest(*filled, fillvalue="")]


def _filled_right(row: list[str], lower: list[list[str]]) -> list[str]:
    """Repeat each label over the blank fields right of it that have a name below."""
    label, filled = "", []
    for place, cell in enumerate(row):
        label = cell or label
        named = any(place < len(other) and other[place].strip() for other in lower)
        filled.append(cell or (label if named else ""))
    width = max(map(len, lower))
    return filled + [label] * max(0, width - len(filled))


def fit_width(columns: list[str], below: Sequence[tuple[int, list[str]]], width: int) -> tuple[list[str], list[Notice]]:
    """Bring a ragged header to the width of the rows below it, and say what is doubtful about that."""
    wide = Counter(len(fields) for _, fields in below)
    if not below or width < 2 or len(columns) == width or (wide[width] < 0.5 * wide.total()):
        return columns, []
    if len(columns) > width:
        return _without_blanks(columns, width)
    missing = width - len(columns)
    rows = [fields for _, fields in below if len(fields) == width]
    if not any(cell.strip() for fields in rows for cell in fields[len(columns) :]):
        return columns + [""] * missing, []
    doubt = f"the header names {len(columns)} columns, the rows have {width}: "
    if missing == 1 and _counts(rows):
        return ["", *columns], [_ragged(doubt + "the first column counts the rows and has no name")]
    return columns + [""] * missing, [_ragged(doubt + "the names were given from the left, and may be shifted")]


def _without_blanks(columns: list[str], width: int) -> tuple[list[str], list[Notice]]:
    blanks = [place for place, name in enumerate(columns) if not name.strip()]
    surplus = len(columns) - width
    if len(blanks) < surplus:
        return columns, [_ragged(f"the header names {len(columns)} columns, most rows have {width}")]
    # the unnamed column on the left (an index) is dropped last; trailing delimiters first
    drop = set(sorted(blanks, reverse=True)[:surplus])
    text = f"the header has {surplus} blank name{'s' * (surplus > 1)} more than the rows have columns: left out"
    return [name for place, name in enumerate(columns) if place not in drop], [_ragged(text)]


def _ragged(text: str) -> Notice:
    return Notice("header_ragged", text)


def _counts(rows: Sequence[Sequence[str]]) -> bool:
    """True when the first column is 0, 1, 2 ... or 1, 2, 3 ..."""
    return len(rows) > 1 and any(
        all(fields[0] == str(number) for number, fields in enumerate(rows, start)) for start in (0, 1)
    )

"""Find out how many rows a header has: labels of groups above the names, units and further names below them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from systemscripts.tables.structure.header_position import MAX_HEADER_ROWS, MIN_VALUES, Rows, is_prose, is_spaced
from systemscripts.tables.structure.value_kinds import (
    ColumnKinds,
    classify_value,
    count_filled,
    count_votes,
    has_values,
)

_MEASURE = r"[mkµcdhMGT]?(?:m|g|l|s|A|V|W|J|N|Pa|Hz|Wh|bar|B)(?:\^?[23²³])?"
_COUNT = r"t|h|min|d|pcs|pieces|units?|each|days?|hours?|years?|st(?:ü|u)ck"
_FORMAT = r"[dmyhs]{1,4}(?:[-/.: T][dmyhs]{1,4}){1,5}|text|number|date"
_CURRENCY = "EUR|USD|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|CNY|INR|BRL|MXN|ZAR|SGD|HKD|KRW"
UNITS = re.compile(
    rf"[\[(]?\s*(?:%|[€$£¥°]|°[CF]|{_CURRENCY}|{_MEASURE}|(?i:{_COUNT})|(?i:{_FORMAT}))(?:\s*/\s*\w{{1,4}})?\s*[\])]?"
)
# the kinds of values that can have a unit
_MEASURED = frozenset({"number", "percent", "money", "date", "time"})


def find_group_labels(rows: Rows, first: int) -> int:
    """Return the position of the first row that labels groups of columns (`,Travel,,Food,`), directly above `first`.

    Notes that extend over several columns can look like labels, but other notes precede them.
    """
    top = first
    while top > 0 and _has_group_labels(rows[top - 1][1], rows[top][1]) and not is_gap(*rows[top - 1], rows[top][0]):
        above, names = rows[top - 1][1], rows[top][1]
        if is_prose(rows, top - 1, len(names)) or is_spaced(above, [fields for _, fields in rows[top:]]):
            break
        if count_filled(above) > count_filled(names):
            return first
        top -= 1
    above = rows[top - 1][1] if top else []
    if top < first and count_filled(above) > 1 and not is_gap(*rows[top - 1], rows[top][0]):
        return top if any(is_labelled_value(cell) for cell in above) else first
    return top


def measure_depth(rows: Rows, position: int, first: int, body: Sequence[ColumnKinds]) -> int:
    """Return how many rows from `position` on belong to the header. `first`: the position of its first full row."""
    depth = first - position + 1
    while position + depth + 1 < len(rows) and depth < MAX_HEADER_ROWS:
        (row_above, above), (row, fields) = rows[position + depth - 1 : position + depth + 1]
        if is_gap(row_above, above, row) or not _is_further_header_row(fields, above, body):
            break
        depth += 1
    return depth


def is_gap(row_above: int, above: Sequence[str], row: int) -> bool:
    """Return whether there are blank rows between two rows. Line breaks within a field do not count."""
    return row > row_above + 1 + sum(cell.count("\n") for cell in above)


def is_labelled_value(cell: str) -> bool:
    """Return whether a cell has a label and its value, such as `Printed: 2026-11-02`: it is not a name."""
    label, colon, value = cell.strip().partition(":")
    return bool(colon and label and value.strip())


def _has_group_labels(fields: Sequence[str], below: Sequence[str]) -> bool:
    labels = [position for position, cell in enumerate(fields) if cell.strip()]
    if not labels or labels == [0] or len(fields) != len(below) or fields[0].startswith("#"):
        return False
    if list(fields) == list(below) or any(is_labelled_value(cell) for cell in fields):
        return False
    texts = [fields[position] for position in labels]
    return all(classify_value(text) in ("text", "number") or text[:1].isalpha() for text in texts)


def _is_further_header_row(fields: Sequence[str], above: Sequence[str], body: Sequence[ColumnKinds]) -> bool:
    """Return whether a row below a row of the header belongs to it, too: units, labels or a second line of names."""
    if len(fields) != len(above) or count_filled(fields) < 2 or list(fields) == list(above):
        return False
    if has_values(fields) or any(is_labelled_value(cell) for cell in fields):
        return False
    for_header, for_data = count_votes(fields, body, MIN_VALUES)
    if not for_data and _are_units(fields, body):
        return True
    # Names that distinguish columns with one label: Q1,Q1,Q2,Q2 over Air,Rail,Air,Rail.
    if _are_distinguished(above, fields) and count_votes(fields, body)[0]:
        return True
    # A second line of names: every column below has a kind, and none of the words is of it.
    if for_header > 1 and for_header == count_filled(fields):
        return True
    # Names that fill exactly the gaps of the group labels above.
    gaps = [position for position, cell in enumerate(above) if position and not cell.strip()]
    has_filled_gaps = all(fields[position].strip() for position in gaps) and any(not cell.strip() for cell in fields)
    return bool(gaps) and has_filled_gaps and not for_data


def _are_units(fields: Sequence[str], body: Sequence[ColumnKinds]) -> bool:
    """Return whether a row has only units, formats and blanks, above columns of values that can have a unit."""
    filled = [position for position, cell in enumerate(fields) if cell.strip()]
    if len(filled) < 2 or filled[-1] >= len(body):
        return False
    if not all(UNITS.fullmatch(fields[position].strip()) for position in filled):
        return False
    # A column with words among its numbers has no kinds.
    kinds_below = [body[position].kinds for position in filled if body[position].kinds]
    return bool(kinds_below) and all(kinds & _MEASURED for kinds in kinds_below)


def _are_distinguished(above: Sequence[str], fields: Sequence[str]) -> bool:
    has_repeats = all(map(str.strip, above)) and len(set(above)) < len(above)
    return has_repeats and len(set(zip(above, fields, strict=True))) == len(above)

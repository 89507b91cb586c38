"""List the ways in which the first values of a column may be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from systemscripts.imports.suggest import detect_booleans, detect_codes, detect_dates, detect_numbers
from systemscripts.imports.suggest.null_marks import NULL_MARKS
from systemscripts.imports.suggest.value_spellings import Spelling

# a spelling that fewer of the first values fit is not tested on the others
MIN_SHARE = 0.5
# one that so few of the very first values fit is out of the question
_QUICK_LOOK, _QUICK_SHARE = 100, 0.1


def list_spellings(sample: Sequence[str], header: str) -> list[Spelling]:
    """Return the spellings that half of some values fit, narrow ones first; `sample`: values, none of them empty."""
    values = [value for value in map(str.strip, sample) if value not in NULL_MARKS]
    padding = r"[^\S\n]*+" if has_padding(sample) else ""
    numbers = _keep_fitting(detect_numbers.list_spellings(values), values)
    codes = detect_codes.list_spellings(values, header)
    dates = detect_dates.list_spellings(values, header)
    booleans = detect_booleans.list_spellings(values, header)
    # what digits mean besides a number is narrower than any number, and a date is narrower than a code
    wider = frozenset(spelling.name for spelling in numbers)
    narrow = _add_wider(_keep_fitting(codes, values), wider)
    wider |= {spelling.name for spelling in narrow}
    narrow = [*_add_wider(_keep_fitting([*dates, *booleans], values), wider), *narrow]
    return [replace(spelling, padding=padding) for spelling in (*narrow, *numbers)]


def has_padding(values: Sequence[str]) -> bool:
    """Return whether there are blanks around some values."""
    return any(value != value.strip() for value in values)


def _add_wider(spellings: list[Spelling], names: frozenset[str]) -> list[Spelling]:
    return [replace(spelling, wider=spelling.wider | names) for spelling in spellings]


def _keep_fitting(spellings: list[Spelling], values: list[str]) -> list[Spelling]:
    few = values[:_QUICK_LOOK]
    possible = [one for one in spellings if _count_fitting(one, few) >= _QUICK_SHARE * len(few)]
    return [one for one in possible if _count_fitting(one, values) > MIN_SHARE * len(values)]


def _count_fitting(spelling: Spelling, values: list[str]) -> int:
    return sum(map(bool, map(spelling.tests.one.fullmatch, values)))

"""Find columns of fixed width in lines without names, by the kinds of letters at each position."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

# digits of a date such as 20260105, and the years that it may have
DATE_DIGITS = 8
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
# of the values before a column that begins with a letter in each line: some of them do not fill theirs
MIN_BLANK_SHARE = 0.2
# digits, and what stands among the digits of a number
_DIGITS, _SIGNS = "0123456789", "+-.,"


def find_columns(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Return where the columns of some lines begin and end, in letters from 0; the blanks after a value are its own."""
    width = max(map(len, lines))
    columns = ["".join(letters) for letters in zip(*(line.ljust(width) for line in lines), strict=True)]
    starts = [0]
    for position in range(1, width):
        if _is_column_start(columns, position):
            starts.append(position)
    starts = [start for start in starts if any(letters.strip() for letters in columns[start:])]
    spans = pairwise([*starts, width])
    return [part for start, end in spans for part in _split_column(lines, columns, start, end)]


def _split_column(lines: Sequence[str], columns: Sequence[str], start: int, end: int) -> list[tuple[int, int]]:
    """Split a column of digits; the blanks behind it in all lines belong to its last part."""
    last = max(position for position in range(start, end) if columns[position].strip()) + 1
    parts = _split_digits(lines, columns, start, last)
    return [*parts[:-1], (parts[-1][0], end)]


def _is_column_start(columns: Sequence[str], position: int) -> bool:
    """Return whether a column begins at a position, given the letters of all lines at each position."""
    before, here = columns[position - 1], columns[position]
    if not here.strip():
        return False
    if not before.strip():
        return True
    if _are_digits(before) and not _are_numeric(here):
        # a number that is filled to its end, then text
        return _is_text(here)
    if not _are_numeric(before) and _are_digits(here):
        # text, then a number with its zeros; a letter before it belongs to it where the letter differs: A1, B2
        return _is_constant_word(columns, position) or _has_blanks(before)
    return _has_blanks(before) and " " not in here and not _is_padded_left(columns, position)


def _is_padded_left(columns: Sequence[str], position: int) -> bool:
    """Return whether the blanks before a position are those before a number that ends at the right."""
    return _are_numeric(columns[position]) and all(
        letter == " " or letter in _DIGITS or letter in _SIGNS for letter in columns[position - 1]
    )


def _is_constant_word(columns: Sequence[str], position: int) -> bool:
    """Return whether the letters before a position are the same in all lines, back to where their column began."""
    return len(set(columns[position - 1])) == 1 and columns[position - 1][0].isalpha()


def _split_digits(lines: Sequence[str], columns: Sequence[str], start: int, end: int) -> list[tuple[int, int]]:
    """Split a column of digits at the dates in it, and where a number with zeros before it begins."""
    if not all(_are_digits(letters) for letters in columns[start:end]):
        return [(start, end)]
    for first in range(start, end - DATE_DIGITS + 1):
        last = first + DATE_DIGITS
        if (first, last) != (start, end) and all(_DATE.fullmatch(line[first:last]) for line in lines):
            before = _split_digits(lines, columns, start, first) if first > start else []
            after = _split_digits(lines, columns, last, end) if end > last else []
            return [*before, (first, last), *after]
    for position in range(start + 1, end):
        if set(columns[position]) == {"0"} and len(set(columns[position - 1])) > 1:
            return [(start, position), *_split_digits(lines, columns, position, end)]
    return [(start, end)]


def _are_digits(letters: str) -> bool:
    return all(letter in _DIGITS for letter in letters)


def _are_numeric(letters: str) -> bool:
    return all(letter in _DIGITS or letter in _SIGNS or letter == " " for letter in letters)


def _is_text(letters: str) -> bool:
    return any(letter.isalpha() for letter in letters)


def _has_blanks(letters: str) -> bool:
    return letters.count(" ") >= MIN_BLANK_SHARE * len(letters)

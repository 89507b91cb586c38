"""Classify the values of fields and columns (number, date, code ...): the evidence that tells headers from data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

# A column has a kind if this share of its values has it.
MIN_KIND_SHARE = 0.8
# A kind with a smaller share of the values is a stray value.
MIN_STRAY_SHARE = 0.05
# Longer fields are text, and matching them would be slow.
MAX_VALUE_LETTERS = 80
# In a header this share of the fields is filled, at most this share of them are values, and more than this differ.
MIN_NAMED_SHARE, MAX_VALUE_SHARE, MIN_DIFFERENT_SHARE = 0.6, 0.2, 0.6
# Longer whole numbers are codes, neither years nor counters.
MAX_COUNTER_LETTERS = 8
_MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_DIGITS = r"(?:\d{1,3}(?:[,.'\u2019 \u00a0\u202f]\d{3})+|\d+)(?:[.,]\d+)?|[.,]\d+"
_CURRENCY = r"(?:[$€£¥]|usd|eur|chf|gbp)"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\.?)?"
KIND_PATTERN = re.compile(
    rf"""
    (?P<number>[-+(]?\s?(?:{_DIGITS})(?:e[-+]?\d+)?\)?-?)
  | (?P<percent>[-+(]?\s?(?:{_DIGITS})\s?%\)?)
  | (?P<money>[-+(]*\s?{_CURRENCY}\s?[-+]?(?:{_DIGITS})\)?|[-+(]?(?:{_DIGITS})\s?{_CURRENCY}\)?)
  | (?P<date>(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}
        |\d{{1,2}}\.?[-\s/]{_MONTH}[-\s/,]*\d{{2,4}}|{_MONTH}\s\d{{1,2}},?\s\d{{4}}|{_MONTH}[-\s/]\d{{2,4}})
        (?:[T\s]\s?{_CLOCK})?\s?(?:z|utc|[-+]\d{{2}}:?\d{{2}})?)
  | (?P<time>{_CLOCK})
  | (?P<email>[^@\s]+@[^@\s]+\.[^@\s]+)
  | (?P<url>(?:https?|ftp)://\S+|www\.\S+)
  | (?P<truth>true|false|yes|no|y|n|ja|nein)
  | (?P<missing>n\.?/?a\.?|null|none|nan|nil|-+|\.+|\?+|\*+|:|\#n/a|\\n)
  | (?P<code>(?=[^\s]*\d)[\w./\#:+-]+)
    """,
    re.IGNORECASE | re.VERBOSE,
)
VALUES = frozenset({"number", "percent", "money", "date", "time", "email", "url", "truth"})
_LETTERS, _NUMBERS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")
_YEARS = range(1500, 2200)


@lru_cache(maxsize=2**16)
def classify_value(field: str) -> str:
    """Return a name in KIND_PATTERN, "blank" or "text". A code is returned with its shape (`A-9` for MG-8769)."""
    text = field.strip()
    if not text:
        return "blank"
    match = KIND_PATTERN.fullmatch(text) if len(text) <= MAX_VALUE_LETTERS else None
    if match is None:
        return "text"
    name = match.lastgroup or "text"
    if name == "code":
        return "code " + _NUMBERS.sub("9", _LETTERS.sub("A", text))
    return name


@dataclass(frozen=True)
class ColumnKinds:
    """The kinds of the values of a column, none for plain text. `texts`: texts that occur at least twice."""

    kinds: frozenset[str]
    texts: frozenset[str]
    # more than half of the numbers are years
    years: bool
    # the number of values that are not blank or missing
    count: int

    def vote(self, field: str) -> int:
        """Return 1 if `field` cannot be a value of this column but a name, -1 if it can be a value, 0 if unclear."""
        value_kind = classify_value(field)
        if value_kind in ("blank", "missing"):
            return 0
        if not self.kinds:
            return -1 if value_kind == "text" and field.strip() in self.texts else 0
        return -1 if value_kind in self.kinds else 1


def profile_columns(rows: Sequence[Sequence[str]], width: int) -> list[ColumnKinds]:
    """Return the kinds of the first `width` columns of some rows of data."""
    return [_profile_column([row[index] for row in rows if index < len(row)]) for index in range(width)]


def _profile_column(values: list[str]) -> ColumnKinds:
    classified = list(zip(map(classify_value, values), values, strict=True))
    counted = Counter(name for name, _ in classified)
    for nothing in ("blank", "missing"):
        counted.pop(nothing, None)
    texts = Counter(value.strip() for name, value in classified if name == "text")
    total = counted.total()
    typed = [name for name in counted if name in VALUES or name.startswith("code")]
    share = sum(counted[name] for name in typed)
    kinds: frozenset[str] = frozenset()
    if (
        total
        and share >= MIN_KIND_SHARE * total
        and (shaped := [n for n in typed if counted[n] >= MIN_STRAY_SHARE * total])
    ):
        plain = any(name in VALUES for name in shaped)
        # Codes of many shapes are like text.
        kinds = frozenset(shaped) if plain or sum(counted[name] for name in shaped) >= MIN_KIND_SHARE * total else kinds
    numbers = [value for name, value in classified if name == "number"]
    years = bool(numbers) and sum(_is_year(value) for value in numbers) > len(numbers) / 2
    return ColumnKinds(kinds, frozenset(text for text, count in texts.items() if count > 1), years, total)


def looks_like_header(fields: Sequence[str]) -> bool:
    """Return whether the fields look like names: hardly any blanks, numbers, dates or repetitions."""
    filled = [field.strip() for field in fields if field.strip()]
    if not filled or len(filled) < MIN_NAMED_SHARE * len(fields):
        return False
    # N and Y can be names.
    values = sum(classify_value(field) in VALUES - {"truth"} for field in filled)
    values -= len(_find_consecutive_years(fields))
    return values <= MAX_VALUE_SHARE * len(filled) and len(set(filled)) > MIN_DIFFERENT_SHARE * len(filled)


def count_votes(fields: Sequence[str], body: Sequence[ColumnKinds], min_values: int = 1) -> tuple[int, int]:
    """Return how many fields indicate a header above `body`, and how many one more row of data.

    Years and numbers that count from 0 are names if the values below them are neither. Columns with fewer than
    `min_values` values do not vote.
    """
    votes = [
        column.vote(field) if column.count >= min_values else 0 for field, column in zip(fields, body, strict=False)
    ]
    for position in find_running_numbers(fields):
        if position < len(votes) and votes[position] < 0 and not body[position].years:
            votes[position] = 1
    return sum(vote > 0 for vote in votes), sum(vote < 0 for vote in votes)


def has_values(fields: Sequence[str]) -> bool:
    """Return whether some field looks like a value: a number, a date, an address."""
    return any(classify_value(cell) in VALUES - {"truth"} for cell in fields)


def find_running_numbers(fields: Sequence[str]) -> list[int]:
    """Return the positions of years, or of numbers that count from 0 in all fields (or from 1 after a blank corner)."""
    whole = [
        (position, int(field.strip()))
        for position, field in enumerate(fields)
        if field.strip().isdecimal() and len(field) <= MAX_COUNTER_LETTERS
    ]
    numbers = [number for _, number in whole]
    corner = not fields[0].strip() if fields else False
    if len(whole) > 1 and len(whole) == len(fields) - corner and numbers[0] in ((0, 1) if corner else (0,)):
        is_count = numbers == list(range(numbers[0], numbers[0] + len(whole)))
        return [position for position, _ in whole] if is_count else []
    years = [position for position, number in whole if number in _YEARS]
    return years if len(years) == len(whole) else []


def _find_consecutive_years(fields: Sequence[str]) -> list[int]:
    """Return the positions of years at equal distances, such as 2019, 2020, 2021: they are names of columns."""
    positions = find_running_numbers(fields)
    years = [int(fields[position].strip()) for position in positions]
    steps = {after - before for before, after in pairwise(years)}
    return positions if len(positions) > 1 and len(steps) == 1 and steps != {0} and years[0] in _YEARS else []


def count_filled(fields: Sequence[str]) -> int:
    """Return how many fields are not blank."""
    return sum(bool(cell.strip()) for cell in fields)


def _is_year(value: str) -> bool:
    return value.strip().isdecimal() and int(value.strip()) in _YEARS

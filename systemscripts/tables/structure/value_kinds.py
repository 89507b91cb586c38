"""What kind of value a field holds, and what kinds a column holds: the evidence that tells headers from data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

DOMINANT = 0.8  # a column is of a kind when so many of its values are
_MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_DIGITS = r"(?:\d{1,3}(?:[,.'\u2019 \u00a0\u202f]\d{3})+|\d+)(?:[.,]\d+)?|[.,]\d+"
_CURRENCY = r"(?:[$€£¥]|usd|eur|chf|gbp)"
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\.?)?"
KIND = re.compile(
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
    """One of the names in KIND, "blank", or "text"; a code comes with its shape (`A-9` for MG-8769)."""
    text = field.strip()
    if not text:
        return "blank"
    found = KIND.fullmatch(text) if len(text) <= 80 else None
    if found is None:
        return "text"
    name = found.lastgroup or "text"
    if name == "code":
        return "code " + _NUMBERS.sub("9", _LETTERS.sub("A", text))
    return name


@dataclass(frozen=True)
class ColumnKinds:
    """The kinds that a column's values have; none where it holds plain text. `texts`: its values that are text."""

    kinds: frozenset[str]
    texts: frozenset[str]
    years: bool
    count: int  # of its values

    def votes(self, field: str) -> int:
        """1 when `field` cannot be a value of this column, as the name of a column; -1 when it is one; 0: who knows."""
        found = classify_value(field)
        if found in ("blank", "missing"):
            return 0
        if not self.kinds:
            return -1 if found == "text" and field.strip() in self.texts else 0
        return -1 if found in self.kinds else 1


def profile_columns(rows: Sequence[Sequence[str]], width: int) -> list[ColumnKinds]:
    """Describe the first `width` columns of some rows of data."""
    return [_column([row[place] for row in rows if place < len(row)]) for place in range(width)]


def _column(values: list[str]) -> ColumnKinds:
    counted = Counter(classify_value(value) for value in values)
    for nothing in ("blank", "missing"):
        counted.pop(nothing, None)
    texts = Counter(value.strip() for value in values if classify_value(value) == "text")
    total = counted.total()
    typed = [name for name in counted if name in VALUES or name.startswith("code")]
    share = sum(counted[name] for name in typed)
    kinds: frozenset[str] = frozenset()
    if total and share >= DOMINANT * total and (shaped := [n for n in typed if counted[n] >= 0.05 * total]):
        plain = any(name in VALUES for name in shaped)
        # codes of many shapes are as good as text
        kinds = frozenset(shaped) if plain or sum(counted[name] for name in shaped) >= DOMINANT * total else kinds
    numbers = [value for value in values if classify_value(value) == "number"]
    years = bool(numbers) and sum(_is_year(value) for value in numbers) > len(numbers) / 2
    return ColumnKinds(kinds, frozenset(text for text, count in texts.items() if count > 1), years, total)


def looks_like_header(fields: Sequence[str]) -> bool:
    """True when the fields read like names: hardly any blank, number, date or repetition."""
    filled = [field.strip() for field in fields if field.strip()]
    if not filled or len(filled) < 0.6 * len(fields):
        return False
    values = sum(classify_value(field) in VALUES - {"truth"} for field in filled)  # N and Y are names, too
    values -= len(_consecutive_years(fields))
    return values <= 0.2 * len(filled) and len(set(filled)) > 0.6 * len(filled)


def count_votes(fields: Sequence[str], body: Sequence[ColumnKinds], least: int = 1) -> tuple[int, int]:
    """How many fields speak for a header above `body`, and how many for one more row of data.

    Years and numbers that count from 0 are names where the values below them are neither. Columns of fewer than
    `least` values are not asked.
    """
    votes = [column.votes(field) if column.count >= least else 0 for field, column in zip(fields, body, strict=False)]
    for place in find_running_numbers(fields):
        if place < len(votes) and votes[place] < 0 and not body[place].years:
            votes[place] = 1
    return sum(vote > 0 for vote in votes), sum(vote < 0 for vote in votes)


def holds_values(fields: Sequence[str]) -> bool:
    """True when some field is a value by its looks: a number, a date, an address."""
    return any(classify_value(cell) in VALUES - {"truth"} for cell in fields)


def find_running_numbers(fields: Sequence[str]) -> list[int]:
    """Places of years, or of numbers that count from 0 over the whole row (or from 1, right of a blank corner)."""
    whole = [
        (place, int(field.strip()))
        for place, field in enumerate(fields)
        if field.strip().isdecimal() and len(field) < 9
    ]
    numbers = [number for _, number in whole]
    corner = not fields[0].strip() if fields else False
    if len(whole) > 1 and len(whole) == len(fields) - corner and numbers[0] in ((0, 1) if corner else (0,)):
        return [place for place, _ in whole] if numbers == list(range(numbers[0], numbers[0] + len(whole))) else []
    years = [place for place, number in whole if number in _YEARS]
    return years if len(years) == len(whole) else []


def _consecutive_years(fields: Sequence[str]) -> list[int]:
    """Places of years that follow each other at one distance, such as 2019, 2020, 2021: the names of columns."""
    places = find_running_numbers(fields)
    years = [int(fields[place].strip()) for place in places]
    steps = {after - before for before, after in pairwise(years)}
    return places if len(places) > 1 and len(steps) == 1 and steps != {0} and years[0] in _YEARS else []


def _is_year(value: str) -> bool:
    return value.strip().isdecimal() and int(value.strip()) in _YEARS

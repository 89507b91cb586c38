"""The profile of each column of a load: its figures, by which the next files are judged."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, islice
from typing import Any

from systemscripts.findings.values import garbled_text
from systemscripts.findings.values.sample import Sample, is_date, is_number
from systemscripts.findings.values.sketch import Sketch, build_sketch

ROWS = "(rows)"
KEY = "(key)"
# The trait of a column of which it is known how many values of a large load differ.
IS_COUNTED = "is_counted"
KEY_TYPES = ("text", "integer", "bigint")
EPOCH = date(1970, 1, 1).toordinal()
# A column of more different values than this is not a list of codes.
MAX_CODES = 50
MAX_PATTERNS = 10
# Values of a column whose form is looked at: enough for a share to some five points, and it is what costs most.
MAX_FORMS = 400
MAX_LENGTHS = 60
MAX_LETTERS = 80
_ZERO_LED = re.compile(r"(?<!\d)0\d")
_RUN = re.compile(r"([A9a])\1+")
_FORM = str.maketrans(
    {**dict.fromkeys("0123456789", "9"), **dict.fromkeys("abcdefghijklmnopqrstuvwxyzäöüßéèêáàâóòôúùûíìîåøæñç", "a"),
     **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜÉÈÁÀÓÚÍÅØÆÑÇ", "A")}
)  # fmt: skip


@dataclass
class ColumnProfile:
    """The figures of one column, as dba.tcolumnprofile holds them."""

    column_name: str
    position: int
    column_type: str
    is_estimated: bool
    rows: int
    filled: int
    distinct_values: int = 0
    min_value: str | None = None
    p10: float | None = None
    p50: float | None = None
    p90: float | None = None
    max_value: str | None = None
    sum: float | None = None
    mean: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    top_values: dict[str, float] | None = None
    patterns: dict[str, float] | None = None
    traits: dict[str, Any] = field(default_factory=dict)
    sketch: Sketch | None = None

    @property
    def share_filled(self) -> float:
        """The share of rows in which it has a value."""
        return self.filled / self.rows if self.rows else 0.0

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return is_number(self.column_type)

    @property
    def is_date(self) -> bool:
        """Whether its values are dates or times of a date."""
        return is_date(self.column_type)

    @property
    def quantiles(self) -> tuple[float, float, float] | None:
        """The three figures in the middle, where it has them."""
        if self.p10 is None or self.p50 is None or self.p90 is None:
            return None
        return float(self.p10), float(self.p50), float(self.p90)


@dataclass
class Profiles:
    """The profiles of one load, and the values that they come from."""

    by_name: dict[str, ColumnProfile]
    counts: dict[str, Counter[str]]
    sample: Sample


def build_profiles(sample: Sample, key: Sequence[str], traits: dict[str, Any]) -> Profiles:
    """Compute the profile of each column; `key`: columns that name a row, `traits`: of the file as a whole."""
    profiles: dict[str, ColumnProfile] = {}
    counts: dict[str, Counter[str]] = {}
    for position, name in enumerate(sample.names, start=1):
        counted: Counter[Any] = Counter(sample.columns.get(name, ()))
        counted.pop(None, None)
        counts[name] = counted
        profile = ColumnProfile(
            name, position, sample.types[name], sample.is_estimated, sample.rows, sample.filled.get(name, 0)
        )
        profiles[name] = _fill(profile, counted)
        if (name,) in sample.keys:
            _, profile.distinct_values = sample.keys[name,]
            profile.traits[IS_COUNTED] = True
        profile.max_value = sample.last_days.get(name) or profile.max_value
    profiles |= _build_row_profiles(sample, tuple(name for name in key if name in sample.columns), traits)
    return Profiles(profiles, counts, sample)


def _build_row_profiles(sample: Sample, key: tuple[str, ...], traits: dict[str, Any]) -> dict[str, ColumnProfile]:
    """Return what is known of whole rows and whole keys."""
    profiles: dict[str, ColumnProfile] = {}
    if key:
        tuples = _count_keys(sample, key)
        counted = sample.keys.get(key, (tuples.total(), len(tuples)))
        profiles[KEY] = ColumnProfile(KEY, 0, ", ".join(key), sample.is_estimated, sample.rows, *counted)
        profiles[KEY].sketch = build_sketch(tuples)
    different, twins = sample.length, 0
    if not key or len(tuples) < sample.length:
        rows = Counter(zip(*sample.columns.values(), strict=True))
        different, twins = len(rows), sum(count for count in rows.values() if count > 1)
    whole = ColumnProfile(ROWS, 0, "", sample.is_estimated, sample.rows, sample.rows, different, traits=dict(traits))
    if sample.length and (key or sample.keeps_twins or not sample.is_estimated):
        whole.traits["share_of_twins"] = round(twins / sample.length, 4)
    return {ROWS: whole, **profiles}


def _count_keys(sample: Sample, key: tuple[str, ...]) -> Counter[str]:
    """Return how often each key occurs, those with an empty part left out."""
    if len(key) == 1:
        return Counter(value for value in sample.columns[key[0]] if value is not None)
    keys = zip(*(sample.columns[name] for name in key), strict=True)
    return Counter("|".join(map(str, values)) for values in keys if None not in values)


def _fill(profile: ColumnProfile, counts: Counter[str]) -> ColumnProfile:
    """Compute the figures of one column from its different values and how often each occurs."""
    profile.distinct_values = len(counts)
    if not counts:
        return profile
    total = counts.total()
    if len(counts) <= MAX_CODES:
        profile.top_values = {value: round(count / total, 4) for value, count in counts.most_common()}
    if profile.is_number:
        _fill_numbers(profile, counts, total)
    elif profile.is_date:
        _fill_dates(profile, counts, total)
    else:
        _fill_texts(profile, counts, total)
    # of figures no list is compared, but of numbers that may be keys
    if not profile.is_number or profile.column_type in KEY_TYPES:
        profile.sketch = build_sketch(counts)
    return profile


def _fill_numbers(profile: ColumnProfile, counts: Counter[str], total: int) -> None:
    numbers = sorted(filter(math.isfinite, map(float, counts.elements())))
    if not numbers:
        return
    profile.p10, profile.p50, profile.p90 = (numbers[math.ceil(share * len(numbers)) - 1] for share in (0.1, 0.5, 0.9))
    profile.min_value, profile.max_value = min(counts, key=float), max(counts, key=float)
    # of a sample the sum is that of the sample times what it stands for
    scale = profile.filled / total if profile.is_estimated else 1.0
    profile.sum = math.fsum(numbers) * scale
    profile.mean = profile.sum / profile.filled if profile.filled else None
    profile.traits["whole"] = round(sum(map(float.is_integer, numbers)) / total, 3)


def _fill_dates(profile: ColumnProfile, counts: Counter[str], total: int) -> None:
    profile.min_value, profile.max_value = min(counts), max(counts)
    by_day: Counter[str] = Counter()
    for text, count in counts.items():
        by_day[text[:10]] += count
    pairs = sorted((day, count) for text, count in by_day.items() if (day := read_day(text)) is not None)
    if not pairs:
        return
    profile.p10, profile.p50, profile.p90 = _find_quantiles([(float(day), count) for day, count in pairs])
    days = [(date.fromordinal(day + EPOCH), count) for day, count in pairs]
    profile.traits["after_12th"] = round(sum(count for day, count in days if day.day > 12) / total, 4)
    profile.traits["months"] = len({(day.year, day.month) for day, _ in days})


def _fill_texts(profile: ColumnProfile, counts: Counter[str], total: int) -> None:
    profile.min_value, profile.max_value = min(counts)[:100], max(counts)[:100]
    lengths: Counter[int] = Counter()
    for value, count in counts.items():
        lengths[len(value)] += count
    patterns: Counter[str] = Counter()
    for value, count in islice(counts.items(), None, None, 1 + len(counts) // MAX_FORMS):
        patterns[describe_form(value)] += count
    looked_at = patterns.total()
    profile.traits["zero_led"] = round(sum(_list_zero_led(counts).values()) / looked_at, 3)
    profile.min_length, profile.max_length = min(lengths), max(lengths)
    profile.patterns = {form: round(count / looked_at, 4) for form, count in patterns.most_common(MAX_PATTERNS)}
    profile.traits["lengths"] = {str(size): round(n / total, 4) for size, n in lengths.most_common(MAX_LENGTHS)}
    beyond = [(value, count) for value, count in counts.items() if not value.isascii() or "?" in value]
    if beyond:
        profile.traits["garbled"] = sum(count for value, count in beyond if garbled_text.looks_garbled(value))
        letters: Counter[str] = Counter()
        for value, count in beyond[:: 1 + len(beyond) // MAX_FORMS]:
            letters.update({letter: count for letter in set(value) if letter > "\x7f"})
        profile.traits["letters"] = "".join(sorted(letter for letter, _ in letters.most_common(MAX_LETTERS)))


def _list_zero_led(counts: Counter[str]) -> dict[str, int]:
    """Return of the values whose form is looked at those with a number that begins with a zero."""
    values = islice(counts.items(), None, None, 1 + len(counts) // MAX_FORMS)
    return {value: count for value, count in values if "0" in value and _ZERO_LED.search(value)}


def describe_form(value: str) -> str:
    """Return the form of a value: 9 for digits, A and a for letters, a longer run of words as one."""
    form = value[:40].translate(_FORM)
    return form if len(form) <= 20 and " " not in form else _RUN.sub(lambda run: f"{run[1]}+", form)[:40]


def _find_quantiles(pairs: list[tuple[float, int]]) -> tuple[float, float, float]:
    """Return the values below which a tenth, half and nine tenths lie; `pairs`: sorted values with their counts."""
    ends = list(accumulate(count for _, count in pairs))
    p10, p50, p90 = (pairs[bisect_left(ends, share * ends[-1])][0] for share in (0.1, 0.5, 0.9))
    return p10, p50, p90


def read_day(text: str) -> int | None:
    """Return a date or time of PostgreSQL as days since 1970-01-01, None for what Python has no day of."""
    try:
        return date.fromisoformat(text[:10]).toordinal() - EPOCH
    except ValueError:
        return None


def format_day(days: float) -> str:
    """Return days since 1970-01-01 as a date."""
    return date.fromordinal(int(days) + EPOCH).isoformat()

"""Which missing column a new one may be, under another name: by the names, the values, their form and the place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from systemscripts.tables.column_names import make_column_names

# What each kind of evidence is worth. Values say more than names: a translated header shares no letter.
NAME_WEIGHT, VALUE_WEIGHT, FORM_WEIGHT, PLACE_WEIGHT = 0.40, 0.35, 0.15, 0.10
SLOT_SCORE = 0.60  # a column of the same kind where the missing one stood, between the same neighbours
MIN_SLOT_FORM = 0.70  # how much of both must be of one form for that
MAX_MEDIAN_FACTOR = 5.0  # and how far numbers may lie from those before
MIN_SCORE = 0.50  # below it a proposal would be a guess
MIN_LEAD = 0.10  # over the next best pair of either column: between two candidates alike nothing is proposed
SAME_WORDS_SCORE = 0.80  # names this alike carry a proposal though the values differ, such as new numbers each week
SHOWN_SAMPLES = 3
PART_NAME_SCORE = 0.60  # how alike the name of a part and of a whole are
# digits with what separates them in numbers, dates and times, also with a sign, a currency or percent
_NUMBER_OR_DATE = re.compile(r"[-+(]?[€$£¥]?\s?\d[\d.,:/ '\u00a0\u202fTZ+-]*\)?\s?[€$£¥%]?")


@dataclass(frozen=True)
class Side:
    """One column: its header, its first values (text, filled ones), and where it stands.

    `place`: among the columns, from 0 to 1. `slot`: its neighbours, or its number and how many columns there are.
    """

    column: str
    header: str
    samples: Sequence[str]
    place: float
    slot: tuple[object, ...] = ()


@dataclass(frozen=True)
class Rename:
    """A proposal: the missing column, the new one, and how sure it is, from 0 to 1."""

    missing: Side
    new: Side
    score: float

    def describe(self) -> str:
        """Return the proposal as one sentence with the best samples of each side."""
        before = ", ".join(map(repr, self.missing.samples[:SHOWN_SAMPLES])) or "no values known"
        now = ", ".join(map(repr, self.new.samples[:SHOWN_SAMPLES])) or "no values"
        return (
            f"{self.missing.column} is missing, {self.new.header!r} may be its new name "
            f"({self.score:.0%} sure; before: {before}; now: {now})"
        )


def find_parts(wholes: Sequence[Side], others: Sequence[Side]) -> dict[str, list[Side]]:
    """Return the columns that were split into some of the others, or joined from them, with these parts.

    The names of at least two parts are like that of the whole, and their values are shorter.
    """
    parts = {
        whole.column: [
            other
            for other in others
            if _compare_names((whole.column, whole.header), (other.column, other.header)) >= PART_NAME_SCORE
            and _measure_length(other) < _measure_length(whole)
        ]
        for whole in wholes
    }
    return {column: sides for column, sides in parts.items() if len(sides) > 1}


def _measure_length(side: Side) -> float:
    return sum(map(len, side.samples)) / max(1, len(side.samples))


def propose_renames(missing: Sequence[Side], new: Sequence[Side]) -> list[Rename]:
    """Pair missing columns with new ones, one to one, each pair clearly better than the next; best first.

    What was split or joined has no new name.
    """
    split, joined = find_parts(missing, new), find_parts(new, missing)
    missing = [side for side in missing if side.column not in split]
    new = [side for side in new if side.column not in joined]
    scores = {(old.column, now.column): _score_pair(old, now) for old in missing for now in new}
    by_name = {side.column: side for side in (*missing, *new)}
    renames: list[Rename] = []
    open_pairs = dict(scores)
    while open_pairs:
        old, now = max(open_pairs, key=lambda pair: open_pairs[pair])
        score = open_pairs.pop((old, now))
        if score < MIN_SCORE:
            break
        rivals = [value for pair, value in open_pairs.items() if pair[0] == old or pair[1] == now]
        if score - max(rivals, default=0.0) >= MIN_LEAD:
            renames.append(Rename(by_name[old], by_name[now], round(score, 2)))
        open_pairs = {pair: value for pair, value in open_pairs.items() if pair[0] != old and pair[1] != now}
    return renames


def _score_pair(old: Side, now: Side) -> float:
    name = _compare_names((old.column, old.header), (now.column, now.header))
    place = 1 - abs(old.place - now.place)
    if not old.samples or not now.samples:
        # only the names can speak
        return name * (NAME_WEIGHT + VALUE_WEIGHT + FORM_WEIGHT) + place * PLACE_WEIGHT if name > 0.6 else 0.0
    values = _compare_values(old.samples, now.samples)
    form = _compare_forms(old.samples, now.samples)
    if form < 0.2 and values == 0:
        # a column of numbers was not one of names before, whatever the headers say
        return 0.0
    score = name * NAME_WEIGHT + values * VALUE_WEIGHT + form * FORM_WEIGHT + place * PLACE_WEIGHT
    if name >= SAME_WORDS_SCORE and form >= 0.5:
        score = max(score, MIN_SCORE + (name - SAME_WORDS_SCORE))
    if old.slot and set(old.slot) & set(now.slot) and form >= MIN_SLOT_FORM and _is_near(old.samples, now.samples):
        score = max(score, SLOT_SCORE + 0.2 * name + 0.2 * values)
    return score


def _is_near(old: Sequence[str], now: Sequence[str]) -> bool:
    """Whether numbers are of the size that they had; texts are compared by their form alone."""
    before, after = _median(old), _median(now)
    if before is None or after is None:
        return True
    low, high = sorted((abs(before), abs(after)))
    return high <= low * MAX_MEDIAN_FACTOR or high <= 1


def _median(values: Sequence[str]) -> float | None:
    """Return the median of the digits of numbers and dates, without sign and marks; None for texts."""
    numbers = sorted(float(_digits(value)) for value in values if _NUMBER_OR_DATE.fullmatch(value.strip()))
    return numbers[len(numbers) // 2] if len(numbers) * 2 > len(values) else None


def _digits(value: str) -> str:
    """Return the whole digits of a number: the last mark is taken for the decimal one where two digits follow it."""
    whole, mark, fraction = re.sub(r"[^\d.,]", "", value).replace(",", ".").rpartition(".")
    if mark and len(fraction) <= 2:
        return whole.replace(".", "") or "0"
    return (whole + fraction).replace(".", "") or "0"


def _compare_names(old: tuple[str, str], now: tuple[str, str]) -> float:
    """How alike two columns are called, from 0 to 1: the best of their normalised names and of their words."""
    from rapidfuzz import fuzz  # only where columns are missing and new

    best = 0.0
    for before in _spellings(old):
        for after in _spellings(now):
            whole = fuzz.ratio(before, after)
            words = fuzz.token_set_ratio(before.replace("_", " "), after.replace("_", " "))
            best = max(best, whole / 100, 0.9 * words / 100)
    return best


def _spellings(names: tuple[str, str]) -> set[str]:
    column, header = names
    return {name for name in (column, *make_column_names([header])) if name}


def _compare_values(old: Sequence[str], now: Sequence[str]) -> float:
    """Which share of the different values of the smaller side the other one has too."""
    before, after = set(map(_canonical, old)), set(map(_canonical, now))
    return len(before & after) / min(len(before), len(after))


def _compare_forms(old: Sequence[str], now: Sequence[str]) -> float:
    """How much of both sides is of the same form: the overlap of the shares of their forms."""
    before, after = _share_forms(old), _share_forms(now)
    return sum(min(share, after.get(form, 0.0)) for form, share in before.items())


def _share_forms(values: Sequence[str]) -> Mapping[str, float]:
    forms: dict[str, float] = {}
    for value in values:
        form = _form(value)
        forms[form] = forms.get(form, 0.0) + 1 / len(values)
    return forms


def _canonical(value: str) -> str:
    """Return a value without its spelling: 05.01.2026 and 2026-01-05, 1.234,50 and 1234.5 hold the same digits."""
    value = value.strip().casefold()
    return "".join(sorted(re.sub(r"\D", "", value))).strip("0") or "0" if _NUMBER_OR_DATE.fullmatch(value) else value


def _form(value: str) -> str:
    """Return the form of a value: one for numbers and dates, else 9 for digits, a for letters, signs as they are."""
    value = value.strip()
    if _NUMBER_OR_DATE.fullmatch(value):
        return "number or date"
    return re.sub(r"a+", "a", re.sub(r"9+", "9", re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value))))

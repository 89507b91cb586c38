"""Dates that all moved by a year, whose day and month changed places, or that are still to come."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import Quantiles, format_share, measure_deviation
from systemscripts.findings.values.compare import pair_columns, pair_quantiles
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import (
    EPOCH,
    ColumnProfile,
    format_day,
    read_day,
)
from systemscripts.findings.values.sketch import build_sketch, measure_overlap

YEAR_DAYS = 365.25
# A leap day, and what a few new rows move in a list of old dates.
YEAR_TOLERANCE_DAYS = 10.0
# What moves by more than this from file to file has no steps that a year would stand out from.
MAX_STEP_DEVIATION_DAYS = 45.0
# Dates that span less than this in each file belong to a period; exchanged they scatter over the year.
PERIOD_DAYS = 62.0
SCATTER = 2.5
# Of dates over all days of a month 60 % lie after the 12th; not one of thirty there is no chance.
USUALLY_LATE = 0.3
MAX_LATE_NOW = 0.02
# A file may be dated by its first day.
AFTER_FILE_DAYS = 31
# A list of which the greater part stays from file to file.
USUALLY_SAME = 0.7


def judge_moved_year(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file whose dates all lie a year before or after where the next file's should."""
    for now, quantiles, past, before in pair_quantiles(file, history):
        if not now.is_date:
            continue
        year = _find_years_of_quantiles(quantiles, past) or _find_years_of_list(file, now, before)
        if year:
            usual, count = format_day(past[0][1]), f"{abs(year)} year{'s' if abs(year) > 1 else ''}"
            text = (
                f"{now.column_name}: half of the dates lie after {format_day(quantiles[1])}, in the file before "
                f"after {usual}: all of them {count} {'later' if year > 0 else 'earlier'}?"
            )
            yield Finding("dates_moved", "hold", text, now.column_name, {"years": year})


def _find_years_of_quantiles(now: Quantiles, past: Sequence[Quantiles]) -> int:
    """Return by how many years all quantiles have moved, 0 where they have not."""
    shifts = [_measure_shift(now[index], [quantiles[index] for quantiles in past]) for index in (0, 1, 2)]
    years = {round(shift / YEAR_DAYS) for shift, _ in shifts}
    year = years.pop()
    has_moved = not years and all(abs(shift - year * YEAR_DAYS) <= tolerance for shift, tolerance in shifts)
    return year if has_moved else 0


def _find_years_of_list(file: File, now: ColumnProfile, before: Sequence[ColumnProfile]) -> int:
    """Return by how many years the dates of a list have moved that has nearly the same ones in each file, else 0."""
    known = measure_overlap(before[0].sketch, before[1].sketch) or 0.0
    if known < USUALLY_SAME or (measure_overlap(now.sketch, before[0].sketch) or 0.0) > known / 2:
        return 0
    for year in (-1, 1):
        moved = [
            f"{int(text[:4]) - year}{text[4:]}" for text in file.values.counts[now.column_name] if text[:4].isdigit()
        ]
        if (measure_overlap(build_sketch(moved), before[0].sketch) or 0.0) > known * USUALLY_SAME:
            return year
    return 0


def _measure_shift(now: float, past: Sequence[float]) -> tuple[float, float]:
    """Return by how many days a figure differs from the next one to be expected, and how many it may; newest first."""
    steps = [newer - older for newer, older in itertools.pairwise(past)]
    step, deviation = statistics.median(steps), measure_deviation(steps)
    spread = max(abs(value - step) for value in steps)
    tolerance = max(YEAR_TOLERANCE_DAYS, 5 * deviation, 2 * spread)
    return now - past[0] - step, min(tolerance, MAX_STEP_DEVIATION_DAYS) if spread < 4 * YEAR_DAYS / 12 else -1.0


def judge_day_month(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file whose dates scatter over months where they never did, or lie all before the 13th of a month."""
    for now, quantiles, past, before in pair_quantiles(file, history):
        if not now.is_date:
            continue
        widest = max(map(_measure_span, past))
        late = [float(profile.traits.get("after_12th", 0)) for profile in before]
        if widest <= PERIOD_DAYS:
            is_exchanged = _has_scattered(file, now, widest, past)
        else:
            is_exchanged = min(late) >= USUALLY_LATE and now.traits.get("after_12th", 0) <= MAX_LATE_NOW
        if is_exchanged:
            samples = ", ".join(list(file.values.counts[now.column_name])[:3])
            text = (
                f"{now.column_name}: day and month have changed places? {samples}; "
                f"usually {format_share(statistics.median(late))} lie after the 12th, "
                f"within {widest:.0f} days, now within {_measure_span(quantiles):.0f}"
            )
            yield Finding("day_month_exchanged", "hold", text, now.column_name)


def _measure_span(quantiles: Quantiles) -> float:
    """Return the days between the first and the last tenth of the dates."""
    return quantiles[2] - quantiles[0]


def _has_scattered(file: File, now: ColumnProfile, widest: float, past: Sequence[Quantiles]) -> bool:
    """Whether dates of a period are scattered, and with day and month turned back are of the next period."""
    assert now.quantiles is not None
    medians = [quantiles[1] for quantiles in past]
    own_shift, _ = _measure_shift(now.quantiles[1], medians)
    span = _measure_span(now.quantiles)
    if span <= max(SCATTER * widest, widest + 25) and abs(own_shift) <= max(2 * widest, 25):
        return False
    turned: Counter[int] = Counter()
    for text, count in file.values.counts[now.column_name].items():
        day = read_day(text)
        if day is None:
            continue
        value = date.fromordinal(day + EPOCH)
        turned[date(value.year, value.day, value.month).toordinal() - EPOCH if value.day <= 12 else day] += count
    days = sorted(turned.elements())
    first, median, last = days[len(days) // 10], days[len(days) // 2], days[-1 - len(days) // 10]
    shift, _ = _measure_shift(median, medians)
    return last - first <= max(1.5 * widest, 7) and abs(shift) <= max(1.5 * widest, 14)


def judge_to_come(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file with dates still to come, where no file before had one; warn of some after the day of the file."""
    today = file.today.toordinal() - EPOCH
    own_day = min(file.day.toordinal() - EPOCH, today) if file.day else today
    for now, _ in pair_columns(file, history):
        latest = read_day(now.max_value or "") if now.is_date else None
        if latest is None or latest <= own_day + 1:
            continue
        ahead = [_measure_ahead(past, now.column_name) for past in history]
        known = [days for days in ahead if days is not None]
        if not known or max(known) > 1:
            continue
        counted = file.values.counts[now.column_name]
        late = sum(count for text, count in counted.items() if (read_day(text) or 0) > own_day + 1)
        text = f"{now.column_name}: {late:,} dates are still to come, the last {now.max_value}; before there were none"
        if latest > today + 1:
            yield Finding("dates_to_come", "hold", text, now.column_name, {"rows": late})
        elif latest > own_day + AFTER_FILE_DAYS:
            text = f"{now.column_name}: {late:,} dates lie after the day of the file, the last {now.max_value}"
            yield Finding("dates_to_come", "warn", text, now.column_name, {"rows": late})


def _measure_ahead(past: Past, column: str) -> float | None:
    """Return by how many days the last date of a file lay after the file's own day."""
    profile = past.profiles.get(column)
    latest = read_day(profile.max_value or "") if profile else None
    day = past.day or past.loaded_at.date()
    return None if latest is None else latest - (day.toordinal() - EPOCH)


RULES = (
    Rule("dates_moved", judge_moved_year),
    Rule("day_month_exchanged", judge_day_month),
    Rule("dates_to_come", judge_to_come),
)

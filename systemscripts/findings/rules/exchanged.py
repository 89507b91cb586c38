"""Two columns whose values stand under each other's headers."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Iterator, Sequence

from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import are_like, measure_deviation
from systemscripts.findings.values.compare import pair_columns
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import ColumnProfile, format_day
from systemscripts.findings.values.sketch import measure_overlap

# How alike (0 to 1) the exchanged columns must be, and by how much more than each is to its own past.
MIN_LIKENESS = 0.55
MIN_GAIN = 0.22
# How far apart two numbers or dates must usually lie: less than this is chance.
MIN_RATIO = math.log(1.04)
MIN_DAYS = 1.0
# Each of these is compared with every other one.
MAX_COMPARED_COLUMNS = 200
MAX_NEAR_RATIO = math.log(2.5)
# Of the values of each column, where their forms alone tell.
NEARLY_ALL = 0.9
_RUN = re.compile(r"([Aa9])(?:\1|\+)+")
Pair = tuple[ColumnProfile, list[ColumnProfile]]


def judge_exchanged(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file in which two columns of one type look like each other's past and not like their own."""
    suspects = [pair for pair in pair_columns(file, history) if _may_differ(pair)][:MAX_COMPARED_COLUMNS]
    for one, other in itertools.combinations(suspects, 2):
        if one[0].column_type == other[0].column_type and _are_exchanged(one, other):
            names = one[0].column_name, other[0].column_name
            text = (
                f"{names[0]} and {names[1]}: the values of each look like the other's "
                f"({names[0]} {_show(file, one[0])}, usually {_show_past(one[1][0])})"
            )
            yield Finding("columns_exchanged", "hold", text, names[0], {"with": names[1]})


def _may_differ(pair: Pair) -> bool:
    """Whether a column of texts looks unlike its own past; of numbers and dates pairs alone can tell."""
    now, before = pair
    return now.quantiles is not None or all(_measure_one(now, past) < 1 - MIN_GAIN for past in before)


def _are_exchanged(one: Pair, other: Pair) -> bool:
    if one[0].quantiles is not None and other[0].quantiles is not None:
        return _are_figures_exchanged(one, other) or _do_figures_fit_crosswise(one, other)
    if one[0].quantiles is not None or other[0].quantiles is not None:
        return False
    if _are_forms_exchanged(one, other):
        return True
    crossed = measure_likeness(one[0], other[1]), measure_likeness(other[0], one[1])
    own = measure_likeness(one[0], one[1]), measure_likeness(other[0], other[1])
    return min(crossed) >= MIN_LIKENESS and all(c - o >= MIN_GAIN for c, o in zip(crossed, own, strict=True))


def _are_forms_exchanged(one: Pair, other: Pair) -> bool:
    """Whether nearly all values of each column have the other's forms, and hardly one its own."""
    pairs = [(now, before[0]) for now, before in ((one[0], other[1]), (other[0], one[1]), one, other)]
    if any(now.patterns is None or past.patterns is None for now, past in pairs):
        return False
    crossed, back, *own = (_share_in_common(_coarsen(now), _coarsen(past)) for now, past in pairs)
    return min(crossed, back) >= NEARLY_ALL and max(own) <= 1 - NEARLY_ALL


def _coarsen(profile: ColumnProfile) -> dict[str, float]:
    """Return the forms of a column without how long each run of letters or digits is, of those that are kept."""
    forms: dict[str, float] = {}
    patterns = profile.patterns or {}
    for form, share in patterns.items():
        short = _RUN.sub(lambda run: run[1], form)
        forms[short] = forms.get(short, 0.0) + share / sum(patterns.values())
    return forms


def measure_likeness(now: ColumnProfile, before: Sequence[ColumnProfile]) -> float:
    """Return how alike (0 to 1) the values of a column of texts are to those of some files: forms, and values."""
    return max(_measure_one(now, past) for past in before)


def _measure_one(now: ColumnProfile, past: ColumnProfile) -> float:
    parts = []
    if now.patterns is not None and past.patterns is not None:
        parts.append(_share_in_common(now.patterns, past.patterns))
    if now.top_values is not None and past.top_values is not None:
        parts.append(_share_in_common(now.top_values, past.top_values))
    else:
        parts.append(measure_overlap(now.sketch, past.sketch) or 0.0)
    return statistics.fmean(parts)


def _share_in_common(mine: dict[str, float], other: dict[str, float]) -> float:
    return sum(min(share, other.get(value, 0.0)) for value, share in mine.items())


def _are_figures_exchanged(one: Pair, other: Pair) -> bool:
    """Whether the distance of two columns, which is usually the same, has turned round."""
    if not _has_turned(one, other):
        return False
    is_date = one[0].is_date
    usual_distances = []
    for index in (0, 1, 2):
        past = [_measure_distance(a, b, index, is_date) for a, b in zip(one[1], other[1], strict=False)]
        now = _measure_distance(one[0], other[0], index, is_date)
        distances = [distance for distance in past if distance is not None]
        if now is None or len(distances) < len(past):
            continue
        usual = statistics.median(distances)
        spread = max(abs(distance - usual) for distance in distances)
        noise = max(5 * measure_deviation(distances), 2 * spread)
        if abs(usual) < max(noise, MIN_DAYS if is_date else MIN_RATIO):
            # too near each other to tell
            continue
        if abs(now + usual) > max(noise, 0.25 * abs(usual)):
            return False
        usual_distances.append(abs(usual))
    if len(usual_distances) < 2:
        return False
    # further apart, one column alone may have moved by a factor; nearer, chance hides which median is whose
    is_near = max(usual_distances) < MAX_NEAR_RATIO
    return is_date or is_near or (_is_nearer(one[0], one[1], other[1]) and _is_nearer(other[0], other[1], one[1]))


def _do_figures_fit_crosswise(one: Pair, other: Pair) -> bool:
    """Whether each of two numbers is like the other's past in all figures, and not like its own."""
    if one[0].is_date:
        return False
    is_own = _fits(one[0], one[1]) or _fits(other[0], other[1])
    return not is_own and _fits(one[0], other[1]) and _fits(other[0], one[1])


def _fits(now: ColumnProfile, before: Sequence[ColumnProfile]) -> bool:
    past = [quantiles for profile in before if (quantiles := profile.quantiles)]
    if now.quantiles is None or not past:
        return False
    return are_like(now.quantiles, past)


def _has_turned(one: Pair, other: Pair) -> bool:
    """Whether the larger of two medians was the smaller one in the file before; asked first, because it is quick."""
    medians = [float(profile.p50 or 0) for profile in (one[0], other[0], one[1][0], other[1][0])]
    return (medians[1] - medians[0]) * (medians[3] - medians[2]) < 0


def _measure_distance(one: ColumnProfile, other: ColumnProfile, index: int, is_date: bool) -> float | None:
    if one.quantiles is None or other.quantiles is None:
        return None
    a, b = one.quantiles[index], other.quantiles[index]
    if is_date:
        return b - a
    return math.log(b / a) if a * b > 0 else (b - a if a == b == 0 else None)


def _is_nearer(now: ColumnProfile, own: Sequence[ColumnProfile], other: Sequence[ColumnProfile]) -> bool:
    """Whether the median lies nearer to that of the other column than to its own."""
    median = now.p50 or 0.0
    mine, others = (statistics.median(float(past.p50 or 0) for past in pasts) for pasts in (own, other))
    return abs(median - others) < abs(median - mine)


def _show(file: File, profile: ColumnProfile) -> str:
    return ", ".join(list(file.values.counts[profile.column_name])[:3])


def _show_past(profile: ColumnProfile) -> str:
    if profile.top_values:
        return ", ".join(list(profile.top_values)[:3])
    if profile.is_date and profile.p50 is not None:
        return f"about {format_day(float(profile.p50))}"
    if profile.p50 is not None:
        return f"about {float(profile.p50):g}"
    return f"between {profile.min_value} and {profile.max_value}"


RULES = (Rule("columns_exchanged", judge_exchanged),)

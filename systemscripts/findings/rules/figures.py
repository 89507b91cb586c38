"""Numbers that all moved by one factor or have the other sign: a decimal mark, a unit, a convention."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise

from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import Quantiles, are_like, format_figure, is_figure_outside
from systemscripts.findings.values.compare import pair_quantiles
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import ColumnProfile

FACTORS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001)
# What never varied by more than this from file to file is steady.
STEADY_FACTOR = 2.0
# Of numbers on both sides of zero a median nearer to it than this part of the others is chance.
VAGUE_PART = 0.25


def judge_scale(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file in which a tenth, half and nine tenths of a number have all moved by one factor or by the sign."""
    for now, figures, past, before in pair_quantiles(file, history):
        if not now.is_number or _is_running(now, before):
            continue
        reason = _explain_move(figures, past)
        if reason:
            usual = format_figure(statistics.median(quantiles[1] for quantiles in past))
            text = (
                f"{now.column_name}: half of the values lie above {format_figure(figures[1])}, usually {usual}: "
                f"{reason}"
            )
            detail = {"quantiles": figures, "usual": past}
            yield Finding("scale_moved", "hold", text, now.column_name, detail)


def _is_running(now: ColumnProfile, before: Sequence[ColumnProfile]) -> bool:
    """Whether a number counts on: each file begins where the one before it ended."""
    ends = [(float(profile.min_value or 0), float(profile.max_value or 0)) for profile in (now, *before)]
    return all(newer[0] > older[1] for newer, older in pairwise(ends))


def _explain_move(now: Quantiles, past: Sequence[Quantiles]) -> str:
    """Return by what the numbers seem to have moved, "" where not: two of the three figures must be outside."""
    outside = [not are_like(now, past, (index,)) for index in (0, 1, 2)]
    if sum(outside) >= 2 and _fits((-now[2], -now[1], -now[0]), past):
        return "the other sign?"
    for factor in FACTORS:
        if _may_be_factor(factor, outside, past) and _fits((now[0] / factor, now[1] / factor, now[2] / factor), past):
            times = format_figure(factor) if factor > 1 else f"1/{format_figure(1 / factor)}"
            return f"all of them times {times}: decimal mark, or another unit?"
    return ""


def _may_be_factor(factor: float, outside: Sequence[bool], past: Sequence[Quantiles]) -> bool:
    """Whether enough figures are outside; of a number that is mostly zero one is, where it was steady so far."""
    largest = [abs(quantiles[2]) for quantiles in past]
    is_steady = min(largest) > 0 and max(largest) <= STEADY_FACTOR * min(largest)
    return sum(outside) >= 2 or (outside[2] and is_steady and not 0.1 <= factor <= 10)


def _fits(candidate: Quantiles, past: Sequence[Quantiles]) -> bool:
    """Whether three figures are like those of before; a median near zero, between the others, says nothing."""
    reach = max(abs(candidate[0]), abs(candidate[2]))
    is_middle_vague = candidate[0] < 0 < candidate[2] and abs(candidate[1]) < VAGUE_PART * reach
    return are_like(candidate, past, (0, 2) if is_middle_vague else (0, 1, 2))


def judge_figures(file: File, history: list[Past]) -> Iterator[Finding]:
    """Inform of a number whose median is unusual."""
    for now, figures, past, _ in pair_quantiles(file, history):
        medians = [quantiles[1] for quantiles in past]
        if now.is_number and is_figure_outside(figures[1], medians):
            usual = format_figure(statistics.median(medians))
            text = f"{now.column_name}: half of the values lie above {format_figure(figures[1])}, usually {usual}"
            yield Finding("figures_moved", "inform", text, now.column_name, {"median": figures[1], "usual": medians})


RULES = (Rule("scale_moved", judge_scale), Rule("figures_moved", judge_figures, is_for_whole=True))

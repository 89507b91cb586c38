"""A column of the load at hand beside the same column of the good files before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from systemscripts.findings.values.bounds import MIN_VALUES, Quantiles
from systemscripts.findings.values.history import MIN_DATASETS, Past
from systemscripts.findings.values.profile import ColumnProfile
from systemscripts.findings.values.sketch import Sketch, measure_overlap

if TYPE_CHECKING:
    from systemscripts.findings.values.judge import File


def pair_columns(
    file: File, history: list[Past], needs_values: bool = True
) -> Iterator[tuple[ColumnProfile, list[ColumnProfile]]]:
    """Return each column with its profiles of before, newest first, where there are enough of them.

    `needs_values`: enough filled values on both sides; else enough rows are enough.
    """
    for now in file.list_columns():
        before = [past.profiles[now.column_name] for past in history if now.column_name in past.profiles]
        before = [profile for profile in before if profile.column_type == now.column_type]
        before = [profile for profile in before if (profile.filled if needs_values else profile.rows) >= MIN_VALUES]
        if len(before) >= MIN_DATASETS and (now.filled if needs_values else now.rows) >= MIN_VALUES:
            yield now, before


def pair_quantiles(
    file: File, history: list[Past]
) -> Iterator[tuple[ColumnProfile, Quantiles, list[Quantiles], list[ColumnProfile]]]:
    """Return each number and date with its three figures, those of before, and its profiles of before, newest first."""
    for now, before in pair_columns(file, history):
        past = [quantiles for profile in before if (quantiles := profile.quantiles)]
        if now.quantiles is not None and len(past) == len(before):
            yield now, now.quantiles, past, before


def find_unseen(now: Mapping[str, float] | None, before: Sequence[Mapping[str, float] | None]) -> dict[str, float]:
    """Return the values or forms that no file before had, with their shares."""
    known = {value for shares in before for value in shares or {}}
    return {value: share for value, share in (now or {}).items() if value not in known}


def measure_known(sketch: Sketch | None, before: Sequence[ColumnProfile]) -> float:
    """Return which share of a list of values one of the files before has, at most."""
    return max(measure_overlap(sketch, profile.sketch) or 0.0 for profile in before)


def list_usually_known(before: Sequence[ColumnProfile]) -> list[float]:
    """Return which share of the values of each file before the one before it has."""
    return [measure_overlap(newer.sketch, older.sketch) or 0.0 for newer, older in pairwise(before)]

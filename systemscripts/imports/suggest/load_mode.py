"""Propose how the files of an import follow each other: each a whole state (snapshot), or only new rows (append)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from systemscripts.imports.suggest.file_pattern import FilePattern

# of the keys of the smaller of two files: below, they have hardly a row in common
FEW_SHARED, MANY_SHARED = 0.02, 0.5
# how long a period is, at most
_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


@dataclass(frozen=True)
class LoadMode:
    """A proposed load mode, why, and what to ask where another one is as likely."""

    mode: Literal["snapshot", "append", "upsert", "new_rows"]
    reason: str
    question: str = ""


def propose_load_mode(
    pattern: FilePattern, keys: Sequence[frozenset[object]], days: tuple[date, date] | None
) -> LoadMode:
    """Return the load mode by the names and rows of the files.

    `keys`: what identifies the rows of each file. `days`: the first and last day in the first file.
    """
    if len(keys) > 1 and all(keys):
        shared = min(len(a & b) / min(len(a), len(b)) for a, b in itertools.pairwise(keys))
        if shared <= FEW_SHARED:
            return LoadMode("append", "the files have no rows in common")
        if shared >= MANY_SHARED:
            return LoadMode("snapshot", "the files have most rows in common")
    if pattern.date_format and pattern.has_counter:
        return LoadMode("snapshot", "the name has a date and a number", _ask("append"))
    if pattern.has_counter and not pattern.date_format:
        return LoadMode("append", "the name has a number, so each file brings other rows")
    if pattern.day and days and _is_within(pattern, days):
        text = f"all rows are of the {pattern.period} in the name"
        return LoadMode("snapshot", f"the name has a date, but {text}", _ask("append"))
    if pattern.date_format:
        return LoadMode("snapshot", f"the name has a {pattern.period}, so each file is a whole state")
    return LoadMode("snapshot", "the name does not change, so each file is a whole state")


def _ask(other: str) -> str:
    return f"does each file contain everything, or only new rows? For new rows write load_mode: {other}"


def _is_within(pattern: FilePattern, days: tuple[date, date]) -> bool:
    """Return whether all days are those of the period in the name; a file of a day often has the day before."""
    assert pattern.day
    first = pattern.day - timedelta(days=1)
    return first <= days[0] and days[1] < pattern.day + timedelta(days=_DAYS[pattern.period])

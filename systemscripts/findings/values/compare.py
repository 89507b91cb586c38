"""A column of the load at hand beside the same column of the good files before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from systemscripts.findings.values.bounds import MIN_VALUES
from systemscripts.findings.values.history import MIN_DATASETS, Past
from systemscripts.findings.values.profile import ColumnProfile

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

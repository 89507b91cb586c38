"""Find the months of the marts that are out of date, and record from which files each was computed.

A month is computed again when the files of active datasets that contain it changed, by a load, an undo or a replay of
rejected rows. The computed months are recorded only when every target is written.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from systemscripts.datasets.lake import DatasetFile

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class Touched:
    """The months to compute, those to keep, and the files with the sales of `months`; other months are removed."""

    months: tuple[date, ...]
    kept: tuple[date, ...]
    files: tuple[DatasetFile, ...]
    # month -> the names of its current files
    names: dict[date, list[str]]
    # the months that every target already has
    computed_before: frozenset[date] = frozenset()
    # whether no month was left out
    is_complete: bool = True

    def leave_out(self, months: Collection[date]) -> Touched:
        """Return the months without some that cannot be computed: they stay unchanged and out of date."""
        remaining = tuple(month for month in self.months if month not in months)
        kept = tuple(sorted({*self.kept, *(self.computed_before & set(months))}))
        files = tuple(file for file in self.files if set(file.months) & set(remaining))
        return replace(self, months=remaining, kept=kept, files=files, is_complete=not months)


def find_touched_months(cursor: Cursor, target: str, current: list[DatasetFile], everything: bool = False) -> Touched:
    """Return the months whose files changed since the last run for this target, with `everything` all months."""
    names: dict[date, list[str]] = {}
    for file in current:
        for month in file.months:
            names.setdefault(month, []).append(file.path.name)
    cursor.execute("select month, files from sales.mart_month where target = %s", (target,))
    before: dict[date, list[str]] = dict(cursor.fetchall())
    months = sorted(
        month for month in names.keys() | before.keys() if everything or names.get(month) != before.get(month)
    )
    kept = sorted(before.keys() - set(months))
    files = tuple(file for file in current if set(file.months) & set(months))
    return Touched(tuple(months), tuple(kept), files, names, frozenset(before))


def forget_others(cursor: Cursor, target: str) -> None:
    """Delete the records of other targets, which may share a database or folder with this one."""
    cursor.execute("delete from sales.mart_month where target <> %s", (target,))


def record_months(cursor: Cursor, target: str, touched: Touched, run_uuid: str) -> None:
    """Record from which files the months of a target were computed."""
    cursor.execute(
        "delete from sales.mart_month where target = %s and not month = any(%s)", (target, list(touched.kept))
    )
    for month in touched.months:
        if month in touched.names:
            cursor.execute(
                "insert into sales.mart_month (target, month, files, run_uuid) values (%s, %s, %s, %s)",
                (target, month, touched.names[month], run_uuid),
            )

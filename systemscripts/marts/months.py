"""Which months of the marts are out of date, and from which files each was last computed.

A month is computed again when the files of active datasets that hold it are others than last time: a load, an undo, a
replay of rejected rows all show in that. What was computed is noted only when every target is written.
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
    """`months` are computed, `kept` stay as they are, everything else goes; `files` hold the sales of `months`."""

    months: tuple[date, ...]
    kept: tuple[date, ...]
    files: tuple[DatasetFile, ...]
    names: dict[date, list[str]]  # month -> the names of its files now
    computed_before: frozenset[date] = frozenset()  # the months that every target has already
    is_complete: bool = True  # whether no month was left out

    def leave_out(self, months: Collection[date]) -> Touched:
        """Return the same without some months to compute: they stay as they were, and are out of date still."""
        wanted = tuple(month for month in self.months if month not in months)
        kept = tuple(sorted({*self.kept, *(self.computed_before & set(months))}))
        files = tuple(file for file in self.files if set(file.months) & set(wanted))
        return replace(self, months=wanted, kept=kept, files=files, is_complete=not months)


def find_touched_months(cursor: Cursor, target: str, current: list[DatasetFile], everything: bool = False) -> Touched:
    """Compare the files of now with those of the last time for this target; `everything`: compute all months."""
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
    """What was noted for other places holds no longer: they may share a database or a folder with this one."""
    cursor.execute("delete from sales.mart_month where target <> %s", (target,))


def record_months(cursor: Cursor, target: str, found: Touched, run_uuid: str) -> None:
    """Every target is written: remember from what."""
    cursor.execute("delete from sales.mart_month where target = %s and not month = any(%s)", (target, list(found.kept)))
    for month in found.months:
        if month in found.names:
            cursor.execute(
                "insert into sales.mart_month (target, month, files, run_uuid) values (%s, %s, %s, %s)",
                (target, month, found.names[month], run_uuid),
            )

"""The backups that are there, in var/backups/, and which of them stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError

ENDING = ".dump"
STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, order=True)
class Backup:
    """One whole backup; `made` by the clock of the installation, as in its name."""

    made: datetime
    path: Path


def folder(directories: Directories) -> Path:
    """Where backups lie."""
    return directories.var / "backups"


def on_shelf(directories: Directories) -> list[Backup]:
    """Every whole backup, newest first; one that is being made has another name."""
    found = []
    for path in folder(directories).glob(f"*_*{ENDING}"):
        try:
            found.append(Backup(datetime.strptime(path.stem.rpartition("_")[2], STAMP), path))  # noqa: DTZ007
        except ValueError:  # not one of ours
            continue
    return sorted(found, reverse=True)


def chosen(directories: Directories, path: Path | None) -> Path:
    """The backup at `path`, else the newest; raises UsageError where there is none."""
    if path is not None:
        if not path.is_file():
            raise UsageError(f"{path} is no file", f"Those there are: {folder(directories)}")
        return path
    found = on_shelf(directories)
    if not found:
        raise UsageError(f"there is no backup in {folder(directories)}", "Make one: backup_database.py")
    return found[0].path


def kept(backups: Iterable[Backup], daily: int, weekly: int, monthly: int) -> set[Backup]:
    """Those that stay: the newest of each of the last `daily` days, `weekly` weeks and `monthly` months that have one.

    The newest of all stays in any case.
    """
    newest_first = sorted(backups, reverse=True)
    rules: list[tuple[int, Callable[[datetime], object]]] = [
        (daily, datetime.date),
        (weekly, lambda made: made.isocalendar()[:2]),
        (monthly, lambda made: (made.year, made.month)),
    ]
    stay = set(newest_first[:1])
    for count, period in rules:
        newest: dict[object, Backup] = {}
        for backup in newest_first:
            newest.setdefault(period(backup.made), backup)
        stay |= set(list(newest.values())[:count])
    return stay


def remove_old(directories: Directories) -> list[Path]:
    """Remove the backups that need not stay, by BACKUP_KEEP_...; returns them."""
    wanted = settings.current()
    backups = on_shelf(directories)
    stay = kept(backups, wanted.backup_keep_daily, wanted.backup_keep_weekly, wanted.backup_keep_monthly)
    removed = [backup.path for backup in backups if backup not in stay]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed

"""The backups in var/backups/, and which of them are kept."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError

SUFFIX = ".dump"
STAMP_FORMAT = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, order=True)
class Backup:
    """One complete backup; `created`: by the clock of the installation, as in its name."""

    created: datetime
    path: Path


def get_folder(directories: Directories) -> Path:
    """Return the folder of the backups."""
    return directories.var / "backups"


def list_backups(directories: Directories) -> list[Backup]:
    """Return every complete backup, newest first; one that is being created has another name."""
    backups = []
    for path in get_folder(directories).glob(f"*_*{SUFFIX}"):
        try:
            backups.append(Backup(datetime.strptime(path.stem.rpartition("_")[2], STAMP_FORMAT), path))  # noqa: DTZ007
        # not one of ours
        except ValueError:
            continue
    return sorted(backups, reverse=True)


def choose_backup(directories: Directories, path: Path | None) -> Path:
    """Return the path of the named backup, or of the newest one; raises UsageError if there is none."""
    if path is not None:
        if not path.is_file():
            raise UsageError(f"{path} is not a file", f"See: ls {shlex.quote(str(get_folder(directories)))}")
        return path
    backups = list_backups(directories)
    if not backups:
        raise UsageError(
            f"there is no backup in {get_folder(directories)}", f"Run: {format_command('backup_database')}"
        )
    return backups[0].path


def choose_kept(backups: Iterable[Backup], daily: int, weekly: int, monthly: int) -> set[Backup]:
    """Return those to keep: the newest of each of the last `daily` days, `weekly` weeks and `monthly` months with one.

    The newest of all is always kept.
    """
    newest_first = sorted(backups, reverse=True)
    rules: list[tuple[int, Callable[[datetime], object]]] = [
        (daily, datetime.date),
        (weekly, lambda created: created.isocalendar()[:2]),
        (monthly, lambda created: (created.year, created.month)),
    ]
    kept = set(newest_first[:1])
    for count, period in rules:
        newest: dict[object, Backup] = {}
        for backup in newest_first:
            newest.setdefault(period(backup.created), backup)
        kept |= set(list(newest.values())[:count])
    return kept


def remove_old(directories: Directories) -> list[Path]:
    """Remove the backups that BACKUP_KEEP_... does not keep; return their paths."""
    current_settings = settings.current()
    backups = list_backups(directories)
    kept = choose_kept(
        backups,
        current_settings.backup_keep_daily,
        current_settings.backup_keep_weekly,
        current_settings.backup_keep_monthly,
    )
    removed = [backup.path for backup in backups if backup not in kept]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed

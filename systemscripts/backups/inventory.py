"""The backups in var/backups/, and which of them are kept."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from systemscripts import settings
from systemscripts.backups import bundle, packs
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError

# A dump of the database alone, as backups were before.
DUMP_SUFFIX = ".dump"
STAMP_FORMAT = "%Y%m%dT%H%M%S"
# Packs and checksums, with the stamp of their bundle; other files of the folder are not ours.
_COMPANION = re.compile(rf"_\d{{8}}T\d{{6}}(-\d+{re.escape(packs.SUFFIX)}|{re.escape(bundle.CHECKSUMS_SUFFIX)})$")


@dataclass(frozen=True, order=True)
class Backup:
    """One complete backup; `created`: by the clock of the installation, as in its name."""

    created: datetime
    path: Path


def get_folder(directories: Directories) -> Path:
    """Return the folder of the backups."""
    return directories.var / "backups"


def create_folder(directories: Directories) -> Path:
    """Create the folder of the backups, and remove what a killed run left: only one runs at a time.

    Raises OSError, also where it is a link to a folder that is not mounted.
    """
    folder = get_folder(directories)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.part"):
        leftover.unlink()
    return folder


def list_backups(directories: Directories) -> list[Backup]:
    """Return every complete backup, newest first; one that is being created has another name."""
    folder = get_folder(directories)
    return parse_names((path.name for path in folder.glob("*_*")), folder)


def parse_names(names: Iterable[str], folder: Path = Path()) -> list[Backup]:
    """Return the backups among files, newest first."""
    backups = []
    for path in (folder / name for name in names if name.endswith((bundle.SUFFIX, DUMP_SUFFIX))):
        # otherwise not one of ours
        with contextlib.suppress(ValueError):
            backups.append(Backup(datetime.strptime(path.stem.rpartition("_")[2], STAMP_FORMAT), path))  # noqa: DTZ007
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


def choose_needless(names: Iterable[str], read_text: Callable[[str], str]) -> list[str]:
    """Return which files of a folder of backups go: what BACKUP_KEEP_... does not keep, and packs that no bundle needs.

    `read_text`: returns the content of a small file there. The bundles go first, so that none lacks its packs.
    """
    current_settings, names = settings.current(), list(names)
    backups = parse_names(names)
    kept = choose_kept(
        backups,
        current_settings.backup_keep_daily,
        current_settings.backup_keep_weekly,
        current_settings.backup_keep_monthly,
    )
    removed = [backup.path.name for backup in backups if backup not in kept]
    bundles = [backup.path.name for backup in kept if backup.path.suffix == bundle.SUFFIX]
    needed = {str(Path(name).with_suffix(bundle.CHECKSUMS_SUFFIX)) for name in bundles}
    # without its checksums it is not known what a bundle needs
    if not bundles or not needed <= set(names):
        return removed
    for name in list(needed):
        needed |= bundle.parse_checksums(read_text(name)).keys()
    return removed + sorted(name for name in names if _COMPANION.search(name) and name not in needed)


def remove_old(directories: Directories) -> list[Path]:
    """Remove the backups that BACKUP_KEEP_... does not keep, with packs that none needs; return the backups' paths."""
    folder = get_folder(directories)
    needless = choose_needless((path.name for path in folder.iterdir()), lambda name: (folder / name).read_text())
    for name in needless:
        (folder / name).unlink(missing_ok=True)
    return [backup.path for backup in parse_names(needless, folder)]

"""Delete what killed runs left behind: half-written files, folders of dry runs, clean CSVs, empty markers."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from systemscripts.db_utils import transaction
from systemscripts.retention.retention_view import Due, View

# For a day it can still help to find out what went wrong.
MIN_AGE_DAYS = 1
# Written by directory_management.atomic_write, which holds a lock on them.
PART_PATTERN = ".*.part"
FOLDER_PATTERNS = ("dry_run_*", "unzipped_*")
# The process, if the name contains it.
OWNER_PATTERN = re.compile(r"^(?:dry_run|unzipped)_(\d+)|\.(\d+)\.part$")
CLEAN_CSV_SUFFIX = ".clean.csv"


def due(view: View) -> list[Due]:
    """Return what is older than a day and does not belong to a living process."""
    moment = view.subtract_days(MIN_AGE_DAYS).timestamp()
    paths = [path for path in _find_candidates(view) if _is_older(path, moment) and not _is_in_use(path)]
    if not paths:
        return []
    size = sum(_measure_size(path) for path in paths)
    return [Due("leftovers of killed runs", MIN_AGE_DAYS, len(paths), size, partial(_remove_paths, paths))]


def _find_candidates(view: View) -> Iterator[Path]:
    directories = view.directories
    for pattern in FOLDER_PATTERNS:
        yield from directories.temporary.glob(pattern)
    waiting = _read_waiting_names(view)
    for path in directories.temporary.glob(f"*{CLEAN_CSV_SUFFIX}"):
        if path.name.removesuffix(CLEAN_CSV_SUFFIX) not in waiting:
            yield path
    for folder in (
        directories.file_watcher, directories.temporary, directories.refused, directories.logs, directories.var,
        directories.alerts, directories.locks, directories.runs,
    ):  # fmt: skip
        yield from folder.glob(PART_PATTERN)
    yield from directories.archive.rglob(PART_PATTERN)
    # a power cut can leave an empty marker
    for path in directories.runs.iterdir():
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_size == 0:
                yield path


def _read_waiting_names(view: View) -> set[str]:
    """Return the names of the files that are prepared and not loaded: people may be looking at their clean tables."""
    with transaction(view.connection) as cursor:
        cursor.execute("select name from dba.tfile where status in ('fetched', 'prepared')")
        return {row[0] for row in cursor.fetchall()}


def _is_older(path: Path, moment: float) -> bool:
    with suppress(FileNotFoundError):
        return path.lstat().st_mtime < moment
    return False


def _is_in_use(path: Path) -> bool:
    """Return whether a living process works on it: it holds the lock of the file, or its number is in the name."""
    owner = OWNER_PATTERN.search(path.name)
    if owner and Path(f"/proc/{owner[1] or owner[2]}").exists():
        return True
    if not path.is_file() or path.is_symlink():
        return False
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    # locked, or we may not open it
    except OSError:
        return True
    return False


def _measure_size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def _remove_paths(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

"""What killed runs have left: half-written files, folders of dry runs, clean CSVs, empty markers; gone after a day."""

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

MIN_AGE_DAYS = 1  # whoever looks into what went wrong finds it for a day
PARTS = ".*.part"  # of directory_management.atomic_write, which holds a lock on it
FOLDERS = ("dry_run_*", "unzipped_*")
OWNER = re.compile(r"^(?:dry_run|unzipped)_(\d+)|\.(\d+)\.part$")  # the process, where the name has it
CLEAN_CSV = ".clean.csv"


def due(view: View) -> list[Due]:
    """Return what is older than a day and belongs to no living process."""
    moment = view.before(MIN_AGE_DAYS).timestamp()
    paths = [path for path in _candidates(view) if _is_older(path, moment) and not _is_in_use(path)]
    if not paths:
        return []
    size = sum(_size(path) for path in paths)
    return [Due("leftovers of killed runs", MIN_AGE_DAYS, len(paths), size, partial(_remove, paths))]


def _candidates(view: View) -> Iterator[Path]:
    places = view.directories
    for pattern in FOLDERS:
        yield from places.temporary.glob(pattern)
    waiting = _waiting_names(view)
    for path in places.temporary.glob(f"*{CLEAN_CSV}"):
        if path.name.removesuffix(CLEAN_CSV) not in waiting:
            yield path
    for folder in (places.file_watcher, places.temporary, places.refused, places.logs, places.var, places.alerts,
                   places.locks, places.runs):  # fmt: skip
        yield from folder.glob(PARTS)
    yield from places.archive.rglob(PARTS)
    for path in places.runs.iterdir():  # a power cut can leave an empty marker
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_size == 0:
                yield path


def _waiting_names(view: View) -> set[str]:
    """Return the names of the files that are prepared and not loaded: somebody may look at their clean tables."""
    with transaction(view.connection) as cursor:
        cursor.execute("select name from dba.tfile where status in ('fetched', 'prepared')")
        return {row[0] for row in cursor.fetchall()}


def _is_older(path: Path, moment: float) -> bool:
    with suppress(FileNotFoundError):
        return path.lstat().st_mtime < moment
    return False


def _is_in_use(path: Path) -> bool:
    """Return whether a living process works on it: it holds the lock of the file, or its number stands in the name."""
    owner = OWNER.search(path.name)
    if owner and Path(f"/proc/{owner[1] or owner[2]}").exists():
        return True
    if not path.is_file() or path.is_symlink():
        return False
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # locked, or not ours to open
        return True
    return False


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.lstat().st_size for each in files if not each.is_dir())


def _remove(paths: list[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

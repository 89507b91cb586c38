"""Files that wait and that no import takes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from systemscripts.alerts import Finding
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, in_progress
from systemscripts.watch.view import View

KEYS = ("unmatched",)
YOUNG_SECONDS = 600  # somebody may be about to rename it
MOST_NAMED = 10


def find(view: View) -> Iterator[Finding]:
    """Name the files that match no import."""
    found = unmatched(view.need_database(), view.directories)
    if found:
        names = ", ".join(path.name for path in found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        yield Finding(
            "unmatched", "files wait that no import takes", f"in {found[0].parent}: {names}{more}",
            f"suggest_import.py {found[0]} --name NAME writes an import for it; or take it away",
            items=frozenset(path.name for path in found),
        )  # fmt: skip


def unmatched(connection: Connection, directories: Directories) -> list[Path]:
    """The whole, resting files of every folder that imports read which match the pattern of none of them."""
    with transaction(connection) as cursor:
        cursor.execute("select source_directory, file_pattern from dba.timportconfig")
        patterns: dict[Path, list[re.Pattern[str]]] = {directories.file_watcher: []}
        for folder, pattern in cursor.fetchall():
            place = directories.data / folder if folder else directories.file_watcher
            with suppress(re.error):  # check_config says so
                patterns.setdefault(place, []).append(re.compile(pattern))
    return [path for folder, known in patterns.items() for path in _files(folder) if not _taken(path, known)]


def _taken(path: Path, known: list[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(path.name) for pattern in known)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    young = time.time() - YOUNG_SECONDS
    return sorted(
        path for path in folder.iterdir()
        if path.is_file() and not in_progress(path.name) and path.stat().st_mtime < young
    )  # fmt: skip

"""Waiting files that no import accepts: they match none, or more than one. One rule for runs, watchdog and status."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, is_in_progress

YOUNG_SECONDS = 600  # somebody may be about to rename it


@dataclass(frozen=True)
class UnmatchedFile:
    """A waiting file, and the imports that it matches: none, or several."""

    path: Path
    imports: list[str]

    def __str__(self) -> str:
        return f"{self.path.name} (matches {' and '.join(self.imports)})" if self.imports else self.path.name

    @property
    def is_young(self) -> bool:
        """Whether its sender may be about to rename it."""
        return self.path.stat().st_mtime > time.time() - YOUNG_SECONDS

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.imports:
            return (
                f"Make file_pattern of {' or '.join(self.imports)} narrower, so that one alone takes {self.path.name}"
            )
        return f"suggest_import.py {self.path} --name NAME writes an import for it; or take it away"


def find_unmatched_files(
    connection: Connection, directories: Directories, least_age_seconds: float = YOUNG_SECONDS
) -> list[UnmatchedFile]:
    """Return the whole files of every folder that imports read, of some age, which match none of them, or several."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select source_directory, file_pattern, config_name, is_active from dba.timportconfig order by config_name"
        )
        patterns: dict[Path, list[tuple[re.Pattern[str], str, bool]]] = {directories.file_watcher: []}
        for folder, pattern, name, is_active in cursor.fetchall():
            place = directories.data / folder if folder else directories.file_watcher
            with suppress(re.error):  # check_config says so
                patterns.setdefault(place, []).append((re.compile(pattern), name, is_active))
    found = []
    for folder, known in patterns.items():
        for path in _files(folder, least_age_seconds):
            matching = {name: is_active for pattern, name, is_active in known if pattern.fullmatch(path.name)}
            active = [name for name, is_active in matching.items() if is_active]
            if not matching or len(active) > 1:  # what only a paused import matches waits for it
                found.append(UnmatchedFile(path, active))
    return found


def _files(folder: Path, least_age_seconds: float) -> list[Path]:
    if not folder.is_dir():
        return []
    young = time.time() - least_age_seconds
    return sorted(
        path for path in folder.iterdir()
        if path.is_file() and not is_in_progress(path.name) and path.stat().st_mtime <= young
    )  # fmt: skip

"""Find waiting files that match no import or more than one: one rule for runs, watchdog and status."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from systemscripts.configuration import sidecar_files
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, is_in_progress

# the sender of a younger file may be about to rename it
YOUNG_SECONDS = 600


@dataclass(frozen=True)
class UnmatchedFile:
    """A waiting file, and the imports that it matches: none, or several."""

    path: Path
    imports: list[str]

    def __str__(self) -> str:
        return f"{self.path.name} (matches {' and '.join(self.imports)})" if self.imports else self.path.name

    @property
    def is_young(self) -> bool:
        """Return whether its sender may be about to rename it."""
        return self.path.stat().st_mtime > time.time() - YOUNG_SECONDS

    @property
    def advice(self) -> str:
        """Return what to do about it."""
        if self.imports:
            return (
                f"Make file_pattern of {' or '.join(self.imports)} narrower, so that only one matches {self.path.name}"
            )
        return f"Run: suggest_import.py {self.path} --name NAME, which writes an import for it, or remove the file"


def find_unmatched_files(
    connection: Connection, directories: Directories, least_age_seconds: float = YOUNG_SECONDS
) -> list[UnmatchedFile]:
    """Return the complete files in the folders of the imports, of at least this age, that match none or several."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select source_directory, file_pattern, config_name, is_active from dba.timportconfig order by config_name"
        )
        patterns: dict[Path, list[tuple[re.Pattern[str], str, bool]]] = {directories.file_watcher: []}
        for folder, pattern, name, is_active in cursor.fetchall():
            path = directories.data / folder if folder else directories.file_watcher
            # check_config reports an invalid pattern
            with suppress(re.error):
                patterns.setdefault(path, []).append((re.compile(pattern), name, is_active))
    unmatched = []
    for folder, known in patterns.items():
        for path in _list_files(folder, least_age_seconds):
            if sidecar_files.is_sidecar(path, partial(_match_name, known)):
                continue
            matching = _match_name(known, path.name)
            active = [name for name, is_active in matching.items() if is_active]
            # a file that matches only a paused import waits for it
            if not matching or len(active) > 1:
                unmatched.append(UnmatchedFile(path, active))
    return unmatched


def _match_name(known: list[tuple[re.Pattern[str], str, bool]], file_name: str) -> dict[str, bool]:
    """Return the imports that a name matches, and whether each is active."""
    return {name: is_active for pattern, name, is_active in known if pattern.fullmatch(file_name)}


def _list_files(folder: Path, least_age_seconds: float) -> list[Path]:
    if not folder.is_dir():
        return []
    young = time.time() - least_age_seconds
    return sorted(
        path for path in folder.iterdir()
        if path.is_file() and not is_in_progress(path.name) and path.stat().st_mtime <= young
    )  # fmt: skip

"""Find waiting files that match no import or more than one: one rule for runs, watchdog and status."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from systemscripts.bounded_patterns import NamePattern, compile_pattern
from systemscripts.commands import format_command
from systemscripts.configuration import near_names, sidecar_files
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, decode_name, is_in_progress

# the sender of a younger file may be about to rename it
YOUNG_SECONDS = 600


@dataclass(frozen=True)
class UnmatchedFile:
    """A waiting file, and the imports that it matches: none, or several.

    `near`: where it matches none, the active import whose pattern it nearly matches, and that pattern.
    """

    path: Path
    imports: list[str]
    near: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.near:
            return f"{decode_name(self.path.name)} nearly matches the import {self.near[0]} ({self.near[1]})"
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
        if self.near:
            return f"Rename {self.path.name}, or widen file_pattern of {self.near[0]}"
        return f"Run: {format_command('suggest_import', self.path)}, which writes an import for it, or remove the file"


def find_unmatched_files(
    connection: Connection, directories: Directories, least_age_seconds: float = YOUNG_SECONDS
) -> list[UnmatchedFile]:
    """Return the complete files in the folders of the imports, of at least this age, that match none or several."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select source_directory, file_pattern, config_name, is_active from dba.timportconfig order by config_name"
        )
        patterns: dict[Path, list[tuple[NamePattern, str, bool]]] = {directories.file_watcher: []}
        for folder, pattern, name, is_active in cursor.fetchall():
            path = directories.data / folder if folder else directories.file_watcher
            # check_config reports an invalid pattern
            with suppress(re.error):
                patterns.setdefault(path, []).append((compile_pattern(pattern), name, is_active))
    unmatched = []
    for folder, known in patterns.items():
        for path in _list_files(folder, least_age_seconds):
            if sidecar_files.is_sidecar(path, partial(_match_name, known)):
                continue
            matching = _match_name(known, path.name)
            active = [name for name, is_active in matching.items() if is_active]
            # a file that matches only a paused import waits for it
            if not matching or len(active) > 1:
                unmatched.append(UnmatchedFile(path, active, None if matching else _find_near(known, path.name)))
    return unmatched


def _match_name(known: list[tuple[NamePattern, str, bool]], file_name: str) -> dict[str, bool]:
    """Return the imports that a name matches, and whether each is active."""
    return {name: is_active for pattern, name, is_active in known if pattern.fullmatch(file_name)}


def _find_near(known: list[tuple[NamePattern, str, bool]], file_name: str) -> tuple[str, str] | None:
    """Return the first active import that a name nearly matches, with its pattern."""
    return next(
        (
            (name, pattern.pattern)
            for pattern, name, is_active in known
            if is_active and near_names.is_near(file_name, pattern.pattern)
        ),
        None,
    )


def _list_files(folder: Path, least_age_seconds: float) -> list[Path]:
    if not folder.is_dir():
        return []
    young = time.time() - least_age_seconds
    return sorted(
        path for path in folder.iterdir()
        if path.is_file() and not is_in_progress(path.name) and path.stat().st_mtime <= young
    )  # fmt: skip

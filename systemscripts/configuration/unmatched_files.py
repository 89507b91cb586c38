"""Find waiting files that match no import or more than one: one rule for runs, watchdog and status."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from systemscripts.commands import format_command
from systemscripts.configuration import sidecar_files
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.directory_management import decode_name

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


def find_unmatched_files(waiting: WaitingNames, least_age_seconds: float = YOUNG_SECONDS) -> list[UnmatchedFile]:
    """Return the complete files in the folders of the imports, of at least this age, that match none or several."""
    young = time.time() - least_age_seconds
    unmatched = []
    for folder, known in waiting.known.items():
        ambiguous = waiting.list_ambiguous(folder)
        for name in sorted([*ambiguous, *waiting.list_unmatched(folder)]):
            if not _is_file_since(f"{folder}/{name}", young):
                continue
            if sidecar_files.find_main_name(name) and sidecar_files.is_sidecar(folder / name, known.match):
                continue
            near = None if name in ambiguous else known.find_near(name)
            file = UnmatchedFile(
                folder / name, ambiguous.get(name, []), (near.name, near.file_pattern) if near else None
            )
            unmatched.append(file)
    return unmatched


def _is_file_since(path: str, moment: float) -> bool:
    """Return whether a path is a file that has not changed since a moment; False if it is gone."""
    try:
        # not a Path: there may be 100,000 of them
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    return stat.S_ISREG(state.st_mode) and state.st_mtime <= moment

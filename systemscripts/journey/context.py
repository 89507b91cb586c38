"""What every step of a file's way needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories


@dataclass(frozen=True)
class Context:
    """One import in one run."""

    connection: Connection
    config: ImportConfig
    directories: Directories
    run_uuid: str
    reload: bool = False
    accept_drop: bool = False

    def archive_folder(self) -> Path:
        """Where loaded files of today are kept, by the clock of the installation."""
        named = self.config.archive_directory
        base = self.directories.data / named if named else self.directories.archive
        return base / settings.now().strftime("%Y/%m")

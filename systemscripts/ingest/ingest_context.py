"""What every step of a file's way needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from systemscripts import configuration, settings, sources
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, shorten_name


@dataclass(frozen=True)
class Context:
    """One import in one run."""

    connection: Connection
    config: ImportConfig
    directories: Directories
    run_uuid: str
    reload: bool = False
    accept_drop: bool = False
    among_others: bool = False  # the operator named no import
    unforeseen: set[str] = field(default_factory=set)  # errors that files of this run have met, each with its place
    # rule and column of the findings that an operator has accepted for the file at hand
    waived: frozenset[tuple[str, str | None]] = frozenset()
    accepted: int | None = None  # the held dataset whose file is loaded now

    def archive_folder(self) -> Path:
        """Where loaded files of today are kept, by the clock of the installation."""
        named = self.config.archive_directory
        base = self.directories.data / named if named else self.directories.archive
        return base / settings.now().strftime("%Y/%m")

    def clean_csv_path(self, name: str) -> Path:
        """Return where the phase prepare, run alone, leaves the clean table of the file `name`."""
        return self.directories.temporary / f"{shorten_name(name)}.clean.csv"

    def request(
        self, options: dict[str, Any], only: Path | None = None, leave: frozenset[str] = frozenset()
    ) -> sources.Request:
        """What one of the import's sources is asked for."""
        return sources.Request(
            self.connection, self.config, self.directories, self.run_uuid, options, only, leave, self.reload
        )


def check_upload(connection: Connection, config: ImportConfig) -> None:
    """Hold an import that is about to write against the rules for uploads, where it came by one.

    Raises ConfigurationError that names every fault.
    """
    if not configuration.is_uploaded(connection, config.config_name):
        return
    # later, so that the imports of the operator need not wait for what they do not use
    from systemscripts.configuration import uploads

    with transaction(connection) as cursor:
        uploads.recheck_import(cursor, config)

"""The import, the run and the folders that every step of ingestion works with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg2

from systemscripts import configuration, db_utils, settings, sources
from systemscripts.configuration import ImportConfig, Source
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.datasets.label_and_date import Rule
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.directory_management import Directories, shorten_name
from systemscripts.target_database import TargetDatabase


@dataclass(frozen=True)
class Context:
    """One import in one run."""

    connection: Connection
    config: ImportConfig
    directories: Directories
    run_uuid: str
    reload: bool = False
    accept_drop: bool = False
    # True when the operator named no import
    is_one_of_many: bool = False
    # unexpected errors of this run so far: error class, file and line
    errors_seen: set[str] = field(default_factory=set)
    # rule and column of the findings that an operator has accepted for the file at hand
    waived: frozenset[tuple[str, str | None]] = frozenset()
    # the held dataset whose file is loaded now
    accepted: int | None = None
    # what waits in the folders; None: each is listed when it is asked for
    waiting: WaitingNames | None = None
    # the open database of its target, None where that is in the database of this installation
    target: TargetDatabase | None = None

    def rows(self, home: Cursor) -> Cursor:
        """Return the cursor for statements on the target: that of its database, or `home`, which has the ledger."""
        if self.target is not None:
            return self.target.cursor
        assert not self.config.is_elsewhere, "its database is not open"
        return home

    @property
    def is_connection_lost(self) -> bool:
        """Return whether one of the databases can no longer be asked."""
        return bool(self.connection.closed or (self.target is not None and self.target.connection.closed))

    def translate_error(self, error: psycopg2.Error) -> Exception:
        """Return a driver error as one of the suite's own; it names the database that it is of."""
        own = self.target.translate(error) if self.target is not None else error
        return db_utils.translate_error(error) if own is error else own

    @property
    def date_rule(self) -> Rule:
        """Return where the date of a file is found, and how it is written."""
        config, reading = self.config, self.config.reading
        return Rule(
            config.dateconfig,
            config.datelocation,
            config.dateformat,
            reading.language,
            reading.pivot,
            config.file_pattern,
        )

    def archive_folder(self) -> Path:
        """Return the folder where today's loaded files are archived; today by the clock of the installation."""
        named = self.config.archive_directory
        base = self.directories.data / named if named else self.directories.archive
        return base / settings.now().strftime("%Y/%m")

    def clean_csv_path(self, name: str) -> Path:
        """Return where the phase prepare, run alone, leaves the clean table of the file `name`."""
        return self.directories.temporary / f"{shorten_name(name)}.clean.csv"

    def request(
        self, options: dict[str, Any], only: Path | None = None, leave: frozenset[str] = frozenset()
    ) -> sources.Request:
        """Return the request to one of the import's sources, which has the options `options`."""
        return sources.Request(
            self.connection, self.config, self.directories, self.run_uuid, options, only, leave, self.reload,
            self.waiting,
        )  # fmt: skip

    def ask(self, source: Source, only: Path | None = None, leave: frozenset[str] = frozenset()) -> sources.Request:
        """Return the request to a source for its files, or for the members of its archives."""
        request = self.request(source.options, only, leave)
        if not source.unpack or only is not None:
            return request
        config = self.config.model_copy(update={"file_pattern": source.unpack})
        return replace(request, config=config, unpacking=sources.Unpacking(self.config.file_pattern))


def check_upload(connection: Connection, config: ImportConfig) -> None:
    """Check an uploaded import against the rules for uploads before it writes.

    Raises ConfigurationError that names every fault.
    """
    if not configuration.is_uploaded(connection, config.config_name):
        return
    # imported late: other imports need not pay for it
    from systemscripts.configuration import uploads

    with transaction(connection) as cursor:
        uploads.recheck_import(cursor, config)

"""What every step of a file's way needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from systemscripts import configuration, files, settings, sources
from systemscripts.configuration import ImportConfig
from systemscripts.datasets.identity import Identity
from systemscripts.db_utils import Connection, transaction
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
    among_others: bool = False  # the operator named no import
    arrived: dict[tuple[str | None, date | None], list[str]] = field(default_factory=dict)  # see `note_arrival`

    def note_arrival(self, identity: Identity, name: str) -> None:
        """Remember a file that is what its label's day is now; the next one of the same day would replace it."""
        self.arrived.setdefault(self._thing(identity), []).append(name)

    def note_earlier_arrivals(self, tickets: list[files.Ticket]) -> None:
        """Remember what a run that did not come to its end had loaded: what it left came together with that."""
        for ticket in tickets:
            identity = Identity(ticket.label, ticket.dataset_date, ticket.stamp)
            if ticket.status == "loaded" or not self.arrived_before(identity):
                self.note_arrival(identity, ticket.name)

    def arrived_before(self, identity: Identity) -> list[str]:
        """The files of the same label and day that came before in this run; without days of their own, of the label."""
        return self.arrived.get(self._thing(identity), [])

    def _thing(self, identity: Identity) -> tuple[str | None, date | None]:
        return identity.label, identity.date if self.config.dates_files else None

    def archive_folder(self) -> Path:
        """Where loaded files of today are kept, by the clock of the installation."""
        named = self.config.archive_directory
        base = self.directories.data / named if named else self.directories.archive
        return base / settings.now().strftime("%Y/%m")

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
        uploads.check_again(cursor, config)

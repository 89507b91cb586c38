"""The state of the installation that the checks of the watchdog examine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from systemscripts import alerts, settings
from systemscripts.db_utils import Connection
from systemscripts.directory_management import Directories, atomic_write


class Unseen(Exception):  # noqa: N818 - no error: what was known stays
    """It cannot be determined now whether something is wrong."""


@dataclass
class View:
    """The installation at one moment. `connection`: None while the database is down."""

    directories: Directories
    connection: Connection | None
    now: datetime
    # key and kind of the problems of the last time
    known_problems: dict[str, str] = field(default_factory=dict)
    # what depends on the time is neither believed nor noted then
    is_clock_wrong: bool = False

    def need_database(self) -> Connection:
        """Return the connection; raises Unseen if the database is down."""
        if self.connection is None:
            raise Unseen("the database is down")
        return self.connection

    def find_since(self, name: str, value: str) -> datetime:
        """Return since when something (a schedule) has had a value, as far as the watchdog has seen; now if it is new.

        What is new, or has changed, is not expected to have happened before.
        """
        known = self._read_memory()
        entry = known.get(name)
        if not isinstance(entry, dict) or entry.get("value") != value:
            entry = known[name] = {"value": value, "since": self.now.isoformat(timespec="seconds")}
            with atomic_write(self._memory) as stream:
                stream.write(json.dumps(known, indent=1).encode())
        return datetime.fromisoformat(entry["since"])

    def find_value(self, name: str) -> str:
        """Return the last value that `find_since` received of something, "" for none."""
        entry = self._read_memory().get(name)
        return str(entry.get("value", "")) if isinstance(entry, dict) else ""

    def is_noted(self, name: str, value: str) -> bool:
        """Return whether this was the last value that `find_since` received."""
        return self.find_value(name) == value

    @property
    def _memory(self) -> Path:
        return self.directories.var / "watchdog.json"

    def _read_memory(self) -> dict[str, Any]:
        try:
            memory = json.loads(self._memory.read_text())
        except (OSError, ValueError):
            return {}
        return memory if isinstance(memory, dict) else {}


def build_view(directories: Directories, connection: Connection | None) -> View:
    """Return the view of this moment."""
    problems = {state.key: state.kind for _, state in alerts.list_states(directories) if state.is_failing}
    return View(directories, connection, settings.now(), problems)

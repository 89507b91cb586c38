"""What the watching modules look at."""

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
    """It cannot be seen now whether something is wrong."""


@dataclass
class View:
    """One look at the installation. `connection`: None while the database is down."""

    directories: Directories
    connection: Connection | None
    now: datetime
    bad: dict[str, str] = field(default_factory=dict)  # key and kind of what was wrong the last time

    def need_database(self) -> Connection:
        """The connection; raises Unseen."""
        if self.connection is None:
            raise Unseen("the database is down")
        return self.connection

    def since(self, name: str, value: str) -> datetime:
        """Since when something (a schedule) has been as it is, as far as the watchdog has seen; now at the first look.

        What is new, or has changed, is not expected to have happened before.
        """
        known = self._known()
        entry = known.get(name)
        if not isinstance(entry, dict) or entry.get("value") != value:
            entry = known[name] = {"value": value, "since": self.now.isoformat(timespec="seconds")}
            with atomic_write(self._memory) as stream:
                stream.write(json.dumps(known, indent=1).encode())
        return datetime.fromisoformat(entry["since"])

    def is_noted(self, name: str, value: str) -> bool:
        """Whether `since` was told this of something last."""
        entry = self._known().get(name)
        return isinstance(entry, dict) and entry.get("value") == value

    @property
    def _memory(self) -> Path:
        return self.directories.var / "watchdog.json"

    def _known(self) -> dict[str, Any]:
        try:
            found = json.loads(self._memory.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def now(directories: Directories, connection: Connection | None) -> View:
    """A view of this moment."""
    bad = {state.key: state.kind for _, state in alerts.all_states(directories) if state.bad}
    return View(directories, connection, settings.now(), bad)

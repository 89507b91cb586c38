"""The lines of doctor.py, and the context that its checks receive."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.settings import Settings

OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(frozen=True)
class Line:
    """The result of one check; `next`: what to do if it is not ok."""

    state: str
    check: str
    message: str
    next: str = ""

    @classmethod
    def from_error(cls, check: str, error: EtlError, state: str = FAILURE) -> Line:
        """Return an EtlError as a line."""
        return cls(state, check, " ".join(error.message.split()), " ".join(error.hint.split()))


@dataclass(frozen=True)
class Context:
    """What the checks examine. `settings`: None if they are faulty; `faults` then say how."""

    settings: Settings | None
    directories: Directories
    cron_file: Path
    faults: list[str] = field(default_factory=list)
    fault_hint: str = ""

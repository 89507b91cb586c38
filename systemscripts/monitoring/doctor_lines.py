"""The lines of doctor.py and what its checks are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.settings import Settings

OK, WARNING, FAILURE = "ok", "warning", "failure"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at; `next`: what to do where it is not well."""

    state: str
    check: str
    says: str
    next: str = ""

    @classmethod
    def of(cls, check: str, error: EtlError, state: str = FAILURE) -> Line:
        """An error of the suite as a line."""
        return cls(state, check, " ".join(error.message.split()), " ".join(error.hint.split()))


@dataclass(frozen=True)
class Context:
    """What there is to look at. `settings`: None where they are faulty; `faults` then say how."""

    settings: Settings | None
    directories: Directories
    cron_file: Path
    faults: list[str] = field(default_factory=list)
    fault_hint: str = ""

"""What alerts report: a run that failed, or a problem that the watchdog found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.commands import format_command

# The kind of a run that found no database: one alert for all of them.
DATABASE_DOWN = "database down"


@dataclass(frozen=True)
class Outcome:
    """The end of a run, as far as an alert needs it.

    `kind` distinguishes one way of failing from another. `connected`: whether the run was connected to the database.
    """

    job: str
    key: str
    status: str
    exit_code: int
    error: str
    arguments: str
    log_file: Path
    kind: str = ""
    connected: bool = False

    @property
    def command(self) -> str:
        """The command that runs the job again."""
        return f"{format_command(self.job)} {self.arguments}".strip()


@dataclass(frozen=True)
class Finding:
    """A problem that no run has reported: `key` identifies it, `title` is the subject, `error` the sentence.

    `kind`: a change is reported. `items`: an additional one is reported (files that wait); one fewer is not.
    """

    key: str
    title: str
    error: str
    hint: str
    kind: str = ""
    items: frozenset[str] = field(default_factory=frozenset)

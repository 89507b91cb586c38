"""What alerts report: a run that failed, a cause that several runs share, or a problem that the watchdog found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from systemscripts.commands import format_command


@dataclass(frozen=True)
class Cause:
    """What makes several jobs fail: one alert for all of them.

    `job` and `key` identify its state, `kind` distinguishes its forms, `title` is the subject.
    """

    job: str
    key: str
    kind: str
    title: str
    hint: str


@dataclass(frozen=True)
class Outcome:
    """The end of a run, as far as an alert needs it.

    `kind` distinguishes one way of failing from another. `connected`: whether the run was connected to the database.
    `cause`: what other jobs fail from, too. `undecided`: the files that it held or refused, as `list_undecided` names
    them. `decisions`: the commands that decide about held files. `next_steps`: those that run the job again.
    `step_logs`: the logs of the steps that failed, if it is a pipeline. `began_at`: when the run began; None: unknown.
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
    cause: Cause | None = None
    undecided: frozenset[str] = frozenset()
    decisions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    step_logs: tuple[Path, ...] = ()
    began_at: datetime | None = None

    @property
    def command(self) -> str:
        """The command that runs the job again."""
        return f"{format_command(self.job)} {self.arguments}".strip()


@dataclass(frozen=True)
class Finding:
    """A problem that no run has reported: `key` identifies it, `title` is the subject, `error` the sentence.

    `kind`: a change is reported. `items`: an additional one is reported (files that wait); one fewer is not.
    `commands`: what could not run because of it, for the message of its recovery.
    """

    key: str
    title: str
    error: str
    hint: str
    kind: str = ""
    items: frozenset[str] = field(default_factory=frozenset)
    commands: frozenset[str] = field(default_factory=frozenset)

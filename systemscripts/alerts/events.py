"""Why somebody is told: a run that went bad, or something the watchdog found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DATABASE_DOWN = "database down"  # the kind of a run that found no database: one alert for all of them


@dataclass(frozen=True)
class Outcome:
    """How a run ended, as far as an alert needs it.

    `kind` tells one way of failing from another. `connected`: whether the run has had a connection to the database.
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
        """What runs it again."""
        return f"./run_python_etl_script.sh {self.job}.py {self.arguments}".strip()


@dataclass(frozen=True)
class Finding:
    """Something wrong that no run has said: `key` names it for good, `title` is the subject, `error` the sentence.

    `kind`: a change of it is news. `items`: one more of them is news (files that wait); one fewer is not.
    """

    key: str
    title: str
    error: str
    hint: str
    kind: str = ""
    items: frozenset[str] = field(default_factory=frozenset)

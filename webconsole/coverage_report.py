"""What the tests cover, from the file that the last test run or the release left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from systemscripts import settings
from systemscripts.directory_management import Directories

RELEASED = settings.PROJECT / "docs" / "coverage.json"


@dataclass(frozen=True)
class Covered:
    """Lines of one file, or of all."""

    name: str
    covered: int
    statements: int

    @property
    def percent(self) -> float:
        """Share of the statements that tests ran."""
        return round(100 * self.covered / self.statements, 1) if self.statements else 100.0


@dataclass(frozen=True)
class Report:
    """A coverage report: when it was made, the whole, and its files."""

    made_at: datetime
    source: str
    total: Covered
    files: list[Covered]


def read() -> Report | None:
    """The report of the last test run (var/coverage.json), else of the release (docs/coverage.json), or None."""
    own = Directories(settings.current().etl_data_dir).var / "coverage.json"
    for path, source in ((own, "the last test run"), (settings.PROJECT / "var" / "coverage.json", "the last test run"),
                         (RELEASED, "the release")):  # fmt: skip
        if (found := _read(path, source)) is not None:
            return found
    return None


def _read(path: Path, source: str) -> Report | None:
    """The JSON of coverage.py (`coverage json`); None where there is none or it is another file."""
    try:
        values = json.loads(path.read_text())
        files = [_covered(name, each["summary"]) for name, each in values["files"].items()]
        made_at = datetime.fromisoformat(values["meta"]["timestamp"]).astimezone()
        return Report(made_at, source, _covered("all", values["totals"]), sorted(files, key=lambda each: each.name))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _covered(name: str, summary: dict[str, Any]) -> Covered:
    return Covered(name, int(summary["covered_lines"]), int(summary["num_statements"]))

"""Load the test coverage that the last test run or the release has stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from systemscripts import settings
from systemscripts.directory_management import Directories

RELEASE_FILE = settings.PROJECT / "docs" / "coverage.json"


@dataclass(frozen=True)
class FileCoverage:
    """The covered lines of one file, or of all files."""

    name: str
    covered: int
    statements: int

    @property
    def percent(self) -> float:
        """Return the percentage of the statements that the tests ran."""
        return round(100 * self.covered / self.statements, 1) if self.statements else 100.0


@dataclass(frozen=True)
class CoverageReport:
    """A coverage report: its time, the total and each file."""

    made_at: datetime
    source: str
    total: FileCoverage
    files: list[FileCoverage]


def load_report() -> CoverageReport | None:
    """Return the report of the last test run (var/coverage.json), else of the release (docs/coverage.json), or None."""
    own = Directories(settings.current().etl_data_dir).var / "coverage.json"
    for path, source in ((own, "the last test run"), (settings.PROJECT / "var" / "coverage.json", "the last test run"),
                         (RELEASE_FILE, "the release")):  # fmt: skip
        if (report := _read_report(path, source)) is not None:
            return report
    return None


def _read_report(path: Path, source: str) -> CoverageReport | None:
    """Return the report in a file of `coverage json`; None if it does not exist or has another content."""
    try:
        values = json.loads(path.read_text())
        files = [_make_file_coverage(name, file["summary"]) for name, file in values["files"].items()]
        files.sort(key=lambda file: file.name)
        made_at = datetime.fromisoformat(values["meta"]["timestamp"]).astimezone()
        return CoverageReport(made_at, source, _make_file_coverage("all", values["totals"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _make_file_coverage(name: str, summary: dict[str, Any]) -> FileCoverage:
    return FileCoverage(name, int(summary["covered_lines"]), int(summary["num_statements"]))

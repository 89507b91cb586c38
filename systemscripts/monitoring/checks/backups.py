"""Find that a backup is missing although a scheduled pipeline makes backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from systemscripts import log_utils, schedules, settings
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.monitoring.watchdog_view import View

KEYS = ("backup",)
JOB = "backup_database"


def find(view: View) -> Iterator[Finding]:
    """Report that no backup has succeeded for BACKUP_MAX_AGE_DAYS."""
    pipelines = [pipeline for pipeline in schedules.list_scheduled() if any(step.job == JOB for step in pipeline.steps)]
    if not pipelines or all(schedules.find_pause(view.directories, pipeline.name) for pipeline in pipelines):
        view.find_since("backup", "none")
        return
    days = settings.current().backup_max_age_days
    expected_since = view.find_since("backup", "expected")
    last = find_last_success(view.directories)
    if view.now - max(last or expected_since, expected_since) <= timedelta(days=days):
        return
    text = f"the last successful one was made at {last:%Y-%m-%d %H:%M}" if last else "none has succeeded so far"
    yield Finding(
        "backup", "the backup is missing", f"{text}, more than {days:g} days ago",
        f"run {format_command(JOB)} and read its output",
    )  # fmt: skip


def find_last_success(directories: Directories) -> datetime | None:
    """Return when a backup last succeeded according to the logs."""
    for path in sorted(directories.logs.glob(f"{JOB}_*.jsonl"), reverse=True):
        ends = [entry for entry in log_utils.read_entries(path) if entry["message"] == log_utils.ENDED]
        if ends and ends[-1]["detail"]["status"] == "succeeded":
            return datetime.fromisoformat(ends[-1]["time"])
    return None

"""Pipelines that should have begun by their schedule and did not; read from the logs, so that no database is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from systemscripts import log_utils, schedules, settings
from systemscripts.alerts import Finding
from systemscripts.directory_management import Directories
from systemscripts.monitoring.watchdog_view import View

KEYS = ("missed",)
EARLY = timedelta(minutes=2)  # a run of the minute before is the one that was meant


def find(view: View) -> Iterator[Finding]:
    """Name each pipeline whose last expected run did not begin."""
    for pipeline in schedules.not_set_up():  # once it is, nothing of before was missed
        view.since(f"schedule {pipeline.name}", "not set up")
    late = timedelta(minutes=settings.current().watchdog_late_minutes)
    for pipeline in schedules.scheduled():
        pause = schedules.paused(view.directories, pipeline.name)
        since = view.since(f"schedule {pipeline.name}", f"paused {pause.since}" if pause else pipeline.schedule)
        if pause:
            continue
        expected = schedules.last_expected(pipeline.schedule, view.now - late)
        noted = (f"began {pipeline.name}", expected.isoformat())
        if expected <= since or view.is_noted(*noted):
            continue
        if began(pipeline.name, expected - EARLY, view.directories):
            view.since(*noted)  # its log may be gone (KEEP_LOGS_DAYS) before the next one is due
            continue
        yield Finding(
            f"missed {pipeline.name}", f"pipeline {pipeline.name} did not run",
            f"it was due at {expected:%a %Y-%m-%d %H:%M} and has not begun",
            "see that cron runs (systemctl status cron) and has its file (schedule.py show), then run "
            f"./run_python_etl_script.sh run_pipeline.py {pipeline.name}",
        )  # fmt: skip


def began(name: str, moment: datetime, directories: Directories) -> bool:
    """Whether a run of a pipeline has begun since a moment, and was no mere look at it."""
    stamp = moment.astimezone(settings.get_zone()).strftime("%Y%m%dT%H%M%S")
    for path in directories.logs.glob("run_pipeline_*.jsonl"):
        found = re.search(r"_(\d{8}T\d{6})", path.name)
        if found and found[1] >= stamp and _counts(list(log_utils.read_entries(path)), name):
            return True
    return False


def _counts(entries: list[dict[str, object]], name: str) -> bool:
    first = next((entry["detail"] for entry in entries if entry["message"] == log_utils.BEGAN), None)
    last = next((entry["detail"] for entry in reversed(entries) if entry["message"] == log_utils.ENDED), None)
    if not isinstance(first, dict) or first.get("lock_key") != name:
        return False
    looked = any(option in str(first.get("arguments", "")).split() for option in ("--dry-run", "--list"))
    return not looked and not (isinstance(last, dict) and last.get("status") == "skipped")

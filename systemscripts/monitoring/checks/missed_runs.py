"""Find pipelines that did not start on schedule by the logs, so that no database is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from systemscripts import log_utils, schedules, settings
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.monitoring.watchdog_view import View

KEYS = ("missed",)
# A run that began a little before its time is the scheduled one.
EARLY = timedelta(minutes=2)


def find(view: View) -> Iterator[Finding]:
    """Report each pipeline whose last expected run did not start."""
    # once it is set up, earlier times are not missed
    for pipeline in schedules.list_not_set_up():
        view.find_since(f"schedule {pipeline.name}", "not set up")
    late = timedelta(minutes=settings.current().watchdog_late_minutes)
    for pipeline in schedules.list_scheduled():
        pause = schedules.find_pause(view.directories, pipeline.name)
        since = view.find_since(f"schedule {pipeline.name}", f"paused {pause.since}" if pause else pipeline.schedule)
        if pause:
            continue
        expected = schedules.find_last_expected(pipeline.schedule, view.now - late)
        noted = (f"began {pipeline.name}", expected.isoformat())
        if expected <= since or view.is_noted(*noted):
            continue
        if has_begun(pipeline.name, expected - EARLY, view.directories):
            # its log may be deleted (KEEP_LOGS_DAYS) before the next run is due
            view.find_since(*noted)
            continue
        yield Finding(
            f"missed {pipeline.name}", f"pipeline {pipeline.name} did not run",
            f"it was due at {expected:%a %Y-%m-%d %H:%M} and has not started",
            f"check that cron runs (systemctl status cron) and has its file ({format_command('schedule', 'show')}),"
            f" then run {format_command('run_pipeline', pipeline.name)}",
        )  # fmt: skip


def has_begun(name: str, moment: datetime, directories: Directories) -> bool:
    """Return whether a run of a pipeline, other than --dry-run or --list, has begun since a moment."""
    stamp = moment.astimezone(settings.get_zone()).strftime("%Y%m%dT%H%M%S")
    for path in directories.logs.glob("run_pipeline_*.jsonl"):
        match = re.search(r"_(\d{8}T\d{6})", path.name)
        if match and match[1] >= stamp and _is_real_run(list(log_utils.read_entries(path)), name):
            return True
    return False


def _is_real_run(entries: list[dict[str, object]], name: str) -> bool:
    first = next((entry["detail"] for entry in entries if entry["message"] == log_utils.BEGAN), None)
    last = next((entry["detail"] for entry in reversed(entries) if entry["message"] == log_utils.ENDED), None)
    if not isinstance(first, dict) or first.get("lock_key") != name:
        return False
    looked = any(option in str(first.get("arguments", "")).split() for option in ("--dry-run", "--list"))
    return not looked and not (isinstance(last, dict) and last.get("status") == "skipped")

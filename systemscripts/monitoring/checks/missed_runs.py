"""Find pipelines that did not start on schedule by the logs, so that no database is needed.

All of them are one problem: of cron where that does not run, else of the pipelines.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from psycopg2.extras import execute_values

from systemscripts import log_utils, schedules, settings
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.db_utils import transaction
from systemscripts.directory_management import Directories
from systemscripts.monitoring.checks import cron
from systemscripts.monitoring.watchdog_view import View
from systemscripts.schedules import due_starts, own_cron_file

logger = logging.getLogger(__name__)

KEYS = ("missed", "cron")
# A run that began a little before its time is the scheduled one.
EARLY = timedelta(minutes=2)
# Of a pipeline that starts each minute: a longer list tells nothing new.
MAX_NOTED = 200
_NOTE = """
    insert into dba.tmissedrun (pipeline, due_at, noticed_at, catch_up_at) values %s
    on conflict (pipeline, due_at) do update set catch_up_at = coalesce(tmissedrun.catch_up_at, excluded.catch_up_at)
"""
START_CRON = "sudo systemctl enable --now cron"


def find(view: View) -> Iterator[Finding]:
    """Report the pipelines whose last expected run did not start, in one finding; or that cron does not run."""
    missed = dict(_list_missed(view))
    if own_cron_file.find_path().exists() and not cron.is_cron_running():
        yield _describe_cron(missed)
        # they belong to this problem, whose recovery names them, also when cron runs again
        for name, expected in missed.items():
            view.find_since(*_note_begun(name, expected))
        if missed and KEYS[0] not in view.known_problems:
            return
    if missed:
        yield _describe_missed(missed, view)


def _list_missed(view: View) -> Iterator[tuple[str, datetime]]:
    """Yield each pipeline whose last expected run did not start, with when it was due."""
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
        noted = _note_begun(pipeline.name, expected)
        if expected <= since or view.is_noted(*noted):
            continue
        if has_begun(pipeline.name, expected - EARLY, view.directories):
            # its log may be deleted (KEEP_LOGS_DAYS) before the next run is due
            view.find_since(*noted)
            continue
        is_caught_up = pipeline.catch_up and _try_catch_up(view, pipeline, expected, late)
        _note_missed(view, pipeline, expected, since, is_caught_up)
        if not is_caught_up:
            yield pipeline.name, expected


def _try_catch_up(view: View, pipeline: schedules.Pipeline, expected: datetime, late: timedelta) -> bool:
    """Start a missed pipeline, once; return whether it was started now, or so lately that it may still begin."""
    if view.is_clock_wrong:
        return False
    noted = (f"caught up {pipeline.name}", expected.isoformat())
    if not view.is_noted(*noted):
        due_starts.plan_catch_up(view.directories, pipeline.name)
        logger.info("%s was due at %s and is started now (catch_up: true)", pipeline.name, expected)
    return view.now - view.find_since(*noted) < late


def _note_missed(
    view: View, pipeline: schedules.Pipeline, expected: datetime, since: datetime, is_caught_up: bool
) -> None:
    """Note every time that was missed since the last run, up to the newest, in the database if it answers."""
    if view.connection is None or view.is_clock_wrong:
        return
    begun = view.find_value(f"began {pipeline.name}")
    after = max(since, datetime.fromisoformat(begun)) if begun else since
    times = schedules.list_expected(pipeline.schedule, after, expected)[-MAX_NOTED:]
    values = [(pipeline.name, moment, view.now, view.now if is_caught_up else None) for moment in times]
    with transaction(view.connection, durable=False) as cursor:
        execute_values(cursor, _NOTE, values)


def _note_begun(name: str, expected: datetime) -> tuple[str, str]:
    return f"began {name}", expected.isoformat()


def _describe_cron(missed: dict[str, datetime]) -> Finding:
    due = "".join(f"; {name} was due at {expected:%a %Y-%m-%d %H:%M}" for name, expected in missed.items())
    return Finding(
        "cron", "cron does not run", f"no cron daemon runs on this host, so nothing starts by itself{due}",
        f"run: {START_CRON}; the message of its recovery names the pipelines that did not run meanwhile.",
        commands=frozenset(format_command("run_pipeline", name) for name in missed),
    )  # fmt: skip


def _describe_missed(missed: dict[str, datetime], view: View) -> Finding:
    title = f"pipeline {next(iter(missed))} did not run" if len(missed) == 1 else f"{len(missed)} pipelines did not run"
    error = "; ".join(
        f"{name} was due at {expected:%a %Y-%m-%d %H:%M} and has not started" for name, expected in missed.items()
    )
    started_at = _read_boot_time()
    if any(expected < started_at <= view.now for expected in missed.values()):
        error += f"; the host was off then: it started at {started_at.astimezone(view.now.tzinfo):%a %Y-%m-%d %H:%M}"
    commands = ", ".join(format_command("run_pipeline", name) for name in missed)
    return Finding(
        "missed", title, error,
        f"check that cron runs (systemctl status cron) and has its file ({format_command('schedule', 'show')}),"
        f" then run {commands}",
        items=frozenset(missed),
    )  # fmt: skip


def _read_boot_time() -> datetime:
    """Return when the host was started (proc(5), btime)."""
    match = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    return datetime.fromtimestamp(int(match[1]) if match else 0, UTC)


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

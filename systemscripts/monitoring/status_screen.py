"""The screen of status.py, also while the database is down."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from systemscripts import alerts, disk_space, log_utils, schedules, settings
from systemscripts.backups import inventory
from systemscripts.configuration import unmatched_files
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.human_units import format_duration, format_size

# Lines of one part of the screen; the rest is a number.
MAX_LINES = 6
WARNING_DAYS = 7
# For each pipeline separately, so that an index leads to its last run and no history is read.
_LAST = """
    select p.name, r.status, r.started_at, extract(epoch from r.ended_at - r.started_at)::integer,
           r.warnings
    from unnest(%s) p(name) cross join lateral (
        select * from dba.trun where job = 'run_pipeline' and lock_key = p.name and status <> 'skipped'
            and arguments !~ '--(dry-run|list)' order by started_at desc limit 1) r
"""
_WAITING = "select name, status, coalesce(reason, ''), waiting_since from dba.v_waiting order by waiting_since"
_HELD = """
    select config_name || coalesce(' ' || label, '') || ' (dataset ' || dataset_id || ')',
           'held, ' || rows_held || ' rows',
           coalesce(status_reason, ''), created_at from dba.v_dataset where status = 'held' order by created_at
"""
_WARNINGS = f"""
    select coalesce(config_name, job), code, count(*), max(warned_at),
           (array_agg(text order by warned_at desc, sequence desc))[1]
    from dba.v_warning where warned_at > now() - interval '{WARNING_DAYS} days' and not is_trial
    group by 1, 2 order by 4 desc
"""
_SIZES = """
    select pg_database_size(current_database()),
           (select coalesce(sum(size), 0) from dba.tfile where archived_at is not null and status <> 'refused'),
           (select count(*) from dba.tdataset)
"""


@dataclass
class Screen:
    """The parts of the screen, each a list of lines."""

    problems: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the screen for a terminal; empty parts are left out, except the problems."""
        parts = {
            "problems": self.problems or ["none"], "running": self.running, "waiting": self.waiting,
            "warnings": self.warnings, "sizes": self.sizes,
        }  # fmt: skip
        lines = []
        for name, texts in parts.items():
            shown = [*texts[:MAX_LINES], *([f"and {len(texts) - MAX_LINES} more"] if len(texts) > MAX_LINES else [])]
            lines += [f"{name if number == 0 else '':9} {text}" for number, text in enumerate(shown)]
        return lines


def gather_screen(directories: Directories, connection: Connection | None, trouble: str = "") -> Screen:
    """Gather all parts. `trouble`: why there is no connection."""
    screen = Screen()
    screen.problems = [
        f"{state.name} since {state.since[:16].replace('T', ' ')}: {_shorten(state.error)}"
        for state in _list_failing(directories)
    ]
    screen.problems += [f"unsent: {text}" for text in alerts.list_unsent(directories)]
    if trouble and not any("the database" in text for text in screen.problems):
        screen.problems.insert(0, trouble)
    screen.running = list(_list_running(directories))
    names = [pipeline.name for pipeline in _choose_pipelines()]
    last = {row[0]: row[1:] for row in _read_rows(connection, _LAST, (names,))}
    screen.pipelines = list(_list_pipelines(directories, last))
    rows = [*_read_rows(connection, _WAITING), *_read_rows(connection, _HELD)]
    screen.waiting = [
        f"{name}: {status}, since {_format_minute(since)}{f': {_shorten(reason)}' if reason else ''}"
        for name, status, reason, since in rows
    ]
    if connection is not None:
        files = unmatched_files.find_unmatched_files(WaitingNames(connection, directories))
        screen.waiting += [f"{file}: no import accepts it" for file in files]
    screen.warnings = [
        f"{name}: {code}, {number} time{'' if number == 1 else 's'}, last {_format_minute(newest)}: {_shorten(text)}"
        for name, code, number, newest, text in _read_rows(connection, _WARNINGS)
    ]
    screen.sizes = list(_list_sizes(directories, connection))
    return screen


def _list_failing(directories: Directories) -> list[alerts.State]:
    return sorted(
        (state for _, state in alerts.list_states(directories) if state.is_failing), key=lambda state: state.since
    )


def _list_running(directories: Directories) -> Iterator[str]:
    for path in sorted(directories.runs.glob("*.json")):
        try:
            run = log_utils.Run(**json.loads(path.read_text()))
            seconds = time.time() - path.stat().st_mtime
        except (OSError, ValueError, TypeError):
            continue
        if run.job != "status" and log_utils.read_process_start(run.pid) == run.process_start:
            yield f"{run.job} {run.lock_key}".strip() + f" for {format_duration(seconds)} (pid {run.pid})"


def _list_pipelines(directories: Directories, last: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for pipeline in _choose_pipelines():
        status, started, seconds, warnings = last.get(pipeline.name, ("never run", None, None, 0))
        pause = schedules.find_pause(directories, pipeline.name)
        yield {
            "pipeline": pipeline.name,
            "last": _format_minute(started) if started else "",
            "result": f"{status}, {warnings} {'warning' if warnings == 1 else 'warnings'}" if warnings else status,
            "duration": format_duration(seconds) if seconds is not None else "",
            "next": _format_next(pipeline, paused=pause is not None),
        }


def _choose_pipelines() -> list[schedules.Pipeline]:
    return [*schedules.list_scheduled(), *schedules.list_not_set_up()]


def _format_next(pipeline: schedules.Pipeline, paused: bool) -> str:
    if pipeline.unset_settings:
        return "not set up"
    return "paused" if paused else _format_minute(schedules.find_next_run(pipeline.schedule, settings.now()))


def _list_sizes(directories: Directories, connection: Connection | None) -> Iterator[str]:
    for size, archived, datasets in _read_rows(connection, _SIZES):
        yield f"database {format_size(size)}, {datasets:,} datasets; archived files {format_size(archived)}"
    logs = sum(path.stat().st_size for path in directories.logs.glob("*") if path.is_file())
    yield f"logs {format_size(logs)}"
    backups = inventory.list_backups(directories)
    if backups:
        size = sum(backup.path.stat().st_size for backup in backups)
        yield f"backups {format_size(size)} in {len(backups)} files (BACKUP_KEEP_... set how many are kept)"
    for folder in disk_space.list_folders(directories):
        usage = shutil.disk_usage(folder)
        yield f"disk of {folder}: {format_size(usage.free)} free of {format_size(usage.total)}"


def _read_rows(connection: Connection | None, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    if connection is None:
        return []
    with contextlib.suppress(EtlError), transaction(connection) as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())
    return []


def _format_minute(moment: datetime) -> str:
    return f"{moment.astimezone(settings.get_zone()):%a %Y-%m-%d %H:%M}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 110 else f"{line[:107]}..."

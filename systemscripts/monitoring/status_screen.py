"""What status.py shows: one screen, also while the database is down."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from systemscripts import alerts, log_utils, schedules, settings
from systemscripts.backups import inventory
from systemscripts.configuration import unmatched_files
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import EtlError
from systemscripts.monitoring.checks import disks

MOST = 6  # lines of a kind; the rest is a number
WARNING_DAYS = 7
# of each pipeline by itself, so that an index is followed to its last run and no history is read
_LAST = """
    select p.name, r.status, r.started_at, extract(epoch from r.ended_at - r.started_at)::integer,
           r.warnings
    from unnest(%s) p(name) cross join lateral (
        select * from dba.trun where job = 'run_pipeline' and lock_key = p.name and status <> 'skipped'
            and arguments !~ '--(dry-run|list)' order by started_at desc limit 1) r
"""
_WAITING = "select name, status, coalesce(reason, ''), waiting_since from dba.v_waiting order by waiting_since"
_HELD = """
    select config_name || coalesce(' ' || label, '') || ' (dataset ' || dataset_id || ')', 'held',
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

    bad: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it for a terminal; what there is nothing of is left out, but never that something is bad."""
        parts = {
            "bad": self.bad or ["nothing"], "running": self.running, "waiting": self.waiting,
            "warnings": self.warnings, "sizes": self.sizes,
        }  # fmt: skip
        found = []
        for name, texts in parts.items():
            shown = [*texts[:MOST], *([f"and {len(texts) - MOST} more"] if len(texts) > MOST else [])]
            found += [f"{name if number == 0 else '':9} {text}" for number, text in enumerate(shown)]
        return found


def gather(directories: Directories, connection: Connection | None, trouble: str = "") -> Screen:
    """Look at everything. `trouble`: why there is no connection."""
    screen = Screen()
    screen.bad = [
        f"{state.name} since {state.since[:16].replace('T', ' ')}: {_short(state.error)}" for state in _bad(directories)
    ]
    if trouble and not any("the database is down" in text for text in screen.bad):
        screen.bad.insert(0, trouble)
    screen.running = list(_running(directories))
    names = [pipeline.name for pipeline in _shown_pipelines()]
    last = {row[0]: row[1:] for row in _rows(connection, _LAST, (names,))}
    screen.pipelines = list(_pipelines(directories, last))
    rows = [*_rows(connection, _WAITING), *_rows(connection, _HELD)]
    screen.waiting = [
        f"{name}: {status}, since {_minute(since)}{f': {_short(reason)}' if reason else ''}"
        for name, status, reason, since in rows
    ]
    if connection is not None:
        screen.waiting += [
            f"{file}: no import takes it" for file in unmatched_files.find_unmatched_files(connection, directories)
        ]
    screen.warnings = [
        f"{about}: {code}, {number} {'time' if number == 1 else 'times'}, last {_minute(newest)}: {_short(text)}"
        for about, code, number, newest, text in _rows(connection, _WARNINGS)
    ]
    screen.sizes = list(_sizes(directories, connection))
    return screen


def _bad(directories: Directories) -> list[alerts.State]:
    return sorted((state for _, state in alerts.all_states(directories) if state.bad), key=lambda state: state.since)


def _running(directories: Directories) -> Iterator[str]:
    for path in sorted(directories.runs.glob("*.json")):
        try:
            run = log_utils.Run(**json.loads(path.read_text()))
            seconds = time.time() - path.stat().st_mtime
        except (OSError, ValueError, TypeError):
            continue
        if run.job != "status" and log_utils.read_process_start(run.pid) == run.process_start:
            yield f"{run.job} {run.lock_key}".strip() + f" for {_span(seconds)} (pid {run.pid})"


def _pipelines(directories: Directories, last: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for pipeline in _shown_pipelines():
        status, started, seconds, warnings = last.get(pipeline.name, ("never run", None, None, 0))
        pause = schedules.paused(directories, pipeline.name)
        yield {
            "pipeline": pipeline.name,
            "last": _minute(started) if started else "",
            "ended": f"{status}, {warnings} {'warning' if warnings == 1 else 'warnings'}" if warnings else status,
            "took": _span(seconds) if seconds is not None else "",
            "next": _next(pipeline, paused=pause is not None),
        }


def _shown_pipelines() -> list[schedules.Pipeline]:
    return [*schedules.scheduled(), *schedules.not_set_up()]


def _next(pipeline: schedules.Pipeline, paused: bool) -> str:
    if pipeline.unset_settings:
        return "not set up"
    return "paused" if paused else _minute(schedules.next_run(pipeline.schedule, settings.now()))


def _sizes(directories: Directories, connection: Connection | None) -> Iterator[str]:
    for size, archived, datasets in _rows(connection, _SIZES):
        yield f"database {_bytes(size)}, {datasets:,} datasets; archived files {_bytes(archived)}"
    logs = sum(path.stat().st_size for path in directories.logs.glob("*") if path.is_file())
    yield f"logs {_bytes(logs)}"
    backups = inventory.on_shelf(directories)
    if backups:
        size = sum(backup.path.stat().st_size for backup in backups)
        yield f"backups {_bytes(size)} in {len(backups)} files (BACKUP_KEEP_... say how many stay)"
    for place in disks.places(directories):
        usage = shutil.disk_usage(place)
        yield f"disk of {place}: {_bytes(usage.free)} free of {_bytes(usage.total)}"


def _rows(connection: Connection | None, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    if connection is None:
        return []
    with contextlib.suppress(EtlError), transaction(connection) as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())
    return []


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(settings.get_zone()):%a %Y-%m-%d %H:%M}"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 110 else f"{line[:107]}..."

"""Delete logs after KEEP_LOGS_DAYS: files, entries, warnings, runs that loaded nothing; rotate a large cron log."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path

from systemscripts import settings
from systemscripts.db_utils import embedded, server_log
from systemscripts.retention.retention_view import Due, View

CRON_LOG, MAX_CRON_LOG_BYTES, MAX_CRON_LOGS = "etl_cron.log", 10_000_000, 5
LOG_PATTERNS = ("*.jsonl", "*.csv", "*.txt")
_ENTRIES = "logged_at < %s"
_WARNINGS = "warned_at < %s"
_RUNS = """started_at < %s and status <> 'running'
    and not exists (select from dba.tdataset d where d.run_uuid = dba.trun.run_uuid)
    and not exists (select from dba.tfile f where f.run_uuid = dba.trun.run_uuid)"""


def due(view: View) -> list[Due]:
    """Return the logs that have expired."""
    due_items = [_build_cron_log_due(view)] if _is_large(view.directories.logs / CRON_LOG) else []
    folder = embedded.find_server_folder()
    if folder is not None and server_log.is_large(folder):
        due_items.append(Due(f"{server_log.NAME} is rotated", 0, 1, 0, partial(server_log.rotate, folder)))
    days = settings.current().keep_logs_days
    if not days:
        return due_items
    moment = view.subtract_days(days)
    paths = _find_old_files(view, moment.timestamp())
    if paths:
        size = sum(path.stat().st_size for path in paths)
        due_items.append(Due("files of logs/", days, len(paths), size, partial(_remove_files, paths)))
    for what, table, condition in (
        ("log entries", "dba.tlogentry", _ENTRIES),
        ("warnings", "dba.twarning", _WARNINGS),
        ("runs", "dba.trun", _RUNS),
    ):
        if number := view.count_rows(f"select count(*) from {table} where {condition}", (moment,)):
            remove = partial(view.delete_rows, table, condition, (moment,))
            due_items.append(Due(what, days, number, 0, remove, (table,)))
    return due_items


def _find_old_files(view: View, moment: float) -> list[Path]:
    """Return the logs that are old and in the database; one that is not delivered yet has a marker in var/runs/."""
    waiting = set()
    for marker in view.directories.runs.iterdir():
        with suppress(OSError, ValueError, KeyError, TypeError):
            waiting.add(Path(json.loads(marker.read_text())["log_file"]).stem)
    logs = [path for pattern in LOG_PATTERNS for path in view.directories.logs.glob(pattern)]
    # downloads that never finished, with their records
    patterns = ("[!.]*.part", "*.pages.json", "*.seen")
    parts = [path for pattern in patterns for path in view.directories.temporary.glob(pattern) if path.is_file()]
    return [path for path in [*logs, *parts] if path.stat().st_mtime < moment and path.stem not in waiting]


def _remove_files(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > MAX_CRON_LOG_BYTES


def _build_cron_log_due(view: View) -> Due:
    path = view.directories.logs / CRON_LOG
    return Due(f"{CRON_LOG} is rotated", 0, 1, 0, partial(_rotate, path))


def _rotate(path: Path) -> None:
    """Rename etl_cron.log to .1, .1 to .2 ...; a process that is writing continues in the renamed file."""
    for number in range(MAX_CRON_LOGS - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))

"""Logs after KEEP_LOGS_DAYS: files, entries, warnings, runs that loaded nothing; a large cron log is turned over."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path

from systemscripts import settings
from systemscripts.db_utils import embedded, server_log
from systemscripts.retention.retention_view import Due, View

CRON_LOG, CRON_LOG_BYTES, CRON_LOGS = "etl_cron.log", 10_000_000, 5
OURS = ("*.jsonl", "*.csv", "*.txt")
_ENTRIES = "logged_at < %s"
_WARNINGS = "warned_at < %s"
_RUNS = """started_at < %s and status <> 'running'
    and not exists (select from dba.tdataset d where d.run_uuid = dba.trun.run_uuid)
    and not exists (select from dba.tfile f where f.run_uuid = dba.trun.run_uuid)"""


def due(view: View) -> list[Due]:
    """What of the logs has had its time."""
    found = [_cron_log(view)] if _is_large(view.directories.logs / CRON_LOG) else []
    folder = embedded.find_server_folder()
    if folder is not None and server_log.is_large(folder):
        found.append(Due(f"{server_log.NAME} is rotated", 0, 1, 0, partial(server_log.rotate, folder)))
    days = settings.current().keep_logs_days
    if not days:
        return found
    moment = view.before(days)
    paths = _old(view, moment.timestamp())
    if paths:
        size = sum(path.stat().st_size for path in paths)
        found.append(Due("files of logs/", days, len(paths), size, partial(_remove, paths)))
    for what, table, condition in (
        ("log entries", "dba.tlogentry", _ENTRIES),
        ("warnings", "dba.twarning", _WARNINGS),
        ("runs", "dba.trun", _RUNS),
    ):
        if number := view.count(f"select count(*) from {table} where {condition}", (moment,)):
            remove = partial(view.delete, table, condition, (moment,))
            found.append(Due(what, days, number, 0, remove, (table,)))
    return found


def _old(view: View, moment: float) -> list[Path]:
    """The logs that are old and in the database; what is not delivered yet still has its marker in var/runs/."""
    waiting = set()
    for marker in view.directories.runs.iterdir():
        with suppress(OSError, ValueError, KeyError, TypeError):
            waiting.add(Path(json.loads(marker.read_text())["log_file"]).stem)
    found = [path for pattern in OURS for path in view.directories.logs.glob(pattern)]
    # of downloads that never ended, with what was remembered of them
    patterns = ("[!.]*.part", "*.pages.json", "*.seen")
    parts = [path for pattern in patterns for path in view.directories.temporary.glob(pattern) if path.is_file()]
    return [path for path in [*found, *parts] if path.stat().st_mtime < moment and path.stem not in waiting]


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > CRON_LOG_BYTES


def _cron_log(view: View) -> Due:
    path = view.directories.logs / CRON_LOG
    return Due(f"{CRON_LOG} is turned over", 0, 1, 0, partial(_turn_over, path))


def _turn_over(path: Path) -> None:
    """etl_cron.log becomes .1, .1 becomes .2 ...; whoever is writing goes on in the one that was renamed."""
    for number in range(CRON_LOGS - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))

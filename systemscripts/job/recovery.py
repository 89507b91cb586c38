"""Finish what killed runs left open: their alert, their last record, their delivery to the database."""

from __future__ import annotations

import logging
import platform
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from systemscripts import log_utils
from systemscripts.directory_management import Directories
from systemscripts.job import kill_reason
from systemscripts.tables import temporary_files

if TYPE_CHECKING:
    from pathlib import Path

    from systemscripts.db_utils import Connection

logger = logging.getLogger(__name__)

KILLED = "the process ended unexpectedly (killed, or the machine went down)"


def close_dead_runs(directories: Directories, sends_alerts: bool) -> int:
    """Give every run whose process was killed its alert and its last record; return how many. Needs no database.

    `sends_alerts`: send the alerts now, instead of with the next run that sends some.
    """
    interrupted = 0
    temporary_files.remove_leftovers()
    log_utils.remove_incomplete_markers(directories)
    for dead_run in log_utils.list_unfinished(directories):
        if dead_run.was_interrupted():
            interrupted += 1
            run = dead_run.run
            reason = f"{KILLED}: {kill_reason.explain_kill(run, dead_run.read_memory())}"
            if run.alert:
                _alert(directories, run.job, run.lock_key, run.arguments, dead_run.path, sends_alerts, reason)
            # after the alert, which is not sent twice
            dead_run.close_as_interrupted(reason)
        else:
            dead_run.write_readable_logs()
        dead_run.mark_log_complete()
    return interrupted


def deliver_dead_runs(connection: Connection, directories: Directories, sends_alerts: bool) -> int:
    """Send what ended runs left behind to the database; return how many rows still had the status running there.

    Raises psycopg2.Error if the database goes away; the next run does the rest.
    """
    for dead_run in log_utils.list_undelivered(directories):
        try:
            dead_run.append_unwritten()
        except OSError:
            # its disk is still full
            continue
        if dead_run.path.exists():
            log_utils.Delivery(dead_run.path).send_new_entries(connection)
        else:
            text = f"the log of {dead_run.run.job}, {dead_run.path}, is gone: its entries are lost"
            logger.warning("%s", text, extra={"code": "log_lost"})
        dead_run.mark_delivered()
    return _close_rows_without_marker(connection, directories, sends_alerts)


def _alert(
    directories: Directories, job: str, key: str, arguments: str, log_file: Path, sends_alerts: bool,
    reason: str = KILLED,
) -> None:  # fmt: skip
    # not a warning of this run, which may itself succeed
    from systemscripts import alerts

    logger.error("%s was interrupted: %s", f"{job} {key}".strip(), reason)
    outcome = alerts.Outcome(job, key, "interrupted", 137, reason, arguments, log_file, "killed")
    alerts.try_record_outcome(outcome, directories, sends_alerts)


def _close_rows_without_marker(connection: Connection, directories: Directories, sends_alerts: bool) -> int:
    """Close rows with the status running whose process is gone and that have no marker in var/.

    Rows of a restored backup belong to runs that continued after it was made, such as the backup itself: their logs say
    how they ended. If a log does not say so or is gone, the run was interrupted.
    """
    from systemscripts import db_utils

    with db_utils.transaction(connection) as cursor:
        cursor.execute(
            "select run_uuid, pid, process_start, log_file from dba.trun where status = 'running' and host = %s",
            (platform.node(),),
        )
        rows = [row for row in cursor.fetchall() if log_utils.read_process_start(row[1]) != row[2]]
    if not rows:
        return 0
    for *_, log_file in rows:
        # entries that are already there are not inserted twice
        with suppress(FileNotFoundError):
            log_utils.Delivery(_find_log(log_file, directories)).send_new_entries(connection)
    with db_utils.transaction(connection) as cursor:
        cursor.execute(
            """update dba.trun set status = 'interrupted', exit_code = 137, ended_at = now(), error = %s
               where run_uuid = any(%s::uuid[]) and status = 'running'
               returning job, lock_key, arguments, log_file""",
            (KILLED, [row[0] for row in rows]),
        )
        closed: list[Any] = cursor.fetchall()
    for job, key, arguments, log_file in closed:
        _alert(directories, job, key, arguments, _find_log(log_file, directories), sends_alerts)
    return len(closed)


def _find_log(log_file: str, directories: Directories) -> Path:
    return directories.logs / log_file.rpartition("/")[2]

"""What killed runs have left: their alert, their last record, their way into the database."""

from __future__ import annotations

import logging
import platform
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from systemscripts import alerts, log_utils
from systemscripts.directory_management import Directories
from systemscripts.tables import temporary_files

if TYPE_CHECKING:
    from pathlib import Path

    from systemscripts.db_utils import Connection

logger = logging.getLogger(__name__)

KILLED = "the process ended without a word (killed, or the machine went down)"


def close(directories: Directories, sends: bool) -> int:
    """Give every run whose process was killed its alert and its last record; returns how many. Needs no database.

    `sends`: whether the alerts go out now, or with the next run that sends.
    """
    interrupted = 0
    temporary_files.remove_leftovers()
    log_utils.remove_incomplete_markers(directories)
    for leftover in log_utils.list_unfinished(directories):
        if leftover.interrupted():
            interrupted += 1
            run = leftover.run
            if run.alert:
                _tell(directories, run.job, run.lock_key, run.arguments, leftover.path, sends)
            leftover.close_as_interrupted()  # after the alert, which is not sent twice
        else:
            leftover.complete_readable()
        leftover.log_is_whole()
    return interrupted


def deliver(connection: Connection, directories: Directories, sends: bool) -> int:
    """Carry what ended runs have left into the database; returns how many rows still said running there.

    Raises psycopg2.Error when the database goes away meanwhile; what was not done is done by the next run.
    """
    for leftover in log_utils.list_undelivered(directories):
        try:
            leftover.complete_log()
        except OSError:
            # its disk is still full
            continue
        if leftover.path.exists():
            log_utils.Delivery(leftover.path).advance(connection)
        else:
            text = f"the log of {leftover.run.job}, {leftover.path}, is gone: its entries are lost"
            logger.warning("%s", text, extra={"code": "log_lost"})
        leftover.delivered()
    return _close_rows_without_marker(connection, directories, sends)


def _tell(directories: Directories, job: str, key: str, arguments: str, log_file: Path, sends: bool) -> None:
    # no warning of this run, which may be green
    logger.error("%s was interrupted: %s", f"{job} {key}".strip(), KILLED)
    outcome = alerts.Outcome(job, key, "interrupted", 137, KILLED, arguments, log_file, "killed")
    alerts.notice(outcome, directories, sends)


def _close_rows_without_marker(connection: Connection, directories: Directories, sends: bool) -> int:
    """Close rows that still say running although their process is gone and var/ knows nothing of them.

    Those of a restored backup are of runs that went on after it was made, as that of the backup itself: their logs say
    how they ended. Where the log says nothing or is gone, they were interrupted.
    """
    from systemscripts import db_utils

    with db_utils.transaction(connection) as cursor:
        cursor.execute(
            "select run_uuid, pid, process_start, log_file from dba.trun where status = 'running' and host = %s",
            (platform.node(),),
        )
        rows = [row for row in cursor.fetchall() if log_utils.read_process_start(row[1]) != row[2]]
    for *_, log_file in rows:
        with suppress(FileNotFoundError):  # what is there already is not entered twice
            log_utils.Delivery(_log_of(log_file, directories)).advance(connection)
    with db_utils.transaction(connection) as cursor:
        cursor.execute(
            """update dba.trun set status = 'interrupted', exit_code = 137, ended_at = now(), error = %s
               where run_uuid = any(%s::uuid[]) and status = 'running'
               returning job, lock_key, arguments, log_file""",
            (KILLED, [row[0] for row in rows]),
        )
        closed: list[Any] = cursor.fetchall()
    for job, key, arguments, log_file in closed:
        _tell(directories, job, key, arguments, _log_of(log_file, directories), sends)
    return len(closed)


def _log_of(log_file: str, directories: Directories) -> Path:
    return directories.logs / log_file.rpartition("/")[2]

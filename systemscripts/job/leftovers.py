"""What killed runs have left: their last record, their alert, their way into the database."""

from __future__ import annotations

import logging
import platform
from typing import TYPE_CHECKING, Any

from systemscripts import alerts, db_utils, log_utils
from systemscripts.directory_management import Directories

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)


def close(connection: Connection, directories: Directories) -> int:
    """Finish every run whose process is gone; returns how many of them had been killed.

    Raises psycopg2.Error when the database goes away meanwhile; what was not done is done by the next run.
    """
    interrupted = 0
    for leftover in log_utils.leftovers(directories):
        delivered = False
        try:
            if leftover.close_as_interrupted():
                interrupted += 1
                _tell(leftover, directories)
            if leftover.path.exists():
                log_utils.Delivery(leftover.run, leftover.path).advance(connection)
            delivered = True
        finally:
            leftover.release(delivered)
    return interrupted + _close_rows_without_marker(connection)


def _tell(leftover: log_utils.Leftover, directories: Directories) -> None:
    run = leftover.run
    error = "the process ended without a word (killed, or the machine went down)"
    logger.warning("%s of pid %s was interrupted: %s", run.job, run.pid, error)
    alerts.notice(
        alerts.Outcome(run.job, run.lock_key, "interrupted", 137, error, run.arguments, leftover.path), directories
    )


def _close_rows_without_marker(connection: Connection) -> int:
    """Close rows that still say running although their process is gone and var/ knows nothing of them (it was deleted)."""
    with db_utils.transaction(connection) as cursor:
        cursor.execute(
            "select run_uuid, pid, process_start from dba.trun where status = 'running' and host = %s", (platform.node(),)
        )
        lost: list[Any] = [row[0] for row in cursor.fetchall() if log_utils.process_start(row[1]) != row[2]]
        if lost:
            cursor.execute(
                """update dba.trun set status = 'interrupted', exit_code = 137, ended_at = now(),
                   error = 'the process ended without a word' where run_uuid = any(%s::uuid[]) and status = 'running'""",
                (lost,),
            )
    return len(lost)

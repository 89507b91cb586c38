"""From the JSON-lines file of a run to dba.trun and dba.tlogentry."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts.log_utils.run_log import BEGAN, ENDED, LOGGER, Run

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Delivery:
    """Carries the entries of one JSON-lines file to the database, each once, in order."""

    def __init__(self, run: Run, path: Path) -> None:
        self.run, self.path = run, path
        self._offset = 0
        self.ended = False

    def advance(self, connection: Connection) -> None:
        """Send what was written since the last time; raises psycopg2.Error when the database is away."""
        from psycopg2.extras import execute_values

        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        found = []
        for line in whole.splitlines():
            with suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        try:
            with connection.cursor() as cursor:
                for entry in found:
                    self._project(cursor, entry)
                rows = [_row(entry) for entry in found]
                execute_values(cursor, _INSERT, rows, page_size=1000)
            connection.commit()
        except BaseException:
            with suppress(Exception):
                connection.rollback()
            raise
        self._offset += len(whole)

    def _project(self, cursor: Any, entry: dict[str, Any]) -> None:
        detail = entry["detail"] or {}
        if entry["message"] == BEGAN and entry["logger"] == LOGGER:
            cursor.execute(_BEGIN_RUN, {**detail, "started_at": entry["time"]})
        if entry["message"] == ENDED and entry["logger"] == LOGGER:
            self.ended = True
            cursor.execute(_END_RUN, {**detail, "run_uuid": entry["run_uuid"], "ended_at": entry["time"]})


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    detail = json.dumps(entry["detail"]) if entry["detail"] else None
    names = ("run_uuid", "sequence", "time", "process_type", "step", "user", "step_seconds", "total_seconds", "level",
             "logger", "message")  # fmt: skip
    # a NUL cannot be stored by PostgreSQL, neither as text nor in JSON
    return (*(entry[name] for name in names), detail.replace("\\u0000", "") if detail else None)


_INSERT = """insert into dba.tlogentry (run_uuid, sequence, logged_at, process_type, step, os_user, step_seconds,
    total_seconds, level, logger, message, detail) values %s on conflict do nothing"""
_BEGIN_RUN = """insert into dba.trun (run_uuid, root_uuid, parent_uuid, step_number, job, lock_key, arguments, status, host,
    os_user, pid, process_start, started_at, heartbeat_at, log_file)
    values (%(run_uuid)s, %(root_uuid)s, %(parent_uuid)s, %(step_number)s, %(job)s, %(lock_key)s, %(arguments)s, 'running',
    %(host)s, %(os_user)s, %(pid)s, %(process_start)s, %(started_at)s, %(started_at)s, %(log_file)s) on conflict do nothing"""
_END_RUN = """update dba.trun set status = %(status)s, exit_code = %(exit_code)s, error = %(error)s, ended_at = %(ended_at)s,
    files = %(files)s, rows_read = %(read)s, rows_loaded = %(loaded)s, rows_rejected = %(rejected)s,
    rows_skipped = %(skipped)s where run_uuid = %(run_uuid)s and status = 'running'"""


def end_record(status: str, exit_code: int, error: str | None, **counts: int | None) -> dict[str, Any]:
    """The detail of the last record of a run."""
    empty = dict.fromkeys(("files", "read", "loaded", "rejected", "skipped"))
    return {"status": status, "exit_code": exit_code, "error": error, **empty, **counts}

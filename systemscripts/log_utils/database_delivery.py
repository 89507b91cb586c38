"""Deliver the JSON-lines file of a run to dba.trun, dba.tlogentry and dba.twarning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from systemscripts.log_utils.entries import FIELDS, is_begin, is_end, is_warning, parse_entries

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor


class Delivery:
    """Sends the entries of one JSON-lines file to the database, each once and in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def send_new_entries(self, connection: Connection, unwritten: Sequence[dict[str, Any]] = ()) -> None:
        """Send the entries written since the last call; raises psycopg2.Error if the database is away.

        `unwritten`: entries that did not fit on a full disk. An entry that is sent twice is stored once.
        """
        import psycopg2

        begin = self._offset
        with self.path.open("rb") as stream:
            stream.seek(begin)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        new_entries = [*parse_entries(whole.split(b"\n")), *unwritten]
        if new_entries:
            try:
                _send_entries(connection, new_entries)
            # ValueError: psycopg2 itself refuses a NUL
            except (psycopg2.DataError, ValueError):
                _send_one_by_one(connection, new_entries)
        self._offset = begin + len(whole)


def _send_entries(connection: Connection, new_entries: list[dict[str, Any]]) -> None:
    from psycopg2.extras import execute_values

    try:
        with connection.cursor() as cursor:
            for entry in new_entries:
                if is_begin(entry):
                    cursor.execute(_BEGIN_RUN, {"version": None, **entry["detail"], "started_at": entry["time"]})
                elif is_end(entry):
                    # a version before this one did not count what is held
                    ended = {"held": None, **entry["detail"]}
                    ended |= {"run_uuid": entry["run_uuid"], "ended_at": entry["time"]}
                    cursor.execute(_END_RUN, ended)
            execute_values(cursor, _INSERT, [_build_row(entry) for entry in new_entries], page_size=1000)
            if warnings := [entry for entry in new_entries if is_warning(entry)]:
                execute_values(cursor, _INSERT_WARNINGS, [_warning_row(entry) for entry in warnings], page_size=1000)
                _count_warnings(cursor, warnings[0]["run_uuid"])
        connection.commit()
    except BaseException:
        with suppress(Exception):
            connection.rollback()
        raise


def _send_one_by_one(connection: Connection, new_entries: list[dict[str, Any]]) -> None:
    """Send the entries singly: one that PostgreSQL refuses must not hold up the others, or every later run."""
    import psycopg2

    for entry in new_entries:
        try:
            _send_entries(connection, [entry])
        except (psycopg2.DataError, ValueError):
            text_shown = "(PostgreSQL cannot hold it; see the log file)"
            detail = {"code": entry["detail"]["code"]} if is_warning(entry) else None
            with suppress(psycopg2.DataError, ValueError):
                _send_entries(connection, [{**entry, "message": text_shown, "detail": detail}])


def _build_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    return (*(entry[name] for name in FIELDS[:-1]), json.dumps(entry["detail"]) if entry["detail"] else None)


def _warning_row(entry: dict[str, Any]) -> tuple[Any, ...]:
    detail = entry["detail"]
    about = [detail.get(name) for name in ("import", "file_id", "dataset_id", "code")]
    return (entry["run_uuid"], entry["sequence"], entry["time"], *about, entry["message"])


def _count_warnings(cursor: Cursor, run_uuid: str | None) -> None:
    """Count the warnings of a run again, including its steps; then those of the pipeline that started it."""
    while run_uuid is not None:
        # a step and its pipeline may count at the same time: the one that waits must see what the other has written
        cursor.execute("select from dba.trun where run_uuid = %s for update", (run_uuid,))
        cursor.execute(_COUNT_WARNINGS, {"run_uuid": run_uuid})
        row = cursor.fetchone()
        run_uuid = row[0] if row else None


# in the order of FIELDS
_INSERT = """insert into dba.tlogentry (logged_at, run_uuid, sequence, process_type, step, os_user, step_seconds,
    total_seconds, level, logger, message, detail) values %s on conflict do nothing"""
_INSERT_WARNINGS = """insert into dba.twarning (run_uuid, sequence, warned_at, config_name, file_id, dataset_id, code,
    text) values %s on conflict do nothing"""
_COUNT_WARNINGS = """update dba.trun r set warnings =
    (select count(*) from dba.twarning w where w.run_uuid = r.run_uuid)
    + (select coalesce(sum(s.warnings), 0) from dba.trun s
       where s.root_uuid = r.root_uuid and s.parent_uuid = r.run_uuid)
    where r.run_uuid = %(run_uuid)s returning r.parent_uuid"""
_BEGIN_RUN = """insert into dba.trun (run_uuid, root_uuid, parent_uuid, step_number, job, lock_key, arguments, status,
    host, os_user, pid, process_start, started_at, heartbeat_at, log_file, version)
    values (%(run_uuid)s, %(root_uuid)s, %(parent_uuid)s, %(step_number)s, %(job)s, %(lock_key)s, %(arguments)s,
    'running', %(host)s, %(os_user)s, %(pid)s, %(process_start)s, %(started_at)s, %(started_at)s, %(log_file)s,
    %(version)s)
    on conflict do nothing"""
_END_RUN = """update dba.trun set status = %(status)s, exit_code = %(exit_code)s, error = %(error)s,
    ended_at = %(ended_at)s, files = %(files)s, rows_read = %(read)s, rows_loaded = %(loaded)s,
    rows_rejected = %(rejected)s, rows_skipped = %(skipped)s, rows_held = %(held)s
    where run_uuid = %(run_uuid)s and status = 'running'"""

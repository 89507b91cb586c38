"""Runs and what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections
from webconsole.queries import keyset_pages
from webconsole.queries.keyset_pages import Page

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

WITH_WARNINGS = "succeeded with warnings"  # not green, although nothing failed
STATUSES = ("running", "succeeded", WITH_WARNINGS, "failed", "interrupted", "timed out", "skipped")
UNDONE = ("failed", "interrupted", "timed out", "skipped")  # did not do what they should; may be started again
PAGE = 50
CHART_RUNS = 60
LOG_ROWS = 100
_SECONDS = "extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::float as seconds"
_LOOKS = r"'--(dry-run|check|list)\M'"  # of arguments: the run only looked
_COLUMNS = f"""r.run_uuid::text, r.root_uuid::text, r.parent_uuid::text, r.step_number, r.job, r.lock_key, r.arguments,
    r.status, r.exit_code, r.error, r.host, r.os_user, r.started_at, r.ended_at, {_SECONDS}, r.progress, r.files,
    r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped, r.warnings,
    r.is_green, r.arguments ~ {_LOOKS} as is_trial"""
_LOG = "run_uuid::text, sequence, logged_at, process_type, step, os_user, step_seconds::float, level, message, detail"


def page(cursor: Cursor, job: str = "", status: str = "", after: str | None = None) -> Page:
    """Runs, newest first; of one job or status where they are given."""
    key = keyset_pages.read(after, 2)
    conditions, values = _conditions(job, status)
    if key is not None:
        conditions.append("(r.started_at, r.run_uuid) < (%s::timestamptz, %s::uuid)")
        values += key
    where = f"where {' and '.join(conditions)}" if conditions else ""
    found = connections.rows(
        cursor,
        f"select {_COLUMNS} from dba.trun r {where} order by r.started_at desc, r.run_uuid desc limit {PAGE + 1}",
        values,
    )
    return keyset_pages.cut(found, PAGE, "started_at", "run_uuid")


def trend(cursor: Cursor, job: str = "") -> list[dict[str, Any]]:
    """The last finished runs of a job, or of all, oldest first: for the chart; no trials, which load nothing."""
    found = connections.rows(
        cursor,
        f"""select {_COLUMNS} from dba.trun r where r.status <> 'skipped' and r.ended_at is not null
            and r.arguments !~ {_LOOKS}
            and {"r.job = %s" if job else "r.job not in ('web_console', 'console_user')"}
            order by r.started_at desc limit {CHART_RUNS}""",
        [job] if job else [],
    )
    return found[::-1]


def jobs(cursor: Cursor) -> list[str]:
    """The jobs that have ever run; read by skipping along the index, not by counting runs."""
    cursor.execute(
        """with recursive found as (
               (select job from dba.trun order by job limit 1)
               union all
               select (select r.job from dba.trun r where r.job > f.job order by r.job limit 1)
               from found f where f.job is not null)
           select job from found where job is not null"""
    )
    return [row[0] for row in cursor.fetchall()]


def one(cursor: Cursor, run_uuid: str) -> dict[str, Any] | None:
    """One run with its process, or None."""
    return connections.first(
        cursor,
        f"select {_COLUMNS}, r.pid, r.process_start, r.log_file from dba.trun r where r.run_uuid = %s",
        (run_uuid,),
    )


def steps(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """The runs that a run started, in their order."""
    return connections.rows(
        cursor,
        f"""select {_COLUMNS} from dba.trun r where r.root_uuid = %s and r.parent_uuid = %s
            order by r.step_number, r.started_at limit 100""",
        (run_uuid, run_uuid),
    )


def datasets(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """What a run, and the runs it started, loaded."""
    return connections.rows(
        cursor,
        """select d.dataset_id, d.config_name, d.label, d.dataset_date, d.status, d.target_table, d.rows_loaded,
               d.rows_rejected
           from dba.tdataset d where d.run_uuid = any(
               select r.run_uuid from dba.trun r where r.root_uuid = %s and (r.run_uuid = %s or r.parent_uuid = %s)
               union select %s::uuid)
           order by d.dataset_id limit 200""",
        (run_uuid, run_uuid, run_uuid, run_uuid),
    )


def log(cursor: Cursor, run_uuid: str, after: int = 0, limit: int = LOG_ROWS) -> list[dict[str, Any]]:
    """What one run said after an entry, in order."""
    return connections.rows(
        cursor,
        f"select {_LOG} from dba.tlogentry where run_uuid = %s and sequence > %s order by sequence limit %s",
        (run_uuid, after, limit),
    )


def log_tail(cursor: Cursor, run_uuid: str, limit: int = LOG_ROWS) -> list[dict[str, Any]]:
    """The last that one run said, in order."""
    found = connections.rows(
        cursor,
        f"select {_LOG} from dba.tlogentry where run_uuid = %s order by sequence desc limit %s",
        (run_uuid, limit),
    )
    return found[::-1]


def last_entries(cursor: Cursor, only_trouble: bool = False, limit: int = LOG_ROWS) -> list[dict[str, Any]]:
    """The last entries of the whole log, newest first; only warnings and errors where that is asked for."""
    where = "where level in ('WARNING', 'ERROR', 'CRITICAL')" if only_trouble else ""
    return connections.rows(
        cursor, f"select {_LOG} from dba.tlogentry {where} order by logged_at desc, sequence desc limit %s", (limit,)
    )


def trouble(cursor: Cursor, days: int = 14) -> list[dict[str, Any]]:
    """Runs that went wrong and have not succeeded since, newest first, one for each job and key.

    A trial is neither: it loads nothing, and a good one repairs nothing.
    """
    return connections.rows(
        cursor,
        f"""select * from (
                select distinct on (r.job, r.lock_key) {_COLUMNS} from dba.trun r
                where r.status in ('failed', 'interrupted', 'timed out') and r.arguments !~ {_LOOKS}
                    and r.started_at > now() - %s * interval '1 day'
                order by r.job, r.lock_key, r.started_at desc) r
            where not exists (select 1 from dba.trun s where s.job = r.job and s.lock_key = r.lock_key
                and s.status = 'succeeded' and s.arguments !~ {_LOOKS} and s.started_at > r.started_at
                and s.started_at > now() - %s * interval '1 day')  -- follows; without it all runs are read
            order by started_at desc limit 20""",
        (days, days),
    )


def _conditions(job: str, status: str) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if status == WITH_WARNINGS:
        conditions, status = ["r.status = 'succeeded' and r.warnings > 0"], ""
    for column, value in (("job", job), ("status", status)):
        if value:
            conditions.append(f"r.{column} = %s")
            values.append(value)
    return conditions, values

"""Query runs and their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections
from webconsole.queries import keyset_pages
from webconsole.queries.keyset_pages import Page

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# not green, although nothing failed
WITH_WARNINGS = "succeeded with warnings"
STATUSES = ("running", "succeeded", WITH_WARNINGS, "failed", "interrupted", "timed out", "skipped")
# these did not do their work and may be started again
REPEATABLE = ("failed", "interrupted", "timed out", "skipped")
PAGE_ROWS = 50
# bars of a chart that can still be told apart
CHART_RUNS = 60
LOG_ROWS = 100
_SECONDS = "extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::float as seconds"
# arguments with one of these belong to a trial, which loads nothing
_TRIAL_OPTIONS = r"'--(dry-run|check|list)\M'"
_COLUMNS = f"""r.run_uuid::text, r.root_uuid::text, r.parent_uuid::text, r.step_number, r.job, r.lock_key, r.arguments,
    r.status, r.exit_code, r.error, r.host, r.os_user, r.started_at, r.ended_at, {_SECONDS}, r.progress, r.files,
    r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped, r.rows_held, r.warnings,
    r.is_green, r.arguments ~ {_TRIAL_OPTIONS} as is_trial"""
_LOG = "run_uuid::text, sequence, logged_at, process_type, step, os_user, step_seconds::float, level, message, detail"


def list_runs(cursor: Cursor, job: str = "", status: str = "", after: str | None = None) -> Page:
    """Return a page of runs, newest first, of one job or status if given."""
    key = keyset_pages.decode_key(after, 2)
    conditions, values = _make_conditions(job, status)
    if key is not None:
        conditions.append("(r.started_at, r.run_uuid) < (%s::timestamptz, %s::uuid)")
        values += key
    where = f"where {' and '.join(conditions)}" if conditions else ""
    rows = connections.fetch_rows(
        cursor,
        f"select {_COLUMNS} from dba.trun r {where} order by r.started_at desc, r.run_uuid desc limit {PAGE_ROWS + 1}",
        values,
    )
    return keyset_pages.make_page(rows, PAGE_ROWS, "started_at", "run_uuid")


def list_chart_runs(cursor: Cursor, job: str = "") -> list[dict[str, Any]]:
    """Return the last finished runs of a job, or of all jobs, oldest first, without dry runs and other trials."""
    rows = connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from dba.trun r where r.status <> 'skipped' and r.ended_at is not null
            and r.arguments !~ {_TRIAL_OPTIONS}
            and {"r.job = %s" if job else "r.job not in ('web_console', 'console_user')"}
            order by r.started_at desc limit {CHART_RUNS}""",
        [job] if job else [],
    )
    return rows[::-1]


def list_jobs(cursor: Cursor) -> list[str]:
    """Return the jobs that have ever run; skips along the index instead of reading every run."""
    cursor.execute(
        """with recursive found as (
               (select job from dba.trun order by job limit 1)
               union all
               select (select r.job from dba.trun r where r.job > f.job order by r.job limit 1)
               from found f where f.job is not null)
           select job from found where job is not null"""
    )
    return [row[0] for row in cursor.fetchall()]


def find_run(cursor: Cursor, run_uuid: str) -> dict[str, Any] | None:
    """Return a run with its process, or None."""
    return connections.fetch_first(
        cursor,
        f"select {_COLUMNS}, r.pid, r.process_start, r.log_file from dba.trun r where r.run_uuid = %s",
        (run_uuid,),
    )


def list_steps(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """Return the runs that a run started, in their order."""
    return connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from dba.trun r where r.root_uuid = %s and r.parent_uuid = %s
            order by r.step_number, r.started_at limit 100""",
        (run_uuid, run_uuid),
    )


def list_datasets(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """Return the datasets that a run, and the runs it started, loaded."""
    return connections.fetch_rows(
        cursor,
        """select d.dataset_id, d.config_name, d.label, d.dataset_date, d.status, d.target_table, d.rows_loaded,
               d.rows_rejected, d.rows_held
           from dba.tdataset d where d.run_uuid = any(
               select r.run_uuid from dba.trun r where r.root_uuid = %s and (r.run_uuid = %s or r.parent_uuid = %s)
               union select %s::uuid)
           order by d.dataset_id limit 200""",
        (run_uuid, run_uuid, run_uuid, run_uuid),
    )


def read_log(cursor: Cursor, run_uuid: str, after: int = 0, limit: int = LOG_ROWS) -> list[dict[str, Any]]:
    """Return the log entries of a run after a sequence number, in order."""
    return connections.fetch_rows(
        cursor,
        f"select {_LOG} from dba.tlogentry where run_uuid = %s and sequence > %s order by sequence limit %s",
        (run_uuid, after, limit),
    )


def read_log_tail(cursor: Cursor, run_uuid: str, limit: int = LOG_ROWS) -> list[dict[str, Any]]:
    """Return the last log entries of a run, in order."""
    rows = connections.fetch_rows(
        cursor,
        f"select {_LOG} from dba.tlogentry where run_uuid = %s order by sequence desc limit %s",
        (run_uuid, limit),
    )
    return rows[::-1]


def read_last_entries(cursor: Cursor, only_trouble: bool = False, limit: int = LOG_ROWS) -> list[dict[str, Any]]:
    """Return the last entries of all logs, newest first; with `only_trouble` only warnings and errors."""
    where = "where level in ('WARNING', 'ERROR', 'CRITICAL')" if only_trouble else ""
    return connections.fetch_rows(
        cursor, f"select {_LOG} from dba.tlogentry {where} order by logged_at desc, sequence desc limit %s", (limit,)
    )


def list_unresolved_runs(cursor: Cursor, days: int = 14) -> list[dict[str, Any]]:
    """Return the runs that failed and have not succeeded since, newest first, one per job and key.

    Trials count as neither: they load nothing.
    """
    return connections.fetch_rows(
        cursor,
        f"""select * from (
                select distinct on (r.job, r.lock_key) {_COLUMNS} from dba.trun r
                where r.status in ('failed', 'interrupted', 'timed out') and r.arguments !~ {_TRIAL_OPTIONS}
                    and r.started_at > now() - %s * interval '1 day'
                order by r.job, r.lock_key, r.started_at desc) r
            where not exists (select 1 from dba.trun s where s.job = r.job and s.lock_key = r.lock_key
                and s.status = 'succeeded' and s.arguments !~ {_TRIAL_OPTIONS} and s.started_at > r.started_at
                and s.started_at > now() - %s * interval '1 day')  -- follows; without it all runs are read
            order by started_at desc limit 20""",
        (days, days),
    )


def _make_conditions(job: str, status: str) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if status == WITH_WARNINGS:
        conditions, status = ["r.status = 'succeeded' and r.warnings > 0"], ""
    for column, value in (("job", job), ("status", status)):
        if value:
            conditions.append(f"r.{column} = %s")
            values.append(value)
    return conditions, values

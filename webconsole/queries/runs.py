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
# of the history of one pipeline, each with its steps
HISTORY_ROWS = 20
# as the index trun_whole has it
WHOLE = "r.parent_uuid is null and r.job not in ('web_console', 'console_user')"
# bars of a chart that can still be told apart
CHART_DAYS = 30
LOG_ROWS = 100
_SECONDS = "extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::float as seconds"
# arguments with one of these belong to a trial, which loads nothing
TRIAL_OPTIONS = r"'--(dry-run|check|list)\M'"
COLUMNS = f"""r.run_uuid::text, r.root_uuid::text, r.parent_uuid::text, r.step_number, r.job, r.lock_key, r.arguments,
    r.status, r.exit_code, r.error, r.host, r.os_user, r.started_at, r.ended_at, {_SECONDS}, r.progress, r.files,
    r.rows_read, r.rows_loaded, r.rows_rejected, r.rows_skipped, r.rows_held, r.warnings,
    r.is_green, r.arguments ~ {TRIAL_OPTIONS} as is_trial"""
_LOG = "run_uuid::text, sequence, logged_at, process_type, step, os_user, step_seconds::float, level, message, detail"


def list_runs(
    cursor: Cursor,
    job: str = "",
    status: str = "",
    after: str | None = None,
    is_whole: bool = False,
    size: int = PAGE_ROWS,
) -> Page:
    """Return a page of runs, newest first, of one job or status if given.

    `is_whole`: without the steps of pipelines, and without the runs of the console itself.
    """
    conditions, values = _make_conditions(job, status)
    if is_whole:
        conditions.append(WHOLE)
    return _read_page(cursor, conditions, values, after, size)


def _read_page(cursor: Cursor, conditions: list[str], values: list[Any], after: str | None, size: int) -> Page:
    if key := keyset_pages.decode_key(after, 2):
        conditions = [*conditions, "(r.started_at, r.run_uuid) < (%s::timestamptz, %s::uuid)"]
        values = [*values, *key]
    where = f"where {' and '.join(conditions)}" if conditions else ""
    rows = connections.fetch_rows(
        cursor,
        f"select {COLUMNS} from dba.trun r {where} order by r.started_at desc, r.run_uuid desc limit {size + 1}",
        values,
    )
    return keyset_pages.make_page(rows, size, "started_at", "run_uuid")


def list_running(cursor: Cursor) -> list[dict[str, Any]]:
    """Return what runs now, newest first, without the console itself and the steps of pipelines."""
    return connections.fetch_rows(
        cursor,
        f"""select {COLUMNS} from dba.trun r where r.status = 'running' and r.parent_uuid is null
            and r.job not in ('web_console', 'console_user') order by r.started_at desc limit 20""",
    )


def list_days(cursor: Cursor, job: str, zone: str) -> list[dict[str, Any]]:
    """Return the last days with the runs of a job, or of all, without trials: rows, seconds and states by day.

    `zone`: the time zone of the days. Runs that other runs started count with these, unless a job is given.
    """
    return connections.fetch_rows(
        cursor,
        f"""select (r.started_at at time zone %(zone)s)::date as day, count(*) as runs,
                count(*) filter (where r.status in ('failed', 'timed out')) as failed,
                count(*) filter (where r.status = 'interrupted') as interrupted,
                count(*) filter (where r.status = 'succeeded') as succeeded,
                coalesce(sum(r.rows_loaded), 0)::bigint as rows_loaded,
                coalesce(sum(r.rows_rejected), 0)::bigint as rows_rejected
            from dba.trun r where r.status <> 'skipped' and r.ended_at is not null
                and r.arguments !~ {TRIAL_OPTIONS} and {"r.job = %(job)s" if job else WHOLE}
                and r.started_at > now() - interval '{CHART_DAYS} days'
            group by 1 order by 1""",
        {"zone": zone, "job": job},
    )


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


def list_pipeline_history(cursor: Cursor, name: str, after: str | None = None) -> Page:
    """Return a page of the runs of a pipeline, newest first."""
    conditions, values = ["r.job = 'run_pipeline'", "r.lock_key = %s"], [name]
    return _read_page(cursor, conditions, values, after, HISTORY_ROWS)


def list_steps_of(cursor: Cursor, run_uuids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the steps of each of some runs, in their order."""
    rows = connections.fetch_rows(
        cursor,
        f"""select {COLUMNS} from dba.trun r where r.root_uuid = any(%s::uuid[]) and r.parent_uuid = r.root_uuid
            order by r.root_uuid, r.step_number, r.started_at""",
        (run_uuids,),
    )
    steps: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        steps.setdefault(row["root_uuid"], []).append(row)
    return steps


def find_run(cursor: Cursor, run_uuid: str) -> dict[str, Any] | None:
    """Return a run with its process, or None."""
    return connections.fetch_first(
        cursor,
        f"select {COLUMNS}, r.pid, r.process_start, r.log_file from dba.trun r where r.run_uuid = %s",
        (run_uuid,),
    )


def list_steps(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """Return the runs that a run started, in their order."""
    return connections.fetch_rows(
        cursor,
        f"""select {COLUMNS} from dba.trun r where r.root_uuid = %s and r.parent_uuid = %s
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


def list_entries(cursor: Cursor, only_trouble: bool = False, after: str | None = None, size: int = LOG_ROWS) -> Page:
    """Return a page of the entries of all logs, newest first; with `only_trouble` only warnings and errors."""
    key = keyset_pages.decode_key(after, 3)
    conditions = ["level in ('WARNING', 'ERROR', 'CRITICAL')"] if only_trouble else []
    if key is not None:
        conditions.append("(logged_at, sequence, run_uuid) < (%s::timestamptz, %s::integer, %s::uuid)")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    rows = connections.fetch_rows(
        cursor,
        f"""select {_LOG} from dba.tlogentry t {where}
            order by logged_at desc, sequence desc, t.run_uuid desc limit {size + 1}""",
        key or [],
    )
    return keyset_pages.make_page(rows, size, "logged_at", "sequence", "run_uuid")


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

"""Query the figures that a monitoring system collects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# jobs that did not run for longer are not watched; it bounds the read of a long history
KEPT_DAYS = 100


def list_last_runs(cursor: Cursor) -> list[dict[str, Any]]:
    """Return for each job and what it works on its last ended run, and the time of its last success.

    Without dry runs and other trials, and without the console itself.
    """
    return connections.fetch_rows(
        cursor,
        """select distinct on (job, lock_key) job, lock_key, ended_at, exit_code,
               extract(epoch from ended_at - started_at)::float as seconds,
               coalesce(rows_read, 0) as rows_read, coalesce(rows_loaded, 0) as rows_loaded,
               coalesce(rows_rejected, 0) as rows_rejected, coalesce(rows_held, 0) as rows_held,
               max(ended_at) filter (where status = 'succeeded') over (partition by job, lock_key) as succeeded_at
           from dba.trun
           where ended_at is not null and status <> 'skipped' and started_at > now() - %s * interval '1 day'
             and arguments !~ '--(dry-run|check|list)\\M' and job not in ('web_console', 'console_user')
           order by job, lock_key, started_at desc""",
        (KEPT_DAYS,),
    )


def read_counts(cursor: Cursor) -> dict[str, Any]:
    """Return how much waits, is held, late, refused or not delivered, and the size of the database."""
    row = connections.fetch_first(
        cursor,
        """select (select count(*) from dba.tfile where status in ('fetched', 'prepared')) as waiting,
               (select count(*) from dba.tfile where status = 'refused' and resolved_by is null) as refused,
               (select count(*) from dba.tdataset where status = 'held') as held,
               (select count(*) from dba.treportdelivery where status = 'pending') as undelivered,
               (select count(*) from dba.trun where status = 'running') as running,
               pg_database_size(current_database()) as database_bytes""",
    )
    assert row is not None
    return row


def list_late(cursor: Cursor) -> list[dict[str, Any]]:
    """Return for each import how many due times no file has met until now, as the watchdog noted them."""
    return connections.fetch_rows(
        cursor,
        """select l.config_name, count(*)::integer as late from dba.tlatefile l
           where not exists (select from dba.tfile f where f.config_name = l.config_name
               and l.label in ('', f.label) and f.created_at > l.due_at)
           group by 1 order by 1""",
    )

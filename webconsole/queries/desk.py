"""Query what the operator's desk shows: each pipeline and feed with its last runs, and what needs a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections
from webconsole.queries import runs

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# squares of a line: two weeks of a daily job
SHOWN_RUNS = 14
# feeds on the desk, the last ones that had a file; the page of feeds has all
SHOWN_FEEDS = 40
# a failure, or a late file, that no one has cared about for longer is history
ATTENTION_DAYS = 14
_SQUARE = """r.run_uuid::text, r.job, r.lock_key, r.status, r.started_at, r.files, r.rows_loaded, r.rows_rejected,
    r.rows_held, r.warnings, r.is_green"""
_REAL = f"r.status <> 'skipped' and r.arguments !~ {runs.TRIAL_OPTIONS}"
_NEWEST = f"order by r.started_at desc limit {SHOWN_RUNS}"
# of a feed: the runs of its own, and those of all imports that had a file of it
_FEED_RUNS = f"""select distinct on (r.started_at, r.run_uuid) {_SQUARE} from (
        (select * from dba.trun r where r.job = 'generic_import' and r.lock_key = c.config_name and {_REAL} {_NEWEST})
        union all
        (select * from dba.trun r where r.job = 'run_elt' and r.lock_key = c.config_name and {_REAL} {_NEWEST})
        union all
        (select r.* from (select f.run_uuid from dba.tfile f where f.config_name = c.config_name
                          order by f.created_at desc limit {SHOWN_RUNS}) f
         join dba.trun r using (run_uuid) where {_REAL})) r
    order by r.started_at desc, r.run_uuid limit {SHOWN_RUNS}"""


def list_pipeline_runs(cursor: Cursor, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the last runs of each pipeline, oldest first, without trials and skipped ones."""
    rows = connections.fetch_rows(
        cursor,
        f"""select p.name, r.* from unnest(%s::text[]) p(name) cross join lateral (
                select {_SQUARE} from dba.trun r where r.job = 'run_pipeline' and r.lock_key = p.name and {_REAL}
                {_NEWEST}) r""",
        (names,),
    )
    return _group_runs(rows, names)


def list_feeds(
    cursor: Cursor, after: str = "", limit: int = SHOWN_FEEDS, by_name: bool = False
) -> list[dict[str, Any]]:
    """Return feeds (imports) with what waits, is refused and held; the last active first, or all by name."""
    order = "c.config_name" if by_name else "newest_file_at desc nulls last, c.config_name"
    return connections.fetch_rows(
        cursor,
        f"""select c.config_name, c.is_active, c.target_table, c.expected, c.job,
                (select max(f.created_at) from dba.tfile f where f.config_name = c.config_name) as newest_file_at,
                (select f.status_at from dba.tfile f where f.config_name = c.config_name
                     and f.status in ('loaded', 'unchanged', 'duplicate') order by f.status_at desc limit 1) as good_at,
                (select count(*) from dba.tfile f where f.config_name = c.config_name
                     and f.status in ('fetched', 'prepared')) as waiting,
                (select count(*) from dba.tfile f where f.config_name = c.config_name and f.status = 'refused'
                     and f.resolved_by is null) as refused,
                (select count(*) from dba.tdataset d where d.config_name = c.config_name and d.status = 'held') as held
            from dba.timportconfig c where c.config_name > %s order by {order} limit %s""",
        (after, limit),
    )


def list_feed_runs(cursor: Cursor, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the last runs of each import or YAML job, oldest first, without trials and skipped ones."""
    rows = connections.fetch_rows(
        cursor,
        f"select c.config_name as name, r.* from unnest(%s::text[]) c(config_name) cross join lateral ({_FEED_RUNS}) r",
        (names,),
    )
    return _group_runs(rows, names)


def _group_runs(rows: list[dict[str, Any]], names: list[str]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for row in rows:
        grouped[row.pop("name")].append(row)
    return {name: sorted(found_rows, key=lambda row: row["started_at"]) for name, found_rows in grouped.items()}


def list_failures(cursor: Cursor, pipelines: list[str]) -> list[dict[str, Any]]:
    """Return the failed runs that need a decision, newest first, one for each job and key, without steps of pipelines.

    Not among them: what succeeded since, was dismissed or stopped by a person, mistyped commands, and failures that are
    only files that were refused or held: these need a decision themselves.
    """
    return connections.fetch_rows(
        cursor,
        f"""select * from (
                select distinct on (r.job, r.lock_key) {runs.COLUMNS} from dba.trun r
                where r.status in ('failed', 'interrupted', 'timed out') and r.arguments !~ {runs.TRIAL_OPTIONS}
                    and r.parent_uuid is null and r.job not in ('web_console', 'console_user')
                    and r.started_at > now() - %(days)s * interval '1 day'
                order by r.job, r.lock_key, r.started_at desc) r
            where (r.exit_code is distinct from 2 or r.job = 'run_pipeline')
                and r.exit_code is distinct from 130  -- Ctrl-C
                and (r.job <> 'run_pipeline' or r.lock_key = any(%(pipelines)s))
                and not exists (select from dba.trun s where s.job = r.job and s.lock_key = r.lock_key
                    and s.status = 'succeeded' and s.arguments !~ {runs.TRIAL_OPTIONS} and s.started_at > r.started_at
                    and s.started_at > now() - %(days)s * interval '1 day')  -- follows; without it all runs are read
                and not exists (select from dba.tdismissal d where d.kind = 'run' and d.key = r.run_uuid)
                and not (r.exit_code = 65 and {_IS_ABOUT_FILES})
            order by started_at desc limit 20""",
        {"days": ATTENTION_DAYS, "pipelines": pipelines},
    )


# every failed part of a run had files that were refused or held, which need decisions themselves, or succeeded since
_IS_ABOUT_FILES = f"""not exists (
    select from dba.trun p where p.root_uuid = r.root_uuid::uuid and p.status <> 'succeeded'
        and (p.parent_uuid is not null or p.job <> 'run_pipeline')
        and not exists (select from dba.tfile f where f.run_uuid = p.run_uuid and f.status = 'refused')
        and not exists (select from dba.tdataset d where d.run_uuid = p.run_uuid and d.is_held_file)
        and not exists (select from dba.trun s where s.job = p.job and s.lock_key = p.lock_key
            and s.status = 'succeeded' and s.arguments !~ {runs.TRIAL_OPTIONS} and s.started_at > p.started_at))"""


def list_late(cursor: Cursor) -> list[dict[str, Any]]:
    """Return the newest due time of each import and label that no file has met, as the watchdog noted it."""
    return connections.fetch_rows(
        cursor,
        """select l.config_name, l.label, l.due_at, concat_ws('|', l.config_name, l.label, l.due_at) as key,
               (select max(f.created_at) from dba.tfile f where f.config_name = l.config_name) as newest_file_at
           from (select distinct on (config_name, label) * from dba.tlatefile
                 where due_at > now() - %s * interval '1 day' order by config_name, label, due_at desc) l
           join dba.timportconfig c on c.config_name = l.config_name and c.is_active
           where not exists (select from dba.tfile f where f.config_name = l.config_name
                   and l.label in ('', coalesce(f.label, '')) and f.created_at > l.due_at)
               and not exists (select from dba.tdismissal d where d.kind = 'late'
                   and d.key = concat_ws('|', l.config_name, l.label, l.due_at))
           order by l.due_at limit 20""",
        (ATTENTION_DAYS,),
    )

"""Query warnings of a run, a dataset, an import, and of the last days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# of one list on a page; the view dba.v_warning has all
MAX_ROWS = 100
_COLUMNS = """w.warned_at, w.job, w.config_name, w.code, w.text, w.file_name, w.label, w.dataset_date, w.file_id,
    w.dataset_id, w.run_uuid::text, w.sequence"""


def list_run_warnings(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """Return the warnings of a run and the runs it started, in order."""
    return connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from dba.v_warning w where w.run_uuid = any(
                select r.run_uuid from dba.trun r where r.root_uuid = %(run)s and r.parent_uuid = %(run)s
                union select %(run)s::uuid)
            order by w.warned_at, w.sequence limit {MAX_ROWS}""",
        {"run": run_uuid},
    )


def list_dataset_warnings(cursor: Cursor, dataset_id: int) -> list[dict[str, Any]]:
    """Return the warnings about a dataset or the files with its content, in order."""
    return connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from (
                select run_uuid, sequence from dba.twarning where dataset_id = %(id)s
                union select t.run_uuid, t.sequence from dba.twarning t join dba.tfile f using (file_id)
                where f.dataset_id = %(id)s) t
            join dba.v_warning w using (run_uuid, sequence)
            order by w.warned_at, w.sequence limit {MAX_ROWS}""",
        {"id": dataset_id},
    )


def list_import_warnings(cursor: Cursor, config_name: str) -> list[dict[str, Any]]:
    """Return the warnings of an import, newest first."""
    return connections.fetch_rows(
        cursor,
        f"""select {_COLUMNS} from (
                select * from dba.twarning where config_name = %s order by warned_at desc limit {MAX_ROWS}) t
            join dba.v_warning w using (run_uuid, sequence) order by w.warned_at desc, w.sequence desc""",
        (config_name,),
    )


def list_recent_warnings(cursor: Cursor, days: int = 7) -> list[dict[str, Any]]:
    """Return the warnings of the last days by import (or job) and code: count, last time and newest text."""
    return connections.fetch_rows(
        cursor,
        """select coalesce(w.config_name, w.job) as about, w.code, count(*)::integer as number,
               max(w.warned_at) as newest_at, (array_agg(w.text order by w.warned_at desc, w.sequence desc))[1] as text,
               (array_agg(w.run_uuid::text order by w.warned_at desc))[1] as run_uuid
           from dba.v_warning w where w.warned_at > now() - %s * interval '1 day' and not w.is_trial
           group by 1, 2 order by newest_at desc limit 20""",
        (days,),
    )

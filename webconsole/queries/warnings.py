"""Warnings: of a run and its steps, of a dataset and its file, of an import, and of the last days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

MOST = 100  # rows of one list on a page; the view has all
_COLUMNS = """w.warned_at, w.job, w.config_name, w.code, w.text, w.file_name, w.label, w.dataset_date, w.file_id,
    w.dataset_id, w.run_uuid::text, w.sequence"""


def of_run(cursor: Cursor, run_uuid: str) -> list[dict[str, Any]]:
    """What a run and the runs it started warned of, in order."""
    return connections.rows(
        cursor,
        f"""select {_COLUMNS} from dba.v_warning w where w.run_uuid = any(
                select r.run_uuid from dba.trun r where r.root_uuid = %(run)s and r.parent_uuid = %(run)s
                union select %(run)s::uuid)
            order by w.warned_at, w.sequence limit {MOST}""",
        {"run": run_uuid},
    )


def of_dataset(cursor: Cursor, dataset_id: int) -> list[dict[str, Any]]:
    """What was warned of about a dataset or the files that hold its content, in order."""
    return connections.rows(
        cursor,
        f"""select {_COLUMNS} from (
                select run_uuid, sequence from dba.twarning where dataset_id = %(id)s
                union select t.run_uuid, t.sequence from dba.twarning t join dba.tfile f using (file_id)
                where f.dataset_id = %(id)s) t
            join dba.v_warning w using (run_uuid, sequence)
            order by w.warned_at, w.sequence limit {MOST}""",
        {"id": dataset_id},
    )


def of_import(cursor: Cursor, config_name: str) -> list[dict[str, Any]]:
    """What the runs of an import warned of, newest first."""
    return connections.rows(
        cursor,
        f"""select {_COLUMNS} from (
                select * from dba.twarning where config_name = %s order by warned_at desc limit {MOST}) t
            join dba.v_warning w using (run_uuid, sequence) order by w.warned_at desc, w.sequence desc""",
        (config_name,),
    )


def lately(cursor: Cursor, days: int = 7) -> list[dict[str, Any]]:
    """The warnings of the last days by import (or job) and code: how many, when last, and the newest text."""
    return connections.rows(
        cursor,
        """select coalesce(w.config_name, w.job) as about, w.code, count(*)::integer as number,
               max(w.warned_at) as newest_at, (array_agg(w.text order by w.warned_at desc, w.sequence desc))[1] as text,
               (array_agg(w.run_uuid::text order by w.warned_at desc))[1] as run_uuid
           from dba.v_warning w where w.warned_at > now() - %s * interval '1 day' and not w.is_trial
           group by 1, 2 order by newest_at desc limit 20""",
        (days,),
    )

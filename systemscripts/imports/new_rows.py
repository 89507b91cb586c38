"""Load mode new_rows: insert only rows that the target does not have, compared by a hash of their text in the file.

The file is first copied into a temporary table, as fast as in every load; SQL does the rest. dba.tdatasetoverlap
records which datasets have the skipped rows, so that undoing one of them can load these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.imports import copy_rows
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.rejects import Rejects
from systemscripts.summary import Counts
from systemscripts.tables.lineage import LINEAGE, ROW_HASH

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

INCOMING_TABLE = "incoming_new_rows"


def insert_new_rows(cursor: Cursor, load: Load, advance: Callable[[int], None]) -> tuple[Counts, Rejects]:
    """Insert the records whose hash is not in the target; return the counts (repeated records are skipped)."""
    columns = [*LINEAGE, ROW_HASH, *load.plan.columns]
    parts = {
        "incoming": sql.Identifier("pg_temp", INCOMING_TABLE),
        "target": sql.Identifier(load.plan.schema, load.plan.table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
    }
    cursor.execute(sql.SQL("create temporary table {incoming} (like {target}) on commit drop").format(**parts))
    incoming = replace(load, plan=replace(load.plan, schema="pg_temp", table=INCOMING_TABLE))
    counts, rejects = copy_rows.copy_table(cursor, incoming, advance)
    cursor.execute(sql.SQL("analyze {incoming} (row_hash)").format(**parts))
    load.show(parts["incoming"])
    cursor.execute(sql.SQL(_DROP_LATER_TWINS).format(**parts))
    cursor.execute(sql.SQL(_NOTE_HOLDERS).format(**parts), (load.dataset_id, load.dataset_id))
    cursor.execute(sql.SQL(_INSERT).format(**parts))
    counts.loaded = cursor.rowcount
    counts.skipped = counts.read - counts.loaded - counts.rejected
    cursor.execute(sql.SQL("drop table {incoming}").format(**parts))
    return counts, rejects


def undo_new_rows(cursor: Cursor, schema: str, table: str, dataset_id: int) -> None:
    """Delete the rows of a dataset; others may have skipped rows because of it, see `find_dependents`."""
    target = sql.Identifier(schema, table)
    cursor.execute(sql.SQL("delete from {} where dataset_id = %s").format(target), (dataset_id,))
    cursor.execute("delete from dba.tdatasetoverlap where dataset_id = %s", (dataset_id,))


def find_dependents(cursor: Cursor, dataset_id: int) -> list[int]:
    """Return the valid datasets that skipped rows because this one has them, in the order of loading."""
    cursor.execute(
        """select o.dataset_id from dba.tdatasetoverlap o join dba.tdataset d using (dataset_id)
           where o.holder_id = %s and d.status <> 'undone' order by o.dataset_id""",
        (dataset_id,),
    )
    return [row[0] for row in cursor.fetchall()]


def delete_overlaps(cursor: Cursor, dataset_id: int) -> None:
    """Delete the record of which datasets skipped rows because of this one."""
    cursor.execute("delete from dba.tdatasetoverlap where holder_id = %s", (dataset_id,))


# The first of equal rows counts; ctid distinguishes rows with one line number, such as rows of two sheets. Sorting
# finds the later ones: joining twins with twins would take n * n steps for n equal rows.
_DROP_LATER_TWINS = """
    delete from {incoming} where ctid in (
        select ctid from (select ctid, row_number() over (partition by row_hash order by ctid) from {incoming}) twin
        where row_number > 1)"""
_NOTE_HOLDERS = """
    insert into dba.tdatasetoverlap (dataset_id, holder_id, rows)
    select %s, t.dataset_id, count(*) from {target} t join {incoming} i on i.row_hash = t.row_hash
    where t.dataset_id <> %s group by t.dataset_id
    on conflict (dataset_id, holder_id) do update set rows = dba.tdatasetoverlap.rows + excluded.rows"""
_INSERT = """
    insert into {target} ({columns}) select {columns} from {incoming} i
    where not exists (select from {target} t where t.row_hash = i.row_hash)"""

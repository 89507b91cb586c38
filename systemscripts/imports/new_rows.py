"""Load mode new_rows: insert only rows that the target does not have, compared by a hash of their text in the file.

The first file is copied straight into its target, and the index of hashes is built behind the rows: faster than to fill
it by them. Later ones are copied into a temporary table, and SQL inserts what is new. dba.tdatasetoverlap
records which datasets have the skipped rows, so that undoing one of them can load these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

import psycopg2.errors
from psycopg2 import sql

from systemscripts.imports import copy_rows
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.rejects import Rejects
from systemscripts.imports.target_plan import OWN_LEDGER, run_ddl
from systemscripts.summary import Counts
from systemscripts.tables.lineage import LINEAGE, ROW_HASH

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

INCOMING_TABLE = "incoming_new_rows"
COMPARED_TABLE = "compared_rows"
# Looking a hash up in the index takes as long as reading 16 rows of the target, measured in 1.6 million of them.
ROWS_PER_LOOKUP = 16


def insert_new_rows(cursor: Cursor, load: Load, advance: Callable[[int], None]) -> tuple[Counts, Rejects]:
    """Insert the records whose hash is not in the target; return the counts (repeated records are skipped)."""
    columns = [*LINEAGE, ROW_HASH, *load.plan.columns]
    parts = {
        "incoming": sql.Identifier("pg_temp", INCOMING_TABLE),
        "compared": sql.Identifier("pg_temp", COMPARED_TABLE),
        "target": sql.Identifier(load.plan.schema, load.plan.table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "new_columns": sql.SQL(", ").join(sql.Identifier("i", name) for name in columns),
        "ledger": sql.Identifier(load.plan.ledger),
    }
    insert = _fill_target if _is_new(cursor, parts["target"]) else _insert_unknown
    counts, rejects = insert(cursor, load, advance, parts)
    counts.skipped = counts.read - counts.loaded - counts.rejected
    return counts, rejects


def _is_new(cursor: Cursor, target: sql.Composable) -> bool:
    """Return whether a target has no rows and no index of hashes yet, and may get one."""
    cursor.execute(_MAY_GET_INDEX, (target.as_string(cursor),))
    if cursor.fetchone() == (False,):
        return False
    cursor.execute(sql.SQL("select not exists (select from {})").format(target))
    return cursor.fetchone() == (True,)


def _fill_target(
    cursor: Cursor, load: Load, advance: Callable[[int], None], parts: dict[str, sql.Composable]
) -> tuple[Counts, Rejects]:
    """Copy the records straight into a new target, and build its index of hashes behind them."""
    counts, rejects = copy_rows.copy_table(cursor, load, advance)
    load.show(parts["target"])
    cursor.execute("savepoint filled")
    try:
        _create_index(cursor, load)
    except psycopg2.errors.UniqueViolation:
        cursor.execute("rollback to savepoint filled; set local work_mem = '64MB'")
        cursor.execute(sql.SQL(_DELETE_TWINS).format(**parts))
        counts.loaded -= cursor.rowcount
        _create_index(cursor, load)
    return counts, rejects


def _create_index(cursor: Cursor, load: Load) -> None:
    """Create the index of hashes, and record that as all changes of a target are."""
    home = load.home or cursor
    home.execute("select config_name, run_uuid::text from dba.tdataset where dataset_id = %s", (load.dataset_id,))
    config_name, run_uuid = cast(tuple[str, str], home.fetchone())
    run_ddl(cursor, load.plan.index_of_hashes(), load.plan.name, config_name, run_uuid, load.file_id, load.home)


def _insert_unknown(
    cursor: Cursor, load: Load, advance: Callable[[int], None], parts: dict[str, sql.Composable]
) -> tuple[Counts, Rejects]:
    """Copy the records into a temporary table, and insert those that the target does not have."""
    cursor.execute(sql.SQL("create temporary table {incoming} (like {target}) on commit drop").format(**parts))
    incoming = replace(load, plan=replace(load.plan, schema="pg_temp", table=INCOMING_TABLE))
    counts, rejects = copy_rows.copy_table(cursor, incoming, advance)
    cursor.execute("set local work_mem = '64MB'")
    cursor.execute(sql.SQL(_ANALYZE).format(**parts))
    load.show(parts["incoming"])
    _compare_rows(cursor, counts.loaded, parts)
    cursor.execute(sql.SQL(_NOTE_HOLDERS).format(**parts), (load.dataset_id, load.dataset_id))
    cursor.execute(sql.SQL(_INSERT).format(**parts))
    counts.loaded = cursor.rowcount
    cursor.execute(sql.SQL("drop table {incoming}, {compared}").format(**parts))
    return counts, rejects


def _compare_rows(cursor: Cursor, rows: int, parts: dict[str, sql.Composable]) -> None:
    """List the first of equal incoming rows, each with the dataset that has it already; `rows`: how many come in.

    Of a target that is much larger the planner would read all rows for a long time before it looks them up.
    """
    cursor.execute(_IS_MUCH_LARGER, (rows * ROWS_PER_LOOKUP, parts["target"].as_string(cursor)))
    is_much_larger = cursor.fetchone() == (True,)
    if is_much_larger:
        cursor.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
    cursor.execute(sql.SQL(_COMPARE).format(**parts))
    if is_much_larger:
        cursor.execute("set local enable_hashjoin to default; set local enable_mergejoin to default")


def undo_new_rows(cursor: Cursor, target_table: str, dataset_id: int, ledger: str = OWN_LEDGER) -> None:
    """Delete the rows of a dataset; others may have skipped rows because of it, see `find_dependents`.

    `cursor`, `ledger`, here and below: of the database of the target, and the schema of the ledger there.
    """
    target = sql.Identifier(*target_table.rpartition("/")[2].split(".", 1))
    cursor.execute(sql.SQL("delete from {} where dataset_id = %s").format(target), (dataset_id,))
    delete_overlaps(cursor, dataset_id, ledger, "dataset_id")


def find_dependents(cursor: Cursor, dataset_id: int, ledger: str = OWN_LEDGER) -> list[int]:
    """Return the valid datasets that skipped rows because this one has them, in the order of loading."""
    cursor.execute(
        sql.SQL(
            """select o.dataset_id from {0}.tdatasetoverlap o join {0}.tdataset d using (dataset_id)
               where o.holder_id = %s and d.status <> 'undone' order by o.dataset_id"""
        ).format(sql.Identifier(ledger)),
        (dataset_id,),
    )
    return [row[0] for row in cursor.fetchall()]


def delete_overlaps(
    cursor: Cursor, dataset_id: int, ledger: str = OWN_LEDGER, side: Literal["holder_id", "dataset_id"] = "holder_id"
) -> None:
    """Delete the record of which datasets skipped rows because of this one, or of which it did."""
    statement = sql.SQL("delete from {} where {} = %s").format(
        sql.Identifier(ledger, "tdatasetoverlap"), sql.Identifier(side)
    )
    cursor.execute(statement, (dataset_id,))


# The number of rows decides the plan: a hash tells nothing, so a small sample will do.
_ANALYZE = "alter table {incoming} alter column row_hash set statistics 1; analyze {incoming} (row_hash)"
_HAS_INDEX = """exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = c.oid and i.indisvalid and i.indpred is null and a.attname = 'row_hash')"""
# Only the owner can create one, and only in a schema where it may create; of a partitioned table it would need the
# columns that divide it, too.
_MAY_GET_INDEX = f"""
    select coalesce(bool_or(c.relkind = 'r' and pg_has_role(c.relowner, 'usage')
        and has_schema_privilege(c.relnamespace, 'create') and not {_HAS_INDEX}), false)
    from pg_class c where c.oid = to_regclass(%s)"""
# The first of equal rows counts; ctid distinguishes rows with one line number, such as rows of two sheets.
_DELETE_TWINS = """
    delete from {target} where ctid in (
        select ctid from (select ctid, row_number() over (partition by row_hash order by ctid) from {target}) twin
        where row_number > 1)"""
# By the statistics, where there is an index to look hashes up.
_IS_MUCH_LARGER = f"select c.reltuples > %s from pg_class c where c.oid = to_regclass(%s) and {_HAS_INDEX}"
# The rows of a large target are looked up only once, in the order of the index: one page after the other.
_COMPARE = """
    create temporary table {compared} on commit drop as
    select i.place, t.dataset_id
    from (select distinct on (row_hash) row_hash, ctid as place from {incoming} order by row_hash, ctid) i
    left join {target} t on t.row_hash = i.row_hash"""
_NOTE_HOLDERS = """
    insert into {ledger}.tdatasetoverlap as o (dataset_id, holder_id, rows)
    select %s, dataset_id, count(*) from {compared} where dataset_id <> %s group by dataset_id
    on conflict (dataset_id, holder_id) do update set rows = o.rows + excluded.rows"""
# Rows are read again one page after the other; an array of all places would do so as well, but it ignores work_mem, and
# can have 1 GB at most. In the order of hashes their index is filled page by page: at random it takes twice as long.
_INSERT = """
    insert into {target} ({columns})
    select {new_columns}
    from (select place from {compared} where dataset_id is null order by place) c join {incoming} i on i.ctid = c.place
    order by i.row_hash"""

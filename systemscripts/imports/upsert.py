"""Load mode upsert: insert or update rows by key; the old row goes to dba.trowhistory in the same transaction.

The file is first copied into a temporary table, as fast as in every load; SQL does the rest. Undo deletes the rows of
the dataset and restores those before them from the history, newest dataset of the target first. Rows that are not
current (of an undone append, of an older snapshot) count as absent. Of several current rows with one key, which an
append may have left, the newest stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import TryLaterError
from systemscripts.imports import copy_rows
from systemscripts.imports.copy_rows import Load
from systemscripts.imports.rejects import Reject, Rejects, store_rejects
from systemscripts.imports.target_plan import OWN_LEDGER, Plan
from systemscripts.summary import Counts
from systemscripts.tables.lineage import LINEAGE
from systemscripts.tables.model import Table

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

INCOMING_TABLE = "incoming_rows"
CHANGES_TABLE = "changed_rows"
# An entry of a B-tree has at most 2,704 bytes (nbtree.h, BTMaxItemSize); the rest is for its header and alignment.
MAX_INDEX_ENTRY_BYTES = 2600
ENTRY_BYTES_PER_KEY = 16


def upsert_table(
    cursor: Cursor, load: Load, empty_keeps: bool, advance: Callable[[int], None]
) -> tuple[Counts, Rejects]:
    """Insert or update all records by the plan's key columns; return the counts (loaded: rows that changed something).

    `empty_keeps`: an empty field keeps the old value. Of several rows with one key the last counts. Skipped are rows
    that change nothing, earlier rows of one key, and rows that a later dataset wrote (`Rejects.overtaken`).
    """
    names = _Names(load.plan, empty_keeps, load.dataset_id, _find_current_of_other_modes(cursor, load))
    cursor.execute(names.sql("create temporary table {incoming} (like {target}) on commit drop"))
    incoming = replace(load, plan=replace(load.plan, schema="pg_temp", table=INCOMING_TABLE))
    counts, rejects = copy_rows.copy_table(cursor, incoming, advance)
    for rejected in (_reject_without_key(cursor, names, load), _reject_long_keys(cursor, names, load)):
        store_rejects(load.home or cursor, rejected, load.file_id, load.dataset_id)
        rejects.add(rejected)
    cursor.execute("set local work_mem = '64MB'")
    cursor.execute(names.sql("analyze {incoming} ({keys})"))
    load.show(names.parts["incoming"])
    cursor.execute(names.sql(_DROP_EARLIER_TWINS))
    rejects.overtaken = _remove_overtaken(cursor, names, load)
    counts.loaded = _apply_rows(cursor, names)
    counts.rejected = rejects.count
    counts.skipped = counts.read - counts.loaded - counts.rejected
    return counts, rejects


def _find_current_of_other_modes(cursor: Cursor, load: Load) -> list[int] | None:
    """Return the datasets whose rows count; None if all rows of the target do, as when only upserts loaded it."""
    target, ledger = (load.plan.name,), sql.Identifier(load.plan.ledger)
    cursor.execute(
        sql.SQL(
            """select exists (select from {}.tdataset
               where target_table = %s and load_mode in ('append', 'snapshot', 'new_rows'))"""
        ).format(ledger),
        target,
    )
    if cursor.fetchone() == (False,):
        return None
    cursor.execute(
        sql.SQL("select dataset_id from {}.v_current_dataset where target_table = %s").format(ledger), target
    )
    return [load.dataset_id, *(dataset_id for (dataset_id,) in cursor.fetchall())]


def _remove_overtaken(cursor: Cursor, names: _Names, load: Load) -> int:
    """Delete incoming rows that would overwrite rows of later datasets; return how many."""
    cursor.execute(names.sql(_LATER), (load.dataset_id,))
    later = [dataset_id for (dataset_id,) in cursor.fetchall()]
    if not later:
        return 0
    names.parts["later"] = sql.Literal(later)
    cursor.execute(names.sql(_OVERTAKEN))
    return cursor.rowcount


@contextmanager
def in_zone_of_history(cursor: Cursor) -> Iterator[None]:
    """Write keys and rows to dba.trowhistory in UTC, independent of the time zone of the installation."""
    cursor.execute("select current_setting('TimeZone')")
    zone: Any = cursor.fetchone()
    cursor.execute("set local time zone 'UTC'")
    yield
    cursor.execute("select set_config('TimeZone', %s, true)", zone)


def _apply_rows(cursor: Cursor, names: _Names) -> int:
    """Write the history and the rows; return how many rows were updated or inserted.

    Raises TryLaterError where another session wrote rows between their comparison and their update.
    """
    with in_zone_of_history(cursor):
        if names.folds:
            cursor.execute(names.sql(_FOLD_TWINS))
        cursor.execute(names.sql(_FIND_CHANGES))
        changed = cursor.rowcount
        cursor.execute(names.sql(_KEEP_OLD_ROWS))
    cursor.execute(names.sql(_UPDATE))
    updated = cursor.rowcount
    if updated != changed:
        target = names.parts["target"].as_string(cursor)
        raise TryLaterError(f"another session changed rows of {target} during the load", "The next run loads it.")
    cursor.execute(names.sql(_INSERT))
    return updated + cursor.rowcount


def _reject_without_key(cursor: Cursor, names: _Names, load: Load) -> list[Reject]:
    cursor.execute(names.sql("delete from {incoming} i where {no_key} returning i.source_row"))
    rows = {row for (row,) in cursor.fetchall()}
    columns = ", ".join(load.plan.key_columns)
    return [
        Reject(row, f"has no key: {columns} must not be empty", raw, columns)
        for row, raw in _read_raw_rows(load.table, rows)
    ]


def _reject_long_keys(cursor: Cursor, names: _Names, load: Load) -> list[Reject]:
    """Delete incoming rows whose key is too long for an index of the target or of dba.trowhistory (with names)."""
    columns = load.plan.key_columns
    around = sum(len(name.encode()) + ENTRY_BYTES_PER_KEY for name in [*columns, load.plan.name])
    limit = MAX_INDEX_ENTRY_BYTES - around
    cursor.execute(
        names.sql("delete from {incoming} i where {key_bytes} > %s returning i.source_row, {key_bytes}"), (limit,)
    )
    sizes: dict[int, int] = dict(cursor.fetchall())
    return [
        Reject(row, f"has a key of {sizes[row]:,} bytes ({', '.join(columns)}), the limit is {limit:,}", raw)
        for row, raw in _read_raw_rows(load.table, set(sizes))
    ]


def _read_raw_rows(table: Table, rows: set[int]) -> list[tuple[int, str]]:
    """Return some rows as they are in the file, which is read again for them."""
    raw_rows = []
    for block in table.blocks() if rows else ():
        for record, row in zip(block.records, block.rows, strict=True):
            if row in rows:
                raw_rows.append((row, record.decode(table.wire.encoding, "replace")))
    return raw_rows


def undo_upsert(cursor: Cursor, target_table: str, dataset_id: int, ledger: str = OWN_LEDGER) -> None:
    """Restore the rows that a dataset changed; it must be the newest upsert of its target.

    `cursor`, `ledger`: of the database of the target, and the schema of the ledger there.
    """
    mine = (dataset_id, target_table)
    target = sql.Identifier(*target_table.rpartition("/")[2].split(".", 1))
    # It inserted or changed every row with its number, so no join is needed: right after a load the database has no
    # statistics to plan one.
    cursor.execute(sql.SQL("delete from {} where dataset_id = %s").format(target), (dataset_id,))
    cursor.execute(
        sql.SQL(
            """insert into {0} select r.* from {1}.trowhistory h, jsonb_populate_record(null::{0}, h.old_row) r
               where h.dataset_id = %s and h.target_table = %s and h.old_row is not null"""
        ).format(target, sql.Identifier(ledger)),
        mine,
    )


class _Names:
    """The parts of the statements that depend on target and columns."""

    def __init__(self, plan: Plan, empty_keeps: bool, dataset_id: int, current: list[int] | None) -> None:
        # other load modes may leave several rows with one key
        self.folds = current is not None
        others = [name for name in plan.columns if name not in plan.key_columns]
        # a new time of loading does not change a row
        filled = plan.shape.filled
        kept = [name for name in others if filled.get(name) != "first_load_time"]
        others = [name for name in others if name not in filled]
        keys = plan.key_columns
        new = sql.SQL("coalesce(i.{0}, t.{0})" if empty_keeps else "i.{0}")
        lineage = [*map(sql.Identifier, LINEAGE)]
        self.parts: dict[str, sql.Composable] = {
            "incoming": sql.Identifier("pg_temp", INCOMING_TABLE),
            "changes": sql.Identifier("pg_temp", CHANGES_TABLE),
            "target": sql.Identifier(plan.schema, plan.table),
            "target_name": sql.Literal(plan.name),
            "ledger": sql.Identifier(plan.ledger),
            "dataset": sql.Literal(dataset_id),
            "counts": sql.SQL("true" if current is None else "t.dataset_id = any({})").format(sql.Literal(current)),
            "columns": sql.SQL(", ").join([*lineage, *map(sql.Identifier, plan.columns)]),
            "same_key": _join_for_each(" and ", "t.{0} = i.{0}", plan.key_columns),
            "keys": _join_for_each(", ", "{0}", plan.key_columns),
            "key_bytes": _join_for_each(" + ", "octet_length(i.{0}::text)", plan.key_columns),
            "no_key": _join_for_each(" or ", "i.{0} is null", plan.key_columns),
            "key": sql.SQL("jsonb_build_object({})").format(
                sql.SQL(", ").join(sql.SQL("{}, i.{}").format(sql.Literal(n), sql.Identifier(n)) for n in keys)
            ),
            "differs": sql.SQL(" or ").join(
                sql.SQL("t.{0} is distinct from {1}").format(sql.Identifier(name), new.format(sql.Identifier(name)))
                for name in others
            ) if others else sql.SQL("false"),
            "settings": sql.SQL(", ").join(
                [sql.SQL("{0} = i.{0}").format(name) for name in lineage]
                + [sql.SQL("{0} = {1}").format(name, new.format(name)) for name in map(sql.Identifier, kept)]
            ),
        }  # fmt: skip

    def sql(self, template: str) -> sql.Composed:
        """Return a statement with the names in place of `{keys}`, `{settings}` and the other parts."""
        return sql.SQL(template).format(**self.parts)


def _join_for_each(between: str, template: str, names: list[str]) -> sql.Composed:
    return sql.SQL(between).join(sql.SQL(template).format(sql.Identifier(name)) for name in names)


# Sorting finds them: joining twins with twins would take n * n steps for n rows with one key.
_DROP_EARLIER_TWINS = """
    delete from {incoming} where ctid in (
        select ctid from (select ctid, row_number() over (
            partition by {keys} order by source_row desc, ctid desc) from {incoming}) twin
        where row_number > 1)"""
_SAME = "{same_key} and {counts}"
# Of rows that this dataset itself loaded (rejected rows may follow later), the later line counts.
_CHANGES = f"{_SAME} and ({{differs}}) and (t.dataset_id <> i.dataset_id or t.source_row < i.source_row)"
# A later day, or a later stamp of the same import (those of two imports cannot be compared); else the file that came
# later, which is another one only where a held file is accepted after it: it counts from when it was held.
_LATER = """
    select d.dataset_id from {ledger}.tdataset n join {ledger}.tdataset d on d.target_table = n.target_table
    where n.dataset_id = %s and d.status = 'active' and d.dataset_id < n.dataset_id and coalesce(
        nullif(greatest(d.dataset_date, d.last_seen), n.dataset_date) > n.dataset_date,
        case when d.config_name = n.config_name and '' not in (d.stamp, n.stamp)
             then nullif(d.stamp, n.stamp) > n.stamp end,
        coalesce(d.held_dataset_id, d.dataset_id) > coalesce(n.held_dataset_id, n.dataset_id))"""
_OVERTAKEN = f"delete from {{incoming}} i using {{target}} t where {_CHANGES} and t.dataset_id = any({{later}})"
_FOLD_TWINS = """
    with twin as (
        select ctid, row_number() over (partition by {keys} order by dataset_id desc, source_row desc, ctid desc)
        from {target} t where {counts} and exists (select from {incoming} i where {same_key})),
    gone as (
        delete from {target} t using twin where t.ctid = twin.ctid and twin.row_number > 1 returning t.*)
    insert into {ledger}.trowhistory (target_table, dataset_id, previous_dataset_id, key, old_row)
    select {target_name}, {dataset}, i.dataset_id, {key}, to_jsonb(i.*) from gone i"""
# All columns of both tables are compared once; in a partitioned table a place alone does not name a row.
_FIND_CHANGES = f"""
    create temporary table {{changes}} on commit drop as
    select t.tableoid as part, t.ctid as old_place, i.ctid as new_place
    from {{target}} t join {{incoming}} i on {_CHANGES}"""
_CHANGED = "t.tableoid = c.part and t.ctid = c.old_place"
_KEEP_OLD_ROWS = f"""
    insert into {{ledger}}.trowhistory (target_table, dataset_id, previous_dataset_id, key, old_row)
    select {{target_name}}, {{dataset}}, t.dataset_id, {{key}}, to_jsonb(t.*)
    from {{changes}} c join {{incoming}} i on i.ctid = c.new_place join {{target}} t on {_CHANGED}
    where t.dataset_id <> i.dataset_id"""
_UPDATE = f"""
    update {{target}} t set {{settings}}
    from {{changes}} c join {{incoming}} i on i.ctid = c.new_place where {_CHANGED}"""
_INSERT = f"""
    insert into {{target}} ({{columns}}) select {{columns}} from {{incoming}} i
    where not exists (select from {{target}} t where {_SAME})"""

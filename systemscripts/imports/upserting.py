"""Load mode upsert: rows are inserted or updated by key; the old row goes to dba.trowhistory in the same transaction.

The file is copied into a table of this session first, by the same fast path as every load; SQL does the rest. Undo
restores from the history, newest dataset first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.imports import copying
from systemscripts.imports.copying import Load
from systemscripts.imports.rejects import Reject, Rejects, store
from systemscripts.imports.target import LINEAGE, Plan
from systemscripts.summary import Counts
from systemscripts.tables import Table

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

INCOMING = "incoming_rows"


def upsert_table(
    cursor: Cursor, load: Load, empty_keeps: bool, advance: Callable[[int], None]
) -> tuple[Counts, Rejects]:
    """Insert or update all records by the plan's key columns; returns the counts (loaded: rows that changed something).

    `empty_keeps`: an empty field keeps the old value. Of several rows with one key the last counts; rows that change
    nothing, and the earlier ones, are skipped.
    """
    names = _Names(load.made, empty_keeps)
    cursor.execute(names.sql("create temporary table {incoming} (like {target}) on commit drop"))
    incoming = replace(load, made=replace(load.made, schema="pg_temp", table=INCOMING))
    counts, rejects = copying.copy_table(cursor, incoming, advance)
    without_key = _reject_without_key(cursor, names, load.table)
    store(cursor, without_key, load.file_id, load.dataset_id)
    rejects.add(without_key)
    cursor.execute(names.sql("analyze {incoming}"))
    cursor.execute(names.sql(_DROP_EARLIER_TWINS))
    counts.loaded = _apply(cursor, names, load.dataset_id)
    counts.rejected = rejects.count
    counts.skipped = counts.read - counts.loaded - counts.rejected
    return counts, rejects


def _apply(cursor: Cursor, names: _Names, dataset_id: int) -> int:
    cursor.execute(names.sql(_KEEP_OLD_ROWS), (names.made.name, dataset_id))
    cursor.execute(names.sql(_UPDATE))
    updated = cursor.rowcount
    cursor.execute(names.sql(_NOTE_INSERTED), (names.made.name, dataset_id))
    cursor.execute(names.sql(_INSERT))
    return updated + cursor.rowcount


def _reject_without_key(cursor: Cursor, names: _Names, table: Table) -> list[Reject]:
    cursor.execute(names.sql("delete from {incoming} i where {no_key} returning i.source_row"))
    rows = {row for (row,) in cursor.fetchall()}
    columns = ", ".join(names.made.key_columns)
    return [Reject(row, f"has no key: {columns} must not be empty", raw, columns) for row, raw in _raw(table, rows)]


def _raw(table: Table, rows: set[int]) -> list[tuple[int, str]]:
    """Some rows as they stand in the file; it is read once more for them."""
    found = []
    for block in table.blocks() if rows else ():
        for record, row in zip(block.records, block.rows, strict=True):
            if row in rows:
                found.append((row, record.decode(table.wire.encoding, "replace")))
    return found


def undo(cursor: Cursor, schema: str, table: str, dataset_id: int) -> None:
    """Bring the rows that a dataset changed back to what they were; it must be the newest of its import."""
    mine = (dataset_id, f"{schema}.{table}")
    cursor.execute("select from dba.trowhistory where dataset_id = %s and target_table = %s limit 1", mine)
    if cursor.fetchone() is None:
        return
    target = sql.Identifier(schema, table)
    # Every row that carries its number has an entry in the history, so nothing is joined: right after a load the
    # database has no statistics that would tell it how.
    cursor.execute(sql.SQL("delete from {} where dataset_id = %s").format(target), (dataset_id,))
    cursor.execute(
        sql.SQL(
            """insert into {0} select r.* from dba.trowhistory h, jsonb_populate_record(null::{0}, h.old_row) r
               where h.dataset_id = %s and h.target_table = %s and h.old_row is not null"""
        ).format(target),
        mine,
    )


class _Names:
    """The parts of the statements that depend on target and columns."""

    def __init__(self, made: Plan, empty_keeps: bool) -> None:
        self.made = made
        others = [name for name in made.columns if name not in made.key_columns]
        filled = made.shape.filled  # a time of loading makes no row another one
        kept = [name for name in others if filled.get(name) != "first_load_time"]
        others = [name for name in others if name not in filled]
        keys = made.key_columns
        new = sql.SQL("coalesce(i.{0}, t.{0})" if empty_keeps else "i.{0}")
        lineage = [*map(sql.Identifier, LINEAGE)]
        self.parts: dict[str, sql.Composable] = {
            "incoming": sql.Identifier("pg_temp", INCOMING),
            "target": sql.Identifier(made.schema, made.table),
            "columns": sql.SQL(", ").join([*lineage, *map(sql.Identifier, made.columns)]),
            "same_key": _each(" and ", "t.{0} = i.{0}", made.key_columns),
            "keys": _each(", ", "{0}", made.key_columns),
            "no_key": _each(" or ", "i.{0} is null", made.key_columns),
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
        return sql.SQL(template).format(**self.parts)


def _each(between: str, template: str, names: list[str]) -> sql.Composed:
    return sql.SQL(between).join(sql.SQL(template).format(sql.Identifier(name)) for name in names)


# one sort finds them: twins joined with twins would take a file of n rows of one key n * n steps
_DROP_EARLIER_TWINS = """
    delete from {incoming} where ctid in (
        select ctid from (select ctid, row_number() over (
            partition by {keys} order by source_row desc, ctid desc) from {incoming}) twin
        where row_number > 1)"""
# of rows that this very dataset has put there (rejected rows come in later), the later line counts
_CHANGES = "{same_key} and ({differs}) and (t.dataset_id <> i.dataset_id or t.source_row < i.source_row)"
_KEEP_OLD_ROWS = f"""
    insert into dba.trowhistory (target_table, dataset_id, previous_dataset_id, key, old_row)
    select %s, %s, t.dataset_id, {{key}}, to_jsonb(t) from {{target}} t join {{incoming}} i on {_CHANGES}
    where t.dataset_id <> i.dataset_id"""
_UPDATE = f"update {{target}} t set {{settings}} from {{incoming}} i where {_CHANGES}"
_NOTE_INSERTED = """
    insert into dba.trowhistory (target_table, dataset_id, key)
    select %s, %s, {key} from {incoming} i where not exists (select from {target} t where {same_key})"""
_INSERT = """
    insert into {target} ({columns}) select {columns} from {incoming} i
    where not exists (select from {target} t where {same_key})"""

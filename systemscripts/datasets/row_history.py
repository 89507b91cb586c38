"""Compare a dataset of an upsert import with the rows before it, which are kept in dba.trowhistory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, Value, load_headers

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def find_changes(
    cursor: Cursor, dataset: Dataset, key_columns: Sequence[str], at_most: int | None = None
) -> Comparison:
    """Return the rows that one dataset inserted or updated, by key and without their cells. An upsert removes none.

    `key_columns`: as configured now, for a dataset of which the history has no row. `at_most`: how many rows of each
    kind to read; the others are counted.
    """
    comparison = Comparison(None, dataset)
    keys = _find_key_columns(cursor, dataset) or [name for name in key_columns if name in dataset.columns]
    if not keys:
        return comparison
    cursor.execute("set local work_mem = '64MB'")
    if at_most is not None:
        comparison.numbers = _count_changes(cursor, dataset)
    if comparison.count("added") or at_most is None:
        cursor.execute(_build_inserted(cursor, dataset, keys, at_most))
        comparison.added += [Row(_name_key(key), {}) for (key,) in cursor]
    headers, columns = load_headers(cursor, dataset), sorted(dataset.columns)
    cursor.execute(_build_statement(cursor, dataset, keys, columns), (dataset.dataset_id, at_most))
    for key, old, new in cursor:
        values = [
            Value(column, headers.get(column) or column, before, after)
            for column, before, after in zip(columns, old, new, strict=True)
            if before != after
        ]
        comparison.changed.append(Row(_name_key(key), {}, values))
    return comparison


def _count_changes(cursor: Cursor, dataset: Dataset) -> dict[str, int]:
    """Return how many rows were inserted and changed: what was not changed of what it wrote was inserted."""
    cursor.execute(
        sql.SQL(_COUNTS).format(table=dataset.table, target=sql.Literal(dataset.target_table)),
        {"number": dataset.dataset_id},
    )
    [(written, replaced, changed, keys)] = cursor.fetchall()
    return {"added": written + replaced - keys, "changed": changed}


def _name_key(key: dict[str, object]) -> str:
    return " / ".join(str(value) for value in key.values())


def _find_key_columns(cursor: Cursor, dataset: Dataset) -> list[str]:
    """Return the key columns with which the dataset was loaded, [] where the history does not tell."""
    cursor.execute(
        "select key from dba.trowhistory where dataset_id = %s order by row_history_id limit 1", (dataset.dataset_id,)
    )
    first = cursor.fetchone()
    return list(first[0]) if first else []


def _build_inserted(cursor: Cursor, dataset: Dataset, key_columns: list[str], at_most: int | None) -> sql.Composed:
    """Return the query for the keys of the inserted rows: all that the dataset wrote, except those that it changed."""
    kept = _read_in_zone(cursor, dataset)
    literals = [sql.Literal(name) for name in key_columns]
    old_keys = [sql.SQL("{0}, n.key -> {0}").format(name) for name in literals]
    new_keys = [sql.SQL("{}, t.{}").format(sql.Literal(name), sql.Identifier(name)) for name in key_columns]
    return sql.SQL(_INSERTED if at_most is None else _FIRST_INSERTED).format(
        table=dataset.table,
        target=sql.Literal(dataset.target_table),
        dataset=sql.Literal(dataset.dataset_id),
        kept_key=kept.format(sql.SQL("h.key")),
        old_key=sql.SQL(", ").join(old_keys),
        new_key=sql.SQL(", ").join(new_keys),
        limit=sql.Literal(at_most),
    )


def _read_in_zone(cursor: Cursor, dataset: Dataset) -> sql.SQL:
    """Return the SQL around a key or row of the history: the text of a moment depends on the time zone."""
    if _has_moments(cursor, dataset):
        return sql.SQL(f"to_jsonb(jsonb_populate_record(null::{dataset.table.as_string(cursor)}, {{}}))")
    return sql.SQL("{}")


def _build_statement(cursor: Cursor, dataset: Dataset, key_columns: list[str], columns: list[str]) -> sql.Composed:
    """Return the query for keys with their cells before and after; the next change's old row is what this one left."""
    kept = _read_in_zone(cursor, dataset)
    later: sql.Composable = sql.SQL("")
    after: sql.Composable = sql.SQL("to_jsonb(t.*)")
    if _has_later_changes(cursor, dataset):
        old_row = kept.format(sql.SQL("later.old_row"))
        later, after = sql.SQL(_LATER), sql.SQL("coalesce({}, to_jsonb(t.*))").format(old_row)
    names = [sql.Identifier(name) for name in key_columns]
    key = kept.format(sql.SQL("h.key"))
    parts = {
        "key": sql.SQL(", ").join(sql.SQL("{0}, {1} -> {0}").format(sql.Literal(name), key) for name in key_columns),
        "same_key": sql.SQL(" and ").join(sql.SQL("t.{0} = k.{0}").format(name) for name in names),
        "before": kept.format(sql.SQL("h.old_row")),
        "after": after,
        "later": later,
    }
    texts = {
        name: sql.SQL(", ").join(
            sql.SQL("coalesce(n.{} ->> {}, '')").format(sql.Identifier(name), sql.Literal(column)) for column in columns
        )
        for name in ("old_row", "new_row")
    }
    return sql.SQL(_HISTORY).format(table=dataset.table, **parts, **texts)


def _has_moments(cursor: Cursor, dataset: Dataset) -> bool:
    cursor.execute(
        """select exists (select from pg_attribute
           where attrelid = to_regclass(%s) and atttypid in ('timestamptz'::regtype, 'timetz'::regtype))""",
        (dataset.table.as_string(cursor),),
    )
    return cursor.fetchone() == (True,)


def _has_later_changes(cursor: Cursor, dataset: Dataset) -> bool:
    cursor.execute(
        """select exists (select from dba.trowhistory n where n.target_table = %s and n.row_history_id > (
               select max(h.row_history_id) from dba.trowhistory h where h.dataset_id = %s))""",
        (dataset.target_table, dataset.dataset_id),
    )
    return cursor.fetchone() == (True,)


# What it wrote is still in the target, or was replaced by a later dataset. Entries without an old row are of inserted
# rows, which were noted too before December 2026.
_INSERTED = """
with written as (
    select jsonb_build_object({new_key}) as key, t.source_row from {table} t where t.dataset_id = {dataset}
    union all
    select jsonb_build_object({old_key}), (h.old_row ->> 'source_row')::integer
    from dba.trowhistory h cross join lateral (select {kept_key} as key offset 0) n
    where h.previous_dataset_id = {dataset} and h.target_table = {target} and h.old_row is not null),
changed as (
    select distinct jsonb_build_object({old_key}) as key
    from dba.trowhistory h cross join lateral (select {kept_key} as key offset 0) n
    where h.dataset_id = {dataset} and h.old_row is not null)
select w.key from written w left join changed c on c.key = w.key where c.key is null
group by w.key order by min(w.source_row)"""
# Some of them, read no further than that; the history has an index on the keys of what a dataset changed.
_FIRST_INSERTED = """
with written as (
    (select jsonb_build_object({new_key}) as key from {table} t where t.dataset_id = {dataset}
        and not exists (select from dba.trowhistory c where c.target_table = {target} and c.old_row is not null
            and c.key = jsonb_build_object({new_key}) and c.dataset_id = {dataset})
     limit {limit})
    union all
    (select jsonb_build_object({old_key})
     from dba.trowhistory h cross join lateral (select {kept_key} as key offset 0) n
     where h.previous_dataset_id = {dataset} and h.target_table = {target} and h.old_row is not null
        and not exists (select from dba.trowhistory c where c.target_table = {target} and c.old_row is not null
            and c.key = h.key and c.dataset_id = {dataset})
     limit {limit}))
select key from written limit {limit}"""
_COUNTS = """
select (select count(*) from {table} t where t.dataset_id = %(number)s),
       (select count(*) from dba.trowhistory h
        where h.previous_dataset_id = %(number)s and h.target_table = {target} and h.old_row is not null),
       (select count(*) from dba.trowhistory h where h.dataset_id = %(number)s and h.old_row is not null),
       (select count(*) from (
            select h.key from dba.trowhistory h where h.dataset_id = %(number)s and h.old_row is not null
            group by h.key) k)"""
# The key is read into the target's own types, so that its index can be used. "offset 0": a row is converted to JSON
# once, not once for each of its columns.
_HISTORY = """
select jsonb_build_object({key}), array[{old_row}]::text[], array[{new_row}]::text[]
from (select * from dba.trowhistory
      where dataset_id = %s and old_row is not null order by row_history_id limit %s) h
cross join lateral jsonb_populate_record(null::{table}, h.key) k
{later}
left join {table} t on {same_key}
cross join lateral (select {before} as old_row, {after} as new_row offset 0) n
order by h.row_history_id"""
_LATER = """
left join lateral (
    select n.old_row from dba.trowhistory n
    where n.old_row is not null and n.target_table = h.target_table and n.key = h.key
        and n.dataset_id > h.dataset_id
    order by n.row_history_id limit 1) later on true"""

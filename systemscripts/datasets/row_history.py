"""Compare a dataset of an upsert import with the rows before it, which are kept in dba.trowhistory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, Value, load_headers

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def find_changes(cursor: Cursor, dataset: Dataset) -> Comparison:
    """Return the rows that one dataset inserted or updated, by key and without their cells. An upsert removes none."""
    comparison = Comparison(None, dataset)
    cursor.execute(
        "select key from dba.trowhistory where dataset_id = %s order by row_history_id limit 1", (dataset.dataset_id,)
    )
    first = cursor.fetchone()
    if first is None:
        return comparison
    headers, columns = load_headers(cursor, dataset), sorted(dataset.columns)
    cursor.execute("set local work_mem = '64MB'")
    cursor.execute(_build_statement(cursor, dataset, list(first[0]), columns), (dataset.dataset_id,))
    for key, old, new in cursor:
        name = " / ".join(str(value) for value in key.values())
        if old is None:
            comparison.added.append(Row(name, {}))
            continue
        values = [
            Value(column, headers.get(column) or column, before, after)
            for column, before, after in zip(columns, old, new, strict=True)
            if before != after
        ]
        comparison.changed.append(Row(name, {}, values))
    return comparison


def _build_statement(cursor: Cursor, dataset: Dataset, key_columns: list[str], columns: list[str]) -> sql.Composed:
    """Return the query for keys with their cells before and after; the next change's old row is what this one left."""
    kept = sql.SQL("{}")
    # the text of a moment depends on the time zone
    if _has_moments(cursor, dataset):
        kept = sql.SQL(f"to_jsonb(jsonb_populate_record(null::{dataset.table.as_string(cursor)}, {{}}))")
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


# The key is read into the target's own types, so that its index can be used; for an added row only the key is needed.
# "offset 0": a row is converted to JSON once, not once for each of its columns.
_HISTORY = """
select jsonb_build_object({key}), case when h.old_row is not null then array[{old_row}]::text[] end,
       case when h.old_row is not null then array[{new_row}]::text[] end
from dba.trowhistory h
cross join lateral jsonb_populate_record(
    null::{table}, case when h.old_row is not null then h.key end) k
{later}
left join {table} t on {same_key}
cross join lateral (select {before} as old_row, {after} as new_row offset 0) n
where h.dataset_id = %s
order by h.row_history_id"""
_LATER = """
left join lateral (
    select n.old_row from dba.trowhistory n
    where h.old_row is not null and n.old_row is not null and n.target_table = h.target_table and n.key = h.key
        and n.dataset_id > h.dataset_id
    order by n.row_history_id limit 1) later on true"""

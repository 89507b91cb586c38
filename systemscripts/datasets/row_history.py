"""What a dataset of an upsert import changed: the rows that dba.trowhistory kept, against what came after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, Value, headers_of

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


def changes_of(cursor: Cursor, dataset: Dataset) -> Comparison:
    """Return the rows that one dataset inserted or updated, by key and without their cells. An upsert removes none."""
    made = Comparison(None, dataset)
    cursor.execute(
        "select key from dba.trowhistory where dataset_id = %s order by row_history_id limit 1", (dataset.dataset_id,)
    )
    first = cursor.fetchone()
    if first is None:
        return made
    headers, columns = headers_of(cursor, dataset), sorted(dataset.columns)
    cursor.execute("set local work_mem = '64MB'")
    cursor.execute(_statement(cursor, dataset, list(first[0]), columns), (dataset.dataset_id,))
    for key, old, new in cursor:
        name = " / ".join(str(value) for value in key.values())
        if old is None:
            made.added.append(Row(name, {}))
            continue
        values = [
            Value(column, headers.get(column) or column, before, after)
            for column, before, after in zip(columns, old, new, strict=True)
            if before != after
        ]
        made.changed.append(Row(name, {}, values))
    return made


def _statement(cursor: Cursor, dataset: Dataset, key_columns: list[str], columns: list[str]) -> sql.Composed:
    """Return the query for keys with their cells before and after; what the next change found is what this one left."""
    later, after = sql.SQL(""), sql.SQL("to_jsonb(t)")
    if _has_later_changes(cursor, dataset):
        later, after = sql.SQL(_LATER), sql.SQL("coalesce(later.old_row, to_jsonb(t))")
    same_key = sql.SQL(" and ").join(sql.SQL("t.{0} = k.{0}").format(sql.Identifier(name)) for name in key_columns)
    texts = {
        name: sql.SQL(", ").join(
            sql.SQL("coalesce({} ->> {}, '')").format(row, sql.Literal(column)) for column in columns
        )
        for name, row in (("old_texts", sql.SQL("h.old_row")), ("new_texts", sql.SQL("n.new_row")))
    }
    return sql.SQL(_HISTORY).format(table=dataset.table, same_key=same_key, later=later, after=after, **texts)


def _has_later_changes(cursor: Cursor, dataset: Dataset) -> bool:
    cursor.execute(
        """select exists (select from dba.trowhistory n where n.target_table = %s and n.row_history_id > (
               select max(h.row_history_id) from dba.trowhistory h where h.dataset_id = %s))""",
        (dataset.target_table, dataset.dataset_id),
    )
    return cursor.fetchone() == (True,)


# The key is read into the target's own types, so that the target's index on it can be followed; of a row that was
# added only the key is asked for. "offset 0": a row becomes JSON once, not once for each of its columns.
_HISTORY = """
select h.key, case when h.old_row is not null then array[{old_texts}]::text[] end,
       case when h.old_row is not null then array[{new_texts}]::text[] end
from dba.trowhistory h
cross join lateral jsonb_populate_record(
    null::{table}, case when h.old_row is not null then h.key end) k
{later}
left join {table} t on {same_key}
cross join lateral (select {after} as new_row offset 0) n
where h.dataset_id = %s
order by h.row_history_id"""
_LATER = """
left join lateral (
    select n.old_row from dba.trowhistory n
    where h.old_row is not null and n.target_table = h.target_table and n.key = h.key
        and n.row_history_id > h.row_history_id
    order by n.row_history_id limit 1) later on true"""

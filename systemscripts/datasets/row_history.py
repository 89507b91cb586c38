"""What a dataset of an upsert import changed: the rows that dba.trowhistory kept, against what came after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, differing, headers_of

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

LINEAGE = ("dataset_id", "source_row")


def changes_of(cursor: Cursor, dataset: Dataset) -> Comparison:
    """The rows that one dataset inserted or updated. An upsert removes none."""
    made = Comparison(None, dataset)
    cursor.execute("select key from dba.trowhistory where dataset_id = %s limit 1", (dataset.dataset_id,))
    first = cursor.fetchone()
    if first is None:
        return made
    headers = headers_of(cursor, dataset)
    same_key = sql.SQL(" and ").join(
        sql.SQL("t.{0}::text = h.key ->> {1}").format(sql.Identifier(name), sql.Literal(name)) for name in first[0]
    )
    cursor.execute(
        sql.SQL(_HISTORY).format(table=dataset.table, same_key=same_key), (dataset.dataset_id, list(LINEAGE))
    )
    for key, old, new in cursor.fetchall():
        name = " / ".join(str(value) for value in key.values())
        if old is None:
            made.added.append(Row(name, new or {}))
        else:
            made.changed.append(
                Row(name, new or {}, differing(old, new or {}, _compared(old, new or {}, dataset), headers))
            )
    return made


def _compared(old: dict[str, str], new: dict[str, str], dataset: Dataset) -> list[str]:
    """What the file held; the times that a load fills in by itself are no change."""
    return sorted({*old, *new} & set(dataset.columns))


_AS_TEXT = """(
    select jsonb_object_agg(e.key, coalesce(e.value, '')) from jsonb_each_text({}) e where e.key <> all(w.lineage))"""
# What a dataset left is what the next one that touched the row found, else what is there now.
_HISTORY = f"""
with w as (select %s::integer as dataset_id, %s::text[] as lineage)
select h.key, {_AS_TEXT.format("h.old_row")}, {_AS_TEXT.format("coalesce(later.old_row, to_jsonb(t))")}
from w join dba.trowhistory h using (dataset_id)
left join lateral (
    select n.old_row from dba.trowhistory n
    where n.target_table = h.target_table and n.key = h.key and n.row_history_id > h.row_history_id
    order by n.row_history_id limit 1) later on true
left join {{table}} t on {{same_key}}
order by h.row_history_id"""

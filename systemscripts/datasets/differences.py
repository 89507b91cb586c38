"""Two datasets of one target, compared by key.

SQL compares. Rows that are alike in all columns both datasets have pair first; of the rest those with the same key pair
in their order, which is how a key that occurs twice is told apart. Rows without a key are compared whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, cells, differing, headers_of, text_of

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

SEPARATOR = "\x1f"  # between the parts of a key; ASCII's own for this


def compare(cursor: Cursor, before: Dataset, after: Dataset, key_columns: Sequence[str]) -> Comparison:
    """Compare two datasets of one target by key.

    `key_columns`: as configured; `ticker|company_name` takes the first of these that is not empty. A column that only
    one of the two has neither changes a row nor names one.
    """
    headers = headers_of(cursor, before) | headers_of(cursor, after)
    common = [name for name in after.columns if name in set(before.columns)]
    made = Comparison(before, after)
    made.new_columns = [headers.get(name) or name for name in after.columns if name not in before.columns]
    made.gone_columns = [headers.get(name) or name for name in before.columns if name not in after.columns]
    parts = _parts(before, after, common, key_columns)
    cursor.execute(sql.SQL(_DIFFERENCES).format(**parts))
    for key, old, new in cursor.fetchall():
        _add(made, key.replace(SEPARATOR, " / "), old, new, common, headers)
    cursor.execute(sql.SQL(_TWINS).format(**parts))
    made.twins = [key.replace(SEPARATOR, " / ") for (key,) in cursor.fetchall()]
    return made


def _add(
    made: Comparison, key: str, old: dict[str, str] | None, new: dict[str, str] | None, common: list[str],
    headers: dict[str, str],
) -> None:  # fmt: skip
    if old is None:
        made.added.append(Row(key, new or {}))
    elif new is None:
        made.removed.append(Row(key, old))
    else:
        made.changed.append(Row(key, new, differing(old, new, common, headers)))


def _parts(before: Dataset, after: Dataset, common: list[str], key_columns: Sequence[str]) -> dict[str, sql.Composable]:
    old_content: sql.Composable = sql.SQL("'before'")  # with nothing to compare by, all rows are others
    new_content: sql.Composable = sql.SQL("'after'")
    if common:
        texts = sql.SQL(", ").join(map(text_of, common))
        old_content = new_content = sql.SQL("(select c from (select {}) c)::text").format(texts)
    return {
        "table": before.table,
        "before": sql.Literal(before.dataset_id),
        "after": sql.Literal(after.dataset_id),
        "key": _key(key_columns, common),
        "old_content": old_content,
        "new_content": new_content,
        "old_cells": cells(before.columns),
        "new_cells": cells(after.columns),
    }


def _key(key_columns: Sequence[str], common: list[str]) -> sql.Composable:
    """The expression that names a row: "" where it has no key."""
    elements = []
    for element in key_columns:
        names = [name for name in element.split("|") if name in common]
        if names:
            alternatives = [sql.SQL("nullif(btrim({}), '')").format(text_of(name)) for name in names]
            elements.append(sql.SQL("coalesce({}, '')").format(sql.SQL(", ").join(alternatives)))
    if not elements:
        return sql.SQL("''")
    separator = sql.Composed([sql.SQL(" || "), sql.Literal(SEPARATOR), sql.SQL(" || ")])
    whole = sql.Composed([part for element in elements for part in (separator, element)][1:])
    return sql.SQL("case when concat({}) = '' then '' else {} end").format(sql.SQL(", ").join(elements), whole)


_DIFFERENCES = """
with old_rows as materialized (
    select r.*, row_number() over (partition by r.key, r.content order by r.source_row) as twin
    from (select t.ctid as place, t.source_row, {key} as key, {old_content} as content
          from {table} t where t.dataset_id = {before}) r),
new_rows as materialized (
    select r.*, row_number() over (partition by r.key, r.content order by r.source_row) as twin
    from (select t.ctid as place, t.source_row, {key} as key, {new_content} as content
          from {table} t where t.dataset_id = {after}) r),
old_rest as (
    -- rows without a key get numbers that meet no other
    select o.*, row_number() over (partition by o.key order by o.source_row)
                * case when o.key = '' then -1 else 1 end as nth
    from old_rows o where not exists (
        select from new_rows n where n.key = o.key and n.content = o.content and n.twin = o.twin)),
new_rest as (
    select n.*, row_number() over (partition by n.key order by n.source_row) as nth
    from new_rows n where not exists (
        select from old_rows o where o.key = n.key and o.content = n.content and o.twin = n.twin))
select coalesce(n.key, o.key),
       (select {old_cells} from {table} t where t.ctid = o.place),
       (select {new_cells} from {table} t where t.ctid = n.place)
from old_rest o full join new_rest n on n.key = o.key and n.nth = o.nth
order by coalesce(n.source_row, o.source_row), o.source_row"""
_TWINS = """
select distinct r.key from (
    select t.dataset_id, {key} as key from {table} t where t.dataset_id in ({before}, {after})) r
where r.key <> '' group by r.dataset_id, r.key having count(*) > 1 order by r.key"""

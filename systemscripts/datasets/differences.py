"""Compare two datasets of one target by key, in SQL.

Rows that are equal in all columns that both datasets have are paired first; of the others those with the same key, in
their order, so that repeated keys do not mix. Rows without a key are compared as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, Value, cell_as_text, load_headers, row_as_array

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# between the parts of a key: ASCII's unit separator
SEPARATOR = "\x1f"


def compare_datasets(
    cursor: Cursor, before: Dataset, after: Dataset, key_columns: Sequence[str], whole_rows: bool = True
) -> Comparison:
    """Compare two datasets of one target by key.

    `key_columns`: as configured; `ticker|company_name` is the first of these that is not empty. A column that only one
    of the two has does not change a row and is not part of the key. `whole_rows`: keep the cells of every row;
    otherwise only of rows without a key, which nothing else identifies.
    """
    headers = load_headers(cursor, before) | load_headers(cursor, after)
    indexes_before = {name: index for index, name in enumerate(before.columns)}
    indexes_after = {name: index for index, name in enumerate(after.columns)}
    common = [name for name in after.columns if name in indexes_before]
    comparison = Comparison(before, after)
    comparison.new_columns = [headers.get(name) or name for name in after.columns if name not in indexes_before]
    comparison.gone_columns = [headers.get(name) or name for name in before.columns if name not in indexes_after]
    parts = _build_parts(before, after, common, key_columns)
    # sorts a dataset of usual size in memory, a huge one on disk
    cursor.execute("set local work_mem = '64MB'")
    cursor.execute(sql.SQL(_DIFFERENCES).format(**parts))
    compared = [(indexes_before[name], indexes_after[name], name, headers.get(name) or name) for name in common]
    for key, old, new in cursor:
        name = key.replace(SEPARATOR, " / ")
        keeps_cells = whole_rows or not name
        if old is None:
            comparison.added.append(Row(name, _name_cells(after, new) if keeps_cells else {}))
        elif new is None:
            comparison.removed.append(Row(name, _name_cells(before, old) if keeps_cells else {}))
        else:
            values = [
                Value(column, header, old[from_index], new[to_index])
                for from_index, to_index, column, header in compared
                if old[from_index] != new[to_index]
            ]
            comparison.changed.append(Row(name, _name_cells(after, new) if keeps_cells else {}, values))
    cursor.execute(sql.SQL(_TWINS).format(**parts))
    comparison.twins = [key.replace(SEPARATOR, " / ") for (key,) in cursor.fetchall()]
    return comparison


def _name_cells(dataset: Dataset, texts: list[str]) -> dict[str, str]:
    return dict(zip(dataset.columns, texts, strict=True))


def _build_parts(
    before: Dataset, after: Dataset, common: list[str], key_columns: Sequence[str]
) -> dict[str, sql.Composable]:
    old_content: sql.Composable = sql.SQL("'before'")
    new_content: sql.Composable = sql.SQL("'after'")
    if common:
        texts = sql.SQL(", ").join(map(cell_as_text, common))
        old_content = new_content = sql.SQL("row({})::text").format(texts)
    return {
        "table": before.table,
        "before": sql.Literal(before.dataset_id),
        "after": sql.Literal(after.dataset_id),
        "key": _build_key(key_columns, common),
        "old_content": old_content,
        "new_content": new_content,
        "old_cells": row_as_array(before.columns),
        "new_cells": row_as_array(after.columns),
    }


def _build_key(key_columns: Sequence[str], common: list[str]) -> sql.Composable:
    """Return the expression for the key of a row, which is "" for none."""
    elements = []
    for element in key_columns:
        names = [name for name in element.split("|") if name in common]
        if names:
            alternatives = [sql.SQL("nullif(btrim({}), '')").format(cell_as_text(name)) for name in names]
            elements.append(sql.SQL("coalesce({}, '')").format(sql.SQL(", ").join(alternatives)))
    if not elements:
        return sql.SQL("''")
    separator = sql.Composed([sql.SQL(" || "), sql.Literal(SEPARATOR), sql.SQL(" || ")])
    whole = sql.Composed([part for element in elements for part in (separator, element)][1:])
    return sql.SQL("case when concat({}) = '' then '' else {} end").format(sql.SQL(", ").join(elements), whole)


# No joins: without statistics, which a table lacks right after its load, their plan could be quadratic. Sorting and
# counting cost the same with any plan.
_DIFFERENCES = """
with both_datasets as (
    select t.ctid as place, t.source_row, t.dataset_id = {after} as is_new, ({key}) collate "C" as key,
           md5(case when t.dataset_id = {after} then {new_content} else {old_content} end)::uuid as content
    from {table} t where t.dataset_id in ({before}, {after})),
twins as (
    select b.*, row_number() over (partition by key, content, is_new order by source_row) as twin
    from both_datasets b),
pairs as (
    select w.*, count(*) over (partition by key, content, twin) as alike from twins w),
others as (
    -- rows without a key get numbers that meet no other
    select p.*, row_number() over (partition by key, is_new order by source_row)
                * case when key = '' and not is_new then -1 else 1 end as nth
    from pairs p where alike = 1),
differences as (
    select key, min(source_row) filter (where is_new) as new_row, min(source_row) filter (where not is_new) as old_row,
           min(place) filter (where is_new) as new_place, min(place) filter (where not is_new) as old_place
    from others group by key, nth)
select d.key, (select {old_cells} from {table} t where t.ctid = d.old_place),
       (select {new_cells} from {table} t where t.ctid = d.new_place)
from differences d order by coalesce(d.new_row, d.old_row), d.old_row"""
_TWINS = """
select distinct r.key from (
    select t.dataset_id, ({key}) collate "C" as key from {table} t where t.dataset_id in ({before}, {after})) r
where r.key <> '' group by r.dataset_id, r.key having count(*) > 1 order by r.key"""

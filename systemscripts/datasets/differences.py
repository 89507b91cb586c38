"""Compare two datasets of one target by key, in SQL.

Rows that are equal in all columns that both datasets have are paired first; of the others those with the same key, in
their order, so that repeated keys do not mix. Rows without a key are compared as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.datasets.comparison import Comparison, Dataset, Row, Value, cell_as_text, load_headers, row_as_array

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# between the parts of a key: ASCII's unit separator
SEPARATOR = "\x1f"
# the key of every row of an import without key columns
NO_KEY = sql.SQL("''")


def compare_datasets(
    cursor: Cursor,
    before: Dataset,
    after: Dataset,
    key_columns: Sequence[str],
    whole_rows: bool = True,
    at_most: int | None = None,
) -> Comparison:
    """Compare two datasets of one target by key.

    `key_columns`: as configured; `ticker|company_name` is the first of these that is not empty. A column that only one
    of the two has does not change a row and is not part of the key. `whole_rows`: keep the cells of every row;
    otherwise only of rows without a key, which nothing else identifies. `at_most`: how many rows to read (at least
    one); the others are counted.
    """
    headers = load_headers(cursor, before) | load_headers(cursor, after)
    indexes_before = {name: index for index, name in enumerate(before.columns)}
    indexes_after = {name: index for index, name in enumerate(after.columns)}
    common = [name for name in after.columns if name in indexes_before]
    comparison = Comparison(before, after)
    comparison.new_columns = [headers.get(name) or name for name in after.columns if name not in indexes_before]
    comparison.gone_columns = [headers.get(name) or name for name in before.columns if name not in indexes_after]
    parts = _build_parts(before, after, common, key_columns, at_most)
    # sorts a dataset of usual size in memory, a huge one on disk
    cursor.execute("set local work_mem = '64MB'")
    rows, has_twins = _read_differences(cursor, parts)
    compared = [(indexes_before[name], indexes_after[name], name, headers.get(name) or name) for name in common]
    for key, old, new, *numbers in rows:
        comparison.numbers = dict(zip(("added", "removed", "changed"), numbers, strict=True))
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
    if has_twins:
        cursor.execute(sql.SQL(_TWINS).format(**parts))
        comparison.twins = [key.replace(SEPARATOR, " / ") for (key,) in cursor.fetchall()]
    return comparison


def _read_differences(cursor: Cursor, parts: dict[str, sql.Composable]) -> tuple[list[tuple[Any, ...]], bool]:
    """Return key, cells before and after, and the numbers of all differences; and whether keys may occur twice.

    One pass over the rows is enough where every key is there once, which it finds out itself.
    """
    if parts["key"] != NO_KEY:
        cursor.execute(sql.SQL(_BY_KEY + _CELLS).format(**parts))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        if not any(is_repeated for *_, is_repeated in rows):
            return [row[:-1] for row in rows], False
    cursor.execute(sql.SQL(_DIFFERENCES + _CELLS).format(**parts))
    return [row[:-1] for row in cursor.fetchall()], True


def _name_cells(dataset: Dataset, texts: list[str]) -> dict[str, str]:
    return dict(zip(dataset.columns, texts, strict=True))


def _build_parts(
    before: Dataset, after: Dataset, common: list[str], key_columns: Sequence[str], at_most: int | None
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
        "limit": sql.Literal(at_most),
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
        return NO_KEY
    separator = sql.Composed([sql.SQL(" || "), sql.Literal(SEPARATOR), sql.SQL(" || ")])
    whole = sql.Composed([part for element in elements for part in (separator, element)][1:])
    return sql.SQL("case when concat({}) = '' then '' else {} end").format(sql.SQL(", ").join(elements), whole)


# No joins: without statistics, which a table lacks right after its load, their plan could be quadratic. Sorting and
# counting cost the same with any plan.
# By key alone, each key once: a hash of 64 bits is enough to tell two rows of one key apart.
_BY_KEY = """
with both_datasets as (
    select t.ctid as place, t.source_row, t.dataset_id = {after} as is_new, ({key}) collate "C" as key,
           hashtextextended(case when t.dataset_id = {after} then {new_content} else {old_content} end, 0) as content
    from {table} t where t.dataset_id in ({before}, {after})),
differences as (
    select key, min(source_row) filter (where is_new) as new_row, min(source_row) filter (where not is_new) as old_row,
           min(place) filter (where is_new) as new_place, min(place) filter (where not is_new) as old_place,
           key = '' or count(*) > 2 or count(*) filter (where is_new) <> 1 and count(*) > 1 as is_repeated
    from both_datasets group by key
    having key = '' or count(*) <> 2 or count(*) filter (where is_new) <> 1 or min(content) <> max(content))"""
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
           min(place) filter (where is_new) as new_place, min(place) filter (where not is_new) as old_place,
           true as is_repeated
    from others group by key, nth)"""
# The cells of those alone that are wanted, and how many there are in all.
_CELLS = """
select d.key, (select {old_cells} from {table} t where t.ctid = d.old_place),
       (select {new_cells} from {table} t where t.ctid = d.new_place), d.added, d.removed, d.changed, d.repeated
from (
    select d.*, count(*) filter (where old_place is null) over () as added,
           count(*) filter (where new_place is null) over () as removed,
           count(*) filter (where old_place is not null and new_place is not null) over () as changed,
           bool_or(is_repeated) over () as repeated
    from differences d order by coalesce(d.new_row, d.old_row), d.old_row limit {limit}) d
order by coalesce(d.new_row, d.old_row), d.old_row"""
_TWINS = """
select distinct r.key from (
    select t.dataset_id, ({key}) collate "C" as key from {table} t where t.dataset_id in ({before}, {after})) r
where r.key <> '' group by r.dataset_id, r.key having count(*) > 1 order by r.key"""

"""Count and add up the rows of a view by the values of a column, within the time that a page can wait.

A very large table is counted from a sample of its blocks, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg2.errors
from psycopg2 import sql

from webconsole import connections
from webconsole.queries.relations import Column
from webconsole.queries.table_views import TableView

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# for exact counts; what takes longer is counted from a sample
EXACT_MILLISECONDS = 700
# of more rows exact counts are not even tried
MAX_EXACT_ROWS = 3_000_000
SAMPLE_ROWS = 100_000
# of one card, and of the page of one column
CARD_VALUES, MAX_VALUES = 10, 500
MAX_VALUE_LETTERS = 200
# values in more than one list on a page, and how many lists are named for each
MAX_REPEATED, MAX_NAMED_LISTS = 200, 12


@dataclass(frozen=True)
class Group:
    """One value of a column: its rows, the sum of another column, and in how many lists it is."""

    value: str | None
    rows: int
    total: Decimal | None = None


@dataclass(frozen=True)
class Groups:
    """The values of a column, most frequent first."""

    column: Column
    groups: list[Group]
    # of all groups, also those that are left out
    rows: int
    is_sample: bool
    has_more: bool


def count_by(view: TableView, column_name: str, sum_name: str = "", limit: int = CARD_VALUES) -> Groups:
    """Return the rows by the values of a column; raise UsageError for a column that does not exist or is masked."""
    column = view.relation.find_column(column_name)
    added = view.relation.find_column(sum_name) if sum_name else None
    with connections.read_as_reader() as cursor:
        connections.set_time_zone(cursor, view.query.zone)
        if not _is_too_large(view):
            rows = _run_in_time(cursor, _group(view, view.source, column, added, limit))
            if rows is not None:
                return _make_groups(column, rows, limit, 1)
        sample, share = _sample(view)
        rows = _run_in_time(cursor, _group(view, sample, column, added, limit)) or []
        return _make_groups(column, rows, limit, share, is_sample=True)


def _is_too_large(view: TableView) -> bool:
    rows = view.relation.estimate if view.total is None and view.datasets is None else view.total or 0
    return view.is_in_place and rows > MAX_EXACT_ROWS


def _sample(view: TableView) -> tuple[sql.Composable, float]:
    """Return what to read instead of the table, and how many rows each row of it stands for."""
    if not view.is_in_place or view.relation.estimate <= SAMPLE_ROWS:
        return sql.SQL("(select * from {} limit {}) as some").format(view.source, sql.Literal(SAMPLE_ROWS)), 1
    percent = 100 * SAMPLE_ROWS / view.relation.estimate
    # the same blocks each time, so that the counts of a page do not change when it is opened again
    sample = sql.SQL("{} tablesample system ({}) repeatable (1)").format(view.source, sql.Literal(percent))
    return sample, view.relation.estimate / SAMPLE_ROWS


def _group(view: TableView, source: sql.Composable, column: Column, added: Column | None, limit: int) -> sql.Composable:
    total: sql.Composable = sql.SQL("null")
    if added is not None:
        total = sql.SQL("sum({})").format(sql.Identifier(added.name))
    return sql.SQL(
        """select left(value::text, {letters}), rows, total, sum(rows) over () from (
               select {column} as value, count(*) as rows, {total} as total from {source} where {conditions}
               group by 1) groups
           order by rows desc, value limit {limit}"""
    ).format(
        letters=sql.Literal(MAX_VALUE_LETTERS), column=sql.Identifier(column.name), total=total, source=source,
        conditions=view.join_conditions(), limit=sql.Literal(limit + 1),
    )  # fmt: skip


def _run_in_time(cursor: Cursor, statement: sql.Composable) -> list[tuple[Any, ...]] | None:
    """Return the rows of a query, None if it takes too long."""
    cursor.execute("savepoint in_time")
    cursor.execute(f"set local statement_timeout = {EXACT_MILLISECONDS}")
    try:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    except psycopg2.errors.QueryCanceled:
        cursor.execute("rollback to savepoint in_time")
        return None
    return rows


def _make_groups(
    column: Column, rows: list[tuple[Any, ...]], limit: int, share: float, is_sample: bool = False
) -> Groups:
    groups = [
        Group(value, round(number * share), total if total is None or share == 1 else round(total * Decimal(share)))
        for value, number, total, _ in rows[:limit]
    ]
    every = round(int(rows[0][3]) * share) if rows else 0
    return Groups(column, groups, every, is_sample, len(rows) > limit)


def add_up(view: TableView) -> tuple[int, dict[str, Decimal | None]] | None:
    """Return the number of rows and the sums of the shown number columns, None if that takes too long."""
    numbers = [
        column for column in view.shown_columns if column.display_type == "number" and not column.is_masked
    ]  # fmt: skip
    sums = [sql.SQL("sum({})").format(sql.Identifier(column.name)) for column in numbers]
    statement = sql.SQL("select {} from {} where {}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *sums]), view.source, view.join_conditions()
    )
    with connections.read_as_reader() as cursor:
        rows = _run_in_time(cursor, statement)
    if rows is None:
        return None
    number, *totals = rows[0]
    return number, dict(zip((column.name for column in numbers), totals, strict=True))


@dataclass(frozen=True)
class Repeated:
    """A value that is in several lists, by their numbers."""

    value: str
    datasets: list[int]
    lists: int


def list_repeated(view: TableView, column_name: str, limit: int = MAX_REPEATED) -> list[Repeated]:
    """Return the values of a column that are in more than one of the lists that a view selects."""
    column = view.relation.find_column(column_name)
    statement = sql.SQL(
        """select left(value, {letters}), (array_agg(dataset_id))[1:{lists}], count(*) from (
               select distinct btrim({column}::text) as value, dataset_id from {source} where {conditions}) pairs
           where value <> '' group by value having count(*) > 1 order by count(*) desc, value limit {limit}"""
    ).format(
        letters=sql.Literal(MAX_VALUE_LETTERS), column=sql.Identifier(column.name), source=view.source,
        conditions=view.join_conditions(), limit=sql.Literal(limit + 1), lists=sql.Literal(MAX_NAMED_LISTS),
    )  # fmt: skip
    with connections.read_as_reader() as cursor:
        cursor.execute("set local work_mem = '64MB'")
        cursor.execute(statement)
        return [Repeated(*row) for row in cursor.fetchall()]

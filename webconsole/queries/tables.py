"""Rows of a table as the reader asks for them: sorted, filtered, paged by key; read through the reader's login.

Without a sort rows come in the order in which they lie in the table, which is the order in which they were loaded, and
the key is the row's place (ctid): a page of a table of any size costs a page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import UsageError
from webconsole import connections
from webconsole.queries import keyset_pages, relations
from webconsole.queries.keyset_pages import Page
from webconsole.queries.relations import Column, Relation

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

PAGE = 50
LARGE = 100_000  # rows from which on it matters where the reading begins
MOST_SKIPPED = 100_000  # of a view, which has no places
OPERATORS = {
    "contains": "contains", "is": "is", "not": "is not", "from": "is at least", "to": "is at most",
    "empty": "is empty", "filled": "is not empty",
}  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """A condition on one column."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class Wanted:
    """What the reader asked for."""

    sort: str = ""
    descending: bool = False
    filters: tuple[Filter, ...] = ()
    history: bool = False  # also rows of datasets that are not current
    dataset_id: int | None = None
    after: str | None = None
    size: int = PAGE
    zone: str = "UTC"  # for timestamptz
    longest: int | None = None  # letters of a cell
    first_column: int = 0
    most_columns: int | None = None


@dataclass(frozen=True)
class View:
    """A table with the conditions of what was asked for, ready to be read."""

    relation: Relation
    wanted: Wanted
    conditions: list[sql.Composable] = field(default_factory=list)
    total: int | None = None  # rows, where they are known without counting
    narrowed: sql.Composable | None = None  # which datasets, where not all rows are asked for

    @property
    def first_shown(self) -> int:
        """The place of the first column that a page shows."""
        return self.wanted.first_column if self.wanted.first_column < len(self.relation.columns) else 0

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that a page shows."""
        most = self.wanted.most_columns
        return self.relation.columns[self.first_shown : None if most is None else self.first_shown + most]


def view(full_name: str, wanted: Wanted) -> View:
    """Find the table and check what is asked of it; raises MissingError or UsageError."""
    with connections.viewing() as cursor:
        relation = relations.find(cursor, full_name)
    if wanted.sort:
        relation.column(wanted.sort)
    made = View(relation, wanted, [_condition(relation, each) for each in wanted.filters])
    if not relation.has_lineage:
        return made
    if wanted.dataset_id is not None:
        return dataclasses.replace(made, narrowed=_any([wanted.dataset_id]))
    if wanted.history:
        return made
    with connections.reading() as cursor:
        current, others, total = relations.current_datasets(cursor, relation.full_name)
    if not current and not others:
        return made  # loaded by something else
    narrowed = None if not others else _any(current) if len(current) <= len(others) else _none_of(others)
    return dataclasses.replace(made, narrowed=narrowed, total=None if wanted.filters else total)


def _any(numbers: Sequence[int]) -> sql.Composable:
    return sql.SQL("dataset_id = any({}::integer[])").format(sql.Literal(list(numbers)))


def _none_of(numbers: Sequence[int]) -> sql.Composable:
    return sql.SQL("dataset_id <> all({}::integer[])").format(sql.Literal(list(numbers)))


def _condition(relation: Relation, wanted: Filter) -> sql.Composable:
    column = relation.column(wanted.column)
    name, value = sql.Identifier(column.name), sql.Literal(wanted.value)
    if wanted.operator == "empty":
        return sql.SQL("coalesce({}::text, '') = ''").format(name)
    if wanted.operator == "filled":
        return sql.SQL("{}::text <> ''").format(name)
    if wanted.operator == "contains":
        pattern = "%" + wanted.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        return sql.SQL("{}::text ilike {}").format(name, sql.Literal(pattern))
    signs = {"is": "=", "not": "is distinct from", "from": ">=", "to": "<="}
    if wanted.operator not in signs:
        raise UsageError(f"{wanted.operator!r} is not a comparison", f"Choose one of: {', '.join(OPERATORS)}.")
    return sql.SQL("{} {} {}::{}").format(name, sql.SQL(signs[wanted.operator]), value, _type(column))


def _type(column: Column) -> sql.SQL:
    return sql.SQL(column.type)  # PostgreSQL's own spelling, from its catalogue


def page(asked: View) -> Page:
    """One page of rows, column -> text (None for nothing); raises TooSlowError where it takes too long."""
    if not asked.relation.columns:
        return Page([], None)
    with connections.viewing() as cursor:
        connections.set_zone(cursor, asked.wanted.zone)
        if not asked.relation.is_table:
            return _page_of_view(cursor, asked)
        return _sorted_page(cursor, asked) if asked.wanted.sort else _page_in_place(cursor, asked)


def _page_in_place(cursor: Cursor, asked: View) -> Page:
    # nothing but the order of the places: neither another scan's beginning nor several workers may mix them
    cursor.execute("set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0")
    key = keyset_pages.read(asked.wanted.after, 1)
    place = key[0] if key else _beginning(cursor, asked)
    conditions = [sql.SQL("ctid > {}::tid").format(sql.Literal(place or "(0,0)")), *_conditions(asked)]
    return _read(cursor, asked, conditions, sql.SQL(""), "(place)")


def _beginning(cursor: Cursor, asked: View) -> str | None:
    """Before which place no current row lies: its BRIN index steps over the older datasets of a large table."""
    if asked.narrowed is None or asked.relation.estimate < LARGE:
        return None
    cursor.execute("set local enable_seqscan = off")
    cursor.execute(
        sql.SQL("select ctid::text from {} where {} limit 1").format(asked.relation.identifier, asked.narrowed)
    )
    row = cursor.fetchone()
    cursor.execute("set local enable_seqscan = on")
    if row is None:
        return None
    block, _, _ = row[0].strip("()").partition(",")
    return f"({block},0)"


def _sorted_page(cursor: Cursor, asked: View) -> Page:
    column = asked.relation.column(asked.wanted.sort)
    conditions = _conditions(asked)
    if key := keyset_pages.read(asked.wanted.after, 2):
        conditions.append(_after(column, key[0], str(key[1]), asked.wanted.descending))
    direction = sql.SQL("desc" if asked.wanted.descending else "asc")
    order = sql.SQL("order by {} {} nulls last, ctid").format(sql.Identifier(column.name), direction)
    return _read(cursor, asked, conditions, order, "(sorted by)", "(place)")


def _after(column: Column, value: str | None, place: str, descending: bool) -> sql.Composable:
    """What comes after a row in the order: greater (or less), or equal and further on, or without a value."""
    name, later = sql.Identifier(column.name), sql.SQL("ctid > {}::tid").format(sql.Literal(place))
    if value is None:
        return sql.SQL("({} is null and {})").format(name, later)
    literal = sql.SQL("{}::{}").format(sql.Literal(value), _type(column))
    return sql.SQL("({name} {sign} {value} or ({name} = {value} and {later}) or {name} is null)").format(
        name=name, sign=sql.SQL("<" if descending else ">"), value=literal, later=later
    )


def _page_of_view(cursor: Cursor, asked: View) -> Page:
    skipped = keyset_pages.read_number(asked.wanted.after) or 0
    if skipped > MOST_SKIPPED:
        raise UsageError(f"a view is shown up to row {MOST_SKIPPED:,}", "Filter it, or download all of it.")
    statement = sql.SQL("select {} from {} where {} {} limit {} offset {}").format(
        _cells(asked), asked.relation.identifier, _all(_conditions(asked)), _order(asked),
        sql.Literal(asked.wanted.size + 1), sql.Literal(skipped),
    )  # fmt: skip
    found = connections.rows(cursor, statement)
    following = keyset_pages.written([skipped + asked.wanted.size]) if len(found) > asked.wanted.size else None
    return Page(found[: asked.wanted.size], following)


def _order(asked: View) -> sql.Composable:
    if not asked.wanted.sort:
        return sql.SQL("")
    direction = sql.SQL("desc" if asked.wanted.descending else "asc")
    return sql.SQL("order by {} {} nulls last").format(sql.Identifier(asked.wanted.sort), direction)


def _conditions(asked: View) -> list[sql.Composable]:
    return [*asked.conditions, *([asked.narrowed] if asked.narrowed is not None else [])]


def _all(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")


def _cells(asked: View) -> sql.Composable:
    cell = sql.SQL("left({0}::text, {1}) as {0}") if asked.wanted.longest else sql.SQL("{0}::text as {0}")
    limit = sql.Literal((asked.wanted.longest or 0) + 1)
    return sql.SQL(", ").join(cell.format(sql.Identifier(column.name), limit) for column in asked.shown)


def _read(cursor: Cursor, asked: View, conditions: Sequence[sql.Composable], order: sql.Composable, *key: str) -> Page:
    extra: list[sql.Composable] = [sql.SQL('ctid::text as "(place)"')]
    if "(sorted by)" in key:
        extra.append(sql.SQL('{}::text as "(sorted by)"').format(sql.Identifier(asked.wanted.sort)))
    # the rows are chosen first: what is turned into text is a page, not the table
    statement = sql.SQL("select {}, {} from (select *, ctid from {} where {} {} limit {}) rows").format(
        _cells(asked), sql.SQL(", ").join(extra), asked.relation.identifier, _all(conditions), order,
        sql.Literal(asked.wanted.size + 1),
    )  # fmt: skip
    found = keyset_pages.cut(connections.rows(cursor, statement), asked.wanted.size, *key)
    for row in found.rows:
        row.pop("(place)")
        row.pop("(sorted by)", None)
    return found


def whole(asked: View, columns: Sequence[str]) -> sql.Composable:
    """The statement for everything that was asked for, each cell as text: for a download."""
    cells = sql.SQL(", ").join(sql.SQL("{0}::text as {0}").format(sql.Identifier(name)) for name in columns)
    return sql.SQL("select {} from {} where {} {}").format(
        cells, asked.relation.identifier, _all(_conditions(asked)), _order(asked)
    )


def as_json(asked: View, found: Page) -> dict[str, Any]:
    """A page for a program."""
    return {
        "table": asked.relation.full_name,
        "columns": [{"name": column.name, "type": column.type} for column in asked.relation.columns],
        "rows": found.rows,
        "total": asked.total,
        "next": found.following,
    }

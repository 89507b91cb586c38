"""Read the rows of a table with the reader's login: sorted, filtered and paged by key.

Without a sort, rows come in their physical order, which is the order of loading, and the key is the row's ctid. So a
page takes the same time in a table of any size.
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
from webconsole.security.visibility import MASK

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

PAGE_ROWS = 50
# from this size on it pays to find out where the current rows start
LARGE_TABLE_ROWS = 100_000
# a view has no ctid, so its rows are skipped by offset, which takes longer with each page
MAX_SKIPPED_ROWS = 100_000
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
class TableQuery:
    """The columns, conditions and order that a reader asks for."""

    sort: str = ""
    descending: bool = False
    filters: tuple[Filter, ...] = ()
    # also rows of datasets that are not current
    history: bool = False
    dataset_id: int | None = None
    after: str | None = None
    size: int = PAGE_ROWS
    # of timestamptz values
    zone: str = "UTC"
    max_cell_letters: int | None = None
    first_column: int = 0
    max_columns: int | None = None


@dataclass(frozen=True)
class TableView:
    """A table with the conditions of a query, ready to be read."""

    relation: Relation
    query: TableQuery
    conditions: list[sql.Composable] = field(default_factory=list)
    # number of rows, if known without counting
    total: int | None = None
    # None: the rows of every dataset
    dataset_condition: sql.Composable | None = None

    @property
    def first_column_index(self) -> int:
        """Return the index of the first column that a page shows."""
        return self.query.first_column if self.query.first_column < len(self.relation.columns) else 0

    @property
    def shown_columns(self) -> tuple[Column, ...]:
        """Return the columns that a page shows."""
        columns = self.relation.columns[self.first_column_index :]
        return columns[: self.query.max_columns]


def prepare_view(full_name: str, query: TableQuery) -> TableView:
    """Return the view of a table by a query; raise MissingError or UsageError if either is wrong."""
    with connections.read_as_reader() as cursor:
        relation = relations.find_relation(cursor, full_name)
    if query.sort:
        relation.find_column(query.sort)
    view = TableView(relation, query, [_make_condition(relation, item) for item in query.filters])
    if not relation.has_lineage:
        return view
    if query.dataset_id is not None:
        return dataclasses.replace(view, dataset_condition=_match_datasets([query.dataset_id]))
    if query.history:
        return view
    with connections.read_as_etl() as cursor:
        current, others, total = relations.find_current_datasets(cursor, relation.full_name)
    if not current and not others:
        # not loaded by an import
        return view
    dataset_condition = None
    if others:
        # the shorter of the two lists
        dataset_condition = _match_datasets(current) if len(current) <= len(others) else _exclude_datasets(others)
    return dataclasses.replace(view, dataset_condition=dataset_condition, total=None if query.filters else total)


def _match_datasets(numbers: Sequence[int]) -> sql.Composable:
    return sql.SQL("dataset_id = any({}::integer[])").format(sql.Literal(list(numbers)))


def _exclude_datasets(numbers: Sequence[int]) -> sql.Composable:
    return sql.SQL("dataset_id <> all({}::integer[])").format(sql.Literal(list(numbers)))


def _make_condition(relation: Relation, condition: Filter) -> sql.Composable:
    column = relation.find_column(condition.column)
    name, value = sql.Identifier(column.name), sql.Literal(condition.value)
    if condition.operator == "empty":
        return sql.SQL("coalesce({}::text, '') = ''").format(name)
    if condition.operator == "filled":
        return sql.SQL("{}::text <> ''").format(name)
    if condition.operator == "contains":
        pattern = "%" + condition.value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        return sql.SQL("{}::text ilike {}").format(name, sql.Literal(pattern))
    signs = {"is": "=", "not": "is distinct from", "from": ">=", "to": "<="}
    if condition.operator not in signs:
        raise UsageError(f"{condition.operator!r} is not a comparison", f"Choose one of: {', '.join(OPERATORS)}.")
    return sql.SQL("{} {} {}::{}").format(name, sql.SQL(signs[condition.operator]), value, _column_type(column))


def _column_type(column: Column) -> sql.SQL:
    # as PostgreSQL itself writes it in its catalogue
    return sql.SQL(column.type)


def read_page(view: TableView) -> Page:
    """Return a page of rows, each column -> text or None; raise TooSlowError if it takes too long."""
    if not view.relation.columns:
        return Page([], None)
    with connections.read_as_reader() as cursor:
        connections.set_time_zone(cursor, view.query.zone)
        if not view.relation.is_table:
            return _read_page_of_view(cursor, view)
        return _read_sorted_page(cursor, view) if view.query.sort else _read_page_in_place(cursor, view)


def _read_page_in_place(cursor: Cursor, view: TableView) -> Page:
    # physical order only: neither a synchronized scan nor parallel workers may change it
    cursor.execute("set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0")
    key = keyset_pages.decode_key(view.query.after, 1)
    ctid = key[0] if key else _find_start(cursor, view)
    conditions = [sql.SQL("ctid > {}::tid").format(sql.Literal(ctid or "(0,0)")), *_list_conditions(view)]
    return _select_page(cursor, view, conditions, sql.SQL(""), "(place)")


def _find_start(cursor: Cursor, view: TableView) -> str | None:
    """Return a ctid before the first current row; the BRIN index skips the older datasets of a large table."""
    if view.dataset_condition is None or view.relation.estimate < LARGE_TABLE_ROWS:
        return None
    cursor.execute("set local enable_seqscan = off")
    cursor.execute(
        sql.SQL("select ctid::text from {} where {} limit 1").format(view.relation.identifier, view.dataset_condition)
    )
    row = cursor.fetchone()
    cursor.execute("set local enable_seqscan = on")
    if row is None:
        return None
    block, _, _ = row[0].strip("()").partition(",")
    return f"({block},0)"


def _read_sorted_page(cursor: Cursor, view: TableView) -> Page:
    column = view.relation.find_column(view.query.sort)
    conditions = _list_conditions(view)
    if key := keyset_pages.decode_key(view.query.after, 2):
        conditions.append(_make_after_condition(column, key[0], str(key[1]), view.query.descending))
    direction = sql.SQL("desc" if view.query.descending else "asc")
    order = sql.SQL("order by {} {} nulls last, ctid").format(sql.Identifier(column.name), direction)
    return _select_page(cursor, view, conditions, order, "(sorted by)", "(place)")


def _make_after_condition(column: Column, value: str | None, ctid: str, descending: bool) -> sql.Composable:
    """Return the condition of rows that follow a row: greater (or less), equal with a later ctid, or null."""
    name, later = sql.Identifier(column.name), sql.SQL("ctid > {}::tid").format(sql.Literal(ctid))
    if value is None:
        return sql.SQL("({} is null and {})").format(name, later)
    literal = sql.SQL("{}::{}").format(sql.Literal(value), _column_type(column))
    return sql.SQL("({name} {sign} {value} or ({name} = {value} and {later}) or {name} is null)").format(
        name=name, sign=sql.SQL("<" if descending else ">"), value=literal, later=later
    )


def _read_page_of_view(cursor: Cursor, view: TableView) -> Page:
    skipped = keyset_pages.decode_number(view.query.after) or 0
    if skipped > MAX_SKIPPED_ROWS:
        raise UsageError(f"a view is shown only up to row {MAX_SKIPPED_ROWS:,}", "Add a filter, or download all rows.")
    statement = sql.SQL("select {} from {} where {} {} limit {} offset {}").format(
        _select_cells(view), view.relation.identifier, _join_conditions(_list_conditions(view)), _make_order(view),
        sql.Literal(view.query.size + 1), sql.Literal(skipped),
    )  # fmt: skip
    rows = connections.fetch_rows(cursor, statement)
    following = keyset_pages.encode_key([skipped + view.query.size]) if len(rows) > view.query.size else None
    return Page(rows[: view.query.size], following)


def _make_order(view: TableView) -> sql.Composable:
    if not view.query.sort:
        return sql.SQL("")
    direction = sql.SQL("desc" if view.query.descending else "asc")
    return sql.SQL("order by {} {} nulls last").format(sql.Identifier(view.query.sort), direction)


def _list_conditions(view: TableView) -> list[sql.Composable]:
    return [*view.conditions, *([view.dataset_condition] if view.dataset_condition is not None else [])]


def _join_conditions(conditions: Sequence[sql.Composable]) -> sql.Composable:
    return sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")


def _select_cells(view: TableView) -> sql.Composable:
    return sql.SQL(", ").join(select_cell(column, view.query.max_cell_letters) for column in view.shown_columns)


def select_cell(column: Column, max_letters: int | None = None) -> sql.Composable:
    """Return the expression for a column as text, cut to one letter more than `max_letters`; masked if it must be."""
    name = sql.Identifier(column.name)
    if column.is_masked:
        return sql.SQL("case when {0} is not null then {1} end as {0}").format(name, sql.Literal(MASK))
    if max_letters is None:
        return sql.SQL("{0}::text as {0}").format(name)
    return sql.SQL("left({0}::text, {1}) as {0}").format(name, sql.Literal(max_letters + 1))


def _select_page(
    cursor: Cursor, view: TableView, conditions: Sequence[sql.Composable], order: sql.Composable, *key: str
) -> Page:
    extra: list[sql.Composable] = [sql.SQL('ctid::text as "(place)"')]
    if "(sorted by)" in key:
        extra.append(sql.SQL('{}::text as "(sorted by)"').format(sql.Identifier(view.query.sort)))
    # the rows are chosen first, so that only a page is converted to text and not the table
    statement = sql.SQL("select {}, {} from (select *, ctid from {} where {} {} limit {}) rows").format(
        _select_cells(view), sql.SQL(", ").join(extra), view.relation.identifier, _join_conditions(conditions), order,
        sql.Literal(view.query.size + 1),
    )  # fmt: skip
    page = keyset_pages.make_page(connections.fetch_rows(cursor, statement), view.query.size, *key)
    for row in page.rows:
        row.pop("(place)")
        row.pop("(sorted by)", None)
    return page


def select_everything(view: TableView, columns: Sequence[str]) -> sql.Composable:
    """Return the statement for all rows of a view, each cell as text, for a download."""
    cells = sql.SQL(", ").join(select_cell(column) for column in view.relation.columns if column.name in columns)
    return sql.SQL("select {} from {} where {} {}").format(
        cells, view.relation.identifier, _join_conditions(_list_conditions(view)), _make_order(view)
    )


def make_json(view: TableView, page: Page) -> dict[str, Any]:
    """Return a page of a view as values for JSON."""
    return {
        "table": view.relation.full_name,
        "columns": [
            {"name": column.name, "type": column.type, "masked": column.is_masked} for column in view.relation.columns
        ],
        "rows": page.rows,
        "total": view.total,
        "next": page.following,
    }

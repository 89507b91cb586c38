"""Read the rows of a table with the reader's login: sorted, filtered and paged by key.

Without a sort, rows come in their physical order, which is the order of loading, and the key is the row's ctid. So a
page takes the same time in a table of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import UsageError
from webconsole import connections
from webconsole.queries import keyset_pages
from webconsole.queries.keyset_pages import Page
from webconsole.queries.relations import Column
from webconsole.queries.table_views import (
    OPERATORS,
    PAGE_ROWS,
    Filter,
    TableQuery,
    TableView,
    column_type,
    join_conditions,
    make_order,
    prepare_view,
    select_cell,
    select_cells,
)

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

__all__ = [
    "OPERATORS", "PAGE_ROWS", "Filter", "TableQuery", "TableView", "make_json", "prepare_view", "read_page",
    "select_everything",
]  # fmt: skip
# from this size on it pays to find out where the current rows start
LARGE_TABLE_ROWS = 100_000
# a view has no ctid, so its rows are skipped by offset, which takes longer with each page
MAX_SKIPPED_ROWS = 100_000
# blocks that are read for a previous page, and how many times more if they have too few rows of it
FIRST_BLOCKS, MORE_BLOCKS = 4, 8
# what a row has besides its columns: its place in the table, and its dataset and line for people
PLACE, SORTED_BY, DATASET, LINE = "(place)", "(sorted by)", "(dataset)", "(line)"


def read_page(view: TableView) -> Page:
    """Return a page of rows, each column -> text or None; raise TooSlowError if it takes too long."""
    if not view.relation.columns:
        return Page([], None)
    with connections.read_as_reader() as cursor:
        connections.set_time_zone(cursor, view.query.zone)
        if not view.is_in_place:
            return _read_page_of_view(cursor, view)
        return _read_sorted_page(cursor, view) if view.query.sort else _read_page_in_place(cursor, view)


def _read_page_in_place(cursor: Cursor, view: TableView) -> Page:
    # physical order only: neither a synchronized scan nor parallel workers may change it
    cursor.execute("set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0")
    if before := keyset_pages.decode_key(view.query.before, 1):
        return _read_page_in_place_before(cursor, view, str(before[0]))
    key = keyset_pages.decode_key(view.query.after, 1)
    ctid = key[0] if key else _find_start(cursor, view)
    rows = _select_rows(cursor, view, [_compare_places(">", ctid or "(0,0)"), *view.list_conditions()], sql.SQL(""))
    return _make_page(view, rows, bool(key), PLACE)


def _read_page_in_place_before(cursor: Cursor, view: TableView, ctid: str) -> Page:
    """Return the page before a row: only the blocks before its own are read, more of them until there are enough."""
    block, blocks = int(keyset_pages.find_block(ctid)), FIRST_BLOCKS
    while True:
        first = max(block - blocks, 0)
        conditions = [_compare_places(">=", f"({first},0)"), _compare_places("<", ctid), *view.list_conditions()]
        rows = _select_rows(cursor, view, conditions, sql.SQL("order by ctid desc"))
        if len(rows) > view.query.size or first == 0:
            return _make_page_before(view, rows, PLACE)
        blocks *= MORE_BLOCKS


def _compare_places(sign: str, ctid: str) -> sql.Composable:
    return sql.SQL("ctid {} {}::tid").format(sql.SQL(sign), sql.Literal(ctid))


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
    return f"({keyset_pages.find_block(row[0])},0)" if row else None


def _read_sorted_page(cursor: Cursor, view: TableView) -> Page:
    column, descending = view.relation.find_column(view.query.sort), view.query.descending
    conditions = view.list_conditions()
    if key := keyset_pages.decode_key(view.query.before, 2):
        conditions.append(_make_before_condition(column, key[0], str(key[1]), descending))
        order = "order by {} {} nulls first, ctid desc"
        direction = "asc" if descending else "desc"
    else:
        if key := keyset_pages.decode_key(view.query.after, 2):
            conditions.append(_make_after_condition(column, key[0], str(key[1]), descending))
        order, direction = "order by {} {} nulls last, ctid", "desc" if descending else "asc"
    ordered = sql.SQL(order).format(sql.Identifier(column.name), sql.SQL(direction))
    rows = _select_rows(cursor, view, conditions, ordered)
    if view.query.before:
        return _make_page_before(view, rows, SORTED_BY, PLACE)
    return _make_page(view, rows, bool(key), SORTED_BY, PLACE)


def _make_after_condition(column: Column, value: str | None, ctid: str, descending: bool) -> sql.Composable:
    """Return the condition of rows that follow a row: greater (or less), equal with a later ctid, or null."""
    name, later = sql.Identifier(column.name), _compare_places(">", ctid)
    if value is None:
        return sql.SQL("({} is null and {})").format(name, later)
    literal = sql.SQL("{}::{}").format(sql.Literal(value), column_type(column))
    return sql.SQL("({name} {sign} {value} or ({name} = {value} and {later}) or {name} is null)").format(
        name=name, sign=sql.SQL("<" if descending else ">"), value=literal, later=later
    )


def _make_before_condition(column: Column, value: str | None, ctid: str, descending: bool) -> sql.Composable:
    """Return the condition of rows that come before a row: less (or greater), or equal with an earlier ctid."""
    name, earlier = sql.Identifier(column.name), _compare_places("<", ctid)
    if value is None:
        return sql.SQL("({0} is not null or {1})").format(name, earlier)
    literal = sql.SQL("{}::{}").format(sql.Literal(value), column_type(column))
    return sql.SQL("({name} {sign} {value} or ({name} = {value} and {earlier}))").format(
        name=name, sign=sql.SQL(">" if descending else "<"), value=literal, earlier=earlier
    )


def _read_page_of_view(cursor: Cursor, view: TableView) -> Page:
    key = keyset_pages.decode_number(view.query.before)
    skipped = keyset_pages.decode_number(view.query.after) or 0 if key is None else max(key - view.query.size, 0)
    if skipped > MAX_SKIPPED_ROWS:
        raise UsageError(f"a view is shown only up to row {MAX_SKIPPED_ROWS:,}", "Add a filter, or download all rows.")
    # sorted inside: outside, the name of a column means its text, and 10 comes before 9
    statement = sql.SQL("select {} from (select * from {} where {} {} limit {} offset {}) rows").format(
        sql.SQL(", ").join([select_cells(view), *_select_origin(view)]), view.source, view.join_conditions(),
        make_order(view), sql.Literal(view.query.size + 1), sql.Literal(skipped),
    )  # fmt: skip
    rows = connections.fetch_rows(cursor, statement)
    following = keyset_pages.encode_key([skipped + view.query.size]) if len(rows) > view.query.size else None
    preceding = keyset_pages.encode_key([skipped]) if skipped else None
    return Page(rows[: view.query.size], following, preceding)


def _select_origin(view: TableView) -> list[sql.Composable]:
    if not view.has_origin:
        return []
    return [sql.SQL("dataset_id as {}, source_row as {}").format(sql.Identifier(DATASET), sql.Identifier(LINE))]


def _select_rows(
    cursor: Cursor, view: TableView, conditions: Sequence[sql.Composable], order: sql.Composable
) -> list[dict[str, Any]]:
    extra = [*_select_origin(view), sql.SQL("ctid::text as {}").format(sql.Identifier(PLACE))]
    if view.query.sort:
        extra.append(sql.SQL("{}::text as {}").format(sql.Identifier(view.query.sort), sql.Identifier(SORTED_BY)))
    # the rows are chosen first, so that only a page is converted to text and not the table
    statement = sql.SQL("select {} from (select *, ctid from {} where {} {} limit {}) rows").format(
        sql.SQL(", ").join([select_cells(view), *extra]), view.source, join_conditions(conditions), order,
        sql.Literal(view.query.size + 1),
    )  # fmt: skip
    return connections.fetch_rows(cursor, statement)


def _make_page(view: TableView, rows: list[dict[str, Any]], has_earlier: bool, *key: str) -> Page:
    page = keyset_pages.make_page(rows, view.query.size, *key)
    preceding = keyset_pages.encode_row(page.rows[0], key) if has_earlier and page.rows else None
    return Page(_leave_out_keys(view, page.rows), page.following, preceding)


def _make_page_before(view: TableView, rows: list[dict[str, Any]], *key: str) -> Page:
    """Return the page of rows that were read backwards, one more than it has if there are any before it."""
    shown = rows[: view.query.size][::-1]
    preceding = keyset_pages.encode_row(shown[0], key) if len(rows) > view.query.size else None
    following = keyset_pages.encode_row(shown[-1], key) if shown else None
    return Page(_leave_out_keys(view, shown), following, preceding)


def _leave_out_keys(view: TableView, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = (PLACE,) if view.query.is_for_people else ()
    return [
        {name: value for name, value in row.items() if name not in (PLACE, SORTED_BY) or name in kept} for row in rows
    ]


def select_everything(view: TableView) -> sql.Composable:
    """Return the statement for all rows of a view, each cell as text, for a download.

    After the columns come the number of its dataset and its line, where files say where rows come from.
    """
    cells = [select_cell(column) for column in view.file_columns]
    # sorted inside: outside, the name of a column means its text, and 10 comes before 9
    return sql.SQL("select {} from (select * from {} where {} {}) rows").format(
        sql.SQL(", ").join([*cells, *_select_origin(view)]), view.source, view.join_conditions(), make_order(view)
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

"""Show tables and their rows, where a row comes from, and send them as files."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, render_template, request

from webconsole import connections, freshness, send_file, table_counts
from webconsole.dataset_diff import find_key_columns
from webconsole.queries import configurations, origins, relations, saved_views, tables, value_counts
from webconsole.queries.tables import TableQuery, TableView
from webconsole.query_arguments import MAX_INTEGER, parse_number, parse_table_query
from webconsole.security import access

blueprint = Blueprint("tables", __name__, url_prefix="/console/tables")
# the most that a page shows of a cell and of a row; a download has everything
MAX_CELL_LETTERS, MAX_COLUMNS = 300, 60
# of counts beside the rows: each is a query of its own
MAX_CARDS = 4


@blueprint.get("")
@access.allow("user")
def show_list() -> str:
    """Show every table, those without rows folded away."""
    with connections.read_as_reader() as cursor:
        rows = relations.list_relations(cursor)
    with connections.read_as_etl() as cursor:
        fresh, titles = _find_freshness(cursor), configurations.list_target_titles(cursor)
        filled = relations.list_filled(cursor, [row.full_name for row in rows])
    shown = [row for row in rows if filled.get(row.full_name, not row.is_empty)]
    return render_template(
        "tables.html", tables=shown, empty=[row for row in rows if row not in shown], fresh=fresh, titles=titles
    )


def _find_freshness(cursor: Any) -> dict[str, freshness.Freshness | None]:
    """Return how fresh each target is."""
    known = freshness.load_freshness(cursor)
    cursor.execute("select target_table, array_agg(config_name) from dba.timportconfig group by 1")
    return {table: freshness.merge([known[name] for name in names]) for table, names in cursor.fetchall()}


@blueprint.get("/<path:name>")
@access.allow("user")
def show_table(name: str) -> str:
    """Show the rows of one table."""
    query = parse_table_query(request.args, MAX_CELL_LETTERS, MAX_COLUMNS, is_for_people=True)
    view = tables.prepare_view(name, query)
    with connections.read_as_etl() as cursor:
        fresh, title = _find_freshness(cursor).get(name), configurations.list_target_titles(cursor).get(name)
        views = saved_views.list_views(cursor, name, access.require_user().name, view.relation.masked_names)
    path = f"/console/tables/{quote(name)}"
    return render_template(
        "table.html", fresh=fresh, title=title, views=views, **read_rows(view, path, make_arguments(query))
    )


@blueprint.get("/<path:name>/download.<any(csv, xlsx, parquet):suffix>")
@access.allow("user")
def download_table(name: str, suffix: str) -> Response:
    """Send all rows of the view as a file."""
    view = tables.prepare_view(name, parse_table_query(request.args, is_for_people=True))
    return send_file.send_table(view, suffix)


@blueprint.get(f"/<path:name>/row/<int(max={MAX_INTEGER}):dataset_id>/<int(max={MAX_INTEGER}):line>")
@access.allow("user")
def show_row(name: str, dataset_id: int, line: int) -> str:
    """Show one row: all its fields, the file and line that it comes from, and the earlier values of its key."""
    with connections.read_as_etl() as cursor:
        origin = origins.find_origins(cursor, [dataset_id]).get(str(dataset_id))
    # who may see only the lists of an import may see them in its target, and in no other table
    if origin is None or origin.target_table != name:
        abort(404, "This row does not exist.")
    query = parse_table_query({"dataset": str(dataset_id)}, is_for_people=True)
    view = tables.prepare_view(name, query, origin.config_name)
    if origin.load_mode == "snapshot":
        # a table may have columns of other lists
        view = dataclasses.replace(view, own_columns=tuple(origin.columns))
    if not view.relation.has_lineage:
        abort(404, "The rows of a view have no file of their own.")
    row = origins.find_row(view, dataset_id, line, request.args.get("place", ""))
    if row is None:
        abort(404, "This row does not exist.")
    earlier = origins.list_earlier(view, origin, row, find_key_columns(origin.config_name))
    return render_template(
        "row.html", is_part=bool(request.headers.get("HX-Request")), view=view, row=row, line=line, origin=origin,
        earlier=earlier,
    )  # fmt: skip


@blueprint.get("/<path:name>/groups")
@access.allow("user")
def show_groups(name: str) -> str:
    """Show how many rows have each value of one column or of several, and what another column adds up to."""
    view = tables.prepare_view(name, parse_table_query(request.args, is_for_people=True))
    chosen = [part for text in request.args.get("by", "").split(",") if (part := text.strip())][:MAX_CARDS]
    is_part = bool(request.headers.get("HX-Request"))
    limit = value_counts.CARD_VALUES if is_part or len(chosen) > 1 else value_counts.MAX_VALUES
    added = request.args.get("sum", "")
    return render_template(
        "groups.html", is_part=is_part, view=view, path=f"/console/tables/{quote(name)}", added=added,
        cards=[value_counts.count_by(view, column, added, limit) for column in chosen],
        arguments=make_arguments(view.query), numbers=_list_numbers(view),
    )  # fmt: skip


@blueprint.get("/<path:name>/totals")
@access.allow("user")
def show_totals(name: str) -> str:
    """Show how many rows there are and what the number columns add up to, for the page of rows."""
    view = tables.prepare_view(name, parse_table_query(request.args, None, MAX_COLUMNS, is_for_people=True))
    return render_template("parts/totals.html", totals=value_counts.add_up(view))


def _list_numbers(view: TableView) -> list[str]:
    return [column.name for column in view.data_columns if column.display_type == "number" and not column.is_masked]


def read_rows(
    view: TableView, path: str, arguments: dict[str, str], origin_columns: set[str] | None = None
) -> dict[str, Any]:
    """Return what the template of rows needs: the page, where its rows come from, and how far it is.

    `origin_columns`: which of list and date differ from row to row; by default those that do.
    """
    page = tables.read_page(view)
    known: dict[str, origins.Origin] = {}
    if view.has_origin and page.rows:
        with connections.read_as_etl() as cursor:
            known = origins.find_origins(cursor, {row[tables.DATASET] for row in page.rows})
    if origin_columns is None:
        has_value = {
            "list": any(item.label for item in known.values()),
            "date": any(item.date for item in known.values()),
        }
        origin_columns = {name for name, has_one in has_value.items() if has_one}
    first = parse_number(request.args, "row") or 1
    return {
        "view": view, "page": page, "origins": known, "origin_columns": origin_columns, "query": view.query,
        "operators": tables.OPERATORS, "columns": [column for column in view.data_columns if not column.is_masked],
        "shown": view.shown_columns, "step": MAX_COLUMNS, "longest": MAX_CELL_LETTERS, "arguments": arguments,
        "path": path, "first": first, "by": request.args.get("by", ""), "added": request.args.get("sum", ""),
        "numbers": _list_numbers(view), "total": table_counts.count_quickly(view),
    }  # fmt: skip


def make_arguments(query: TableQuery) -> dict[str, str]:
    """Return the arguments of a query for an address, without the page, for links that sort or download."""
    arguments: dict[str, str] = {}
    for number, item in enumerate(query.filters, start=1):
        arguments |= {f"column{number}": item.column, f"operator{number}": item.operator, f"value{number}": item.value}
    if query.sort:
        arguments |= {"sort": query.sort, "order": "desc" if query.descending else "asc"}
    if query.first_column:
        arguments["from_column"] = str(query.first_column + 1)
    if query.history:
        arguments["rows"] = "all"
    if query.columns:
        arguments["columns"] = ",".join(query.columns)
    if query.day:
        arguments["day"] = str(query.day)
    arguments |= {key: request.args[key] for key in ("by", "sum") if request.args.get(key)}
    if query.dataset_id is not None and "list" not in request.args and "/lists/" not in request.path:
        arguments["dataset"] = str(query.dataset_id)
    return arguments

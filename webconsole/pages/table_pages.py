"""Show tables and their rows, and send them as files."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from webconsole import connections, send_file
from webconsole.queries import relations, tables
from webconsole.queries.tables import TableQuery
from webconsole.query_arguments import parse_table_query
from webconsole.security import access

blueprint = Blueprint("tables", __name__, url_prefix="/console/tables")
# the most that a page shows of a cell and of a row; a download has everything
MAX_CELL_LETTERS, MAX_COLUMNS = 300, 60


@blueprint.get("")
@access.allow("user")
def show_list() -> str:
    """Show every table."""
    with connections.read_as_reader() as cursor:
        rows = relations.list_relations(cursor)
    return render_template("tables.html", tables=rows)


@blueprint.get("/<path:name>")
@access.allow("user")
def show_table(name: str) -> str:
    """Show the rows of one table."""
    view = tables.prepare_view(name, parse_table_query(request.args, MAX_CELL_LETTERS, MAX_COLUMNS))
    return render_template(
        "table.html", view=view, page=tables.read_page(view), operators=tables.OPERATORS, query=view.query,
        columns=view.relation.columns, shown=view.shown_columns, step=MAX_COLUMNS, longest=MAX_CELL_LETTERS,
        arguments=_make_arguments(view.query),
    )  # fmt: skip


@blueprint.get("/<path:name>/download.<any(csv, xlsx):suffix>")
@access.allow("user")
def download_table(name: str, suffix: str) -> Response:
    """Send all rows of the view as a file."""
    view = tables.prepare_view(name, parse_table_query(request.args))
    return send_file.send_table(view, suffix)


def _make_arguments(query: TableQuery) -> dict[str, str]:
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
    if query.dataset_id is not None:
        arguments["dataset"] = str(query.dataset_id)
    return arguments

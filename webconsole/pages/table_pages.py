"""Tables: which there are, their rows, and both as files."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from webconsole import connections, send_file
from webconsole.queries import relations, tables
from webconsole.queries.tables import Wanted
from webconsole.query_arguments import wanted_from
from webconsole.security import access

blueprint = Blueprint("tables", __name__, url_prefix="/console/tables")
CELL_LETTERS, MAX_COLUMNS = 300, 60  # that a page shows of a cell and of a row: more is for a download


@blueprint.get("")
@access.allow("user")
def listed() -> str:
    """Every table there is to look at."""
    with connections.viewing() as cursor:
        found = relations.listed(cursor)
    return render_template("tables.html", tables=found)


@blueprint.get("/<path:name>")
@access.allow("user")
def one(name: str) -> str:
    """The rows of one table."""
    asked = tables.view(name, wanted_from(request.args, CELL_LETTERS, MAX_COLUMNS))
    return render_template(
        "table.html", asked=asked, page=tables.page(asked), operators=tables.OPERATORS, wanted=asked.wanted,
        columns=asked.relation.columns, shown=asked.shown, step=MAX_COLUMNS, longest=CELL_LETTERS,
        arguments=_arguments(asked.wanted),
    )  # fmt: skip


@blueprint.get("/<path:name>/download.<any(csv, xlsx):ending>")
@access.allow("user")
def download(name: str, ending: str) -> Response:
    """All that was asked for, as a file."""
    asked = tables.view(name, wanted_from(request.args))
    return send_file.table(asked, ending)


def _arguments(wanted: Wanted) -> dict[str, str]:
    """The address's arguments again, without the page: what sort and download links add to."""
    found: dict[str, str] = {}
    for number, each in enumerate(wanted.filters, start=1):
        found |= {f"column{number}": each.column, f"operator{number}": each.operator, f"value{number}": each.value}
    if wanted.sort:
        found |= {"sort": wanted.sort, "order": "desc" if wanted.descending else "asc"}
    if wanted.first_column:
        found["from_column"] = str(wanted.first_column + 1)
    if wanted.history:
        found["rows"] = "all"
    if wanted.dataset_id is not None:
        found["dataset"] = str(wanted.dataset_id)
    return found

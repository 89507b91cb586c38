"""Tables for programs."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response, abort, jsonify, request
from pydantic import Field

from webconsole import connections, send_file, upload_form
from webconsole.api.openapi import Body, described, given
from webconsole.api.run_routes import TEXT
from webconsole.queries import relations, tables
from webconsole.query_arguments import wanted_from
from webconsole.security import access

blueprint = Blueprint("table_routes", __name__)
MAX_NAME_LETTERS, MAX_VALUE_LETTERS = 200, 4000  # of a table or column (63 bytes each, quoted); of what is sought


class Condition(Body):
    """A filter on one column."""

    column: str = Field(max_length=MAX_NAME_LETTERS)
    operator: Literal["contains", "is", "not", "from", "to", "empty", "filled"] = "contains"
    value: str = Field("", max_length=MAX_VALUE_LETTERS)


class DataView(Body):
    """Which rows of which table; instead of the table, a YAML whose target it is."""

    table: str = Field("", max_length=MAX_NAME_LETTERS)
    yaml: str = Field("", max_length=upload_form.MOST_BYTES)
    sort: str = Field("", max_length=MAX_NAME_LETTERS)
    descending: bool = False
    filters: list[Condition] = Field([], max_length=8)
    history: bool = False
    dataset_id: int | None = Field(None, ge=0, le=2_000_000_000)
    after: str | None = Field(None, max_length=access.MAX_QUERY_BYTES)
    size: int = Field(50, ge=1, le=1000)


@blueprint.get("/tables")
@access.allow("user")
@described()
def listed() -> Response:
    """The tables there are to look at."""
    with connections.viewing() as cursor:
        found = relations.listed(cursor)
    return jsonify(
        rows=[{"table": each.full_name, "is_table": each.is_table, "comment": each.comment} for each in found]
    )


@blueprint.post("/data-view")
@access.allow("user")
@described(body=DataView)
def view() -> Response:
    """Rows of a table, sorted, filtered, paged by key; every cell as text, times in UTC."""
    body = given(DataView)
    if "\x00" in request.get_data(as_text=True) or "\\u0000" in request.get_data(as_text=True):
        abort(422, "NUL is no text")
    filters = tuple(tables.Filter(each.column, each.operator, each.value) for each in body.filters)
    wanted = tables.Wanted(
        body.sort, body.descending, filters, body.history, body.dataset_id, body.after, size=body.size
    )
    asked = tables.view(_table(body), wanted)
    return jsonify(tables.as_json(asked, tables.page(asked)))


def _table(body: DataView) -> str:
    """The table that was named, itself or by a YAML."""
    if not body.yaml:
        return body.table
    if table := upload_form.operators_target(body.yaml):
        return table
    found = upload_form.checked("looked_at", body.yaml)
    if found.faults:
        abort(422, "; ".join(map(str, found.faults)))
    return upload_form.target_of(found)


@blueprint.get("/tables/<path:name>/download.<any(csv, xlsx):ending>")
@access.allow("user")
@described(
    query={"sort": TEXT, "order": {"type": "string", "enum": ["asc", "desc"]}, "column1": TEXT,
           "operator1": {"type": "string", "enum": list(tables.OPERATORS)}, "value1": TEXT,
           "rows": {"type": "string", "enum": ["all"]}},
    content=send_file.EITHER, answer={"type": "string", "format": "binary"},
)  # fmt: skip
def download(name: str, ending: str) -> Response:
    """A table as a file; column1, operator1, value1 to column8 filter it."""
    asked = tables.view(name, wanted_from(request.args))
    return send_file.table(asked, ending)

"""Answer with the rows of tables, as JSON or as files."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, Response, abort, jsonify, request
from pydantic import Field

from webconsole import connections, send_file, upload_form
from webconsole.api import answers
from webconsole.api.openapi import PAGE, Body, describe, parse_body
from webconsole.api.run_routes import TEXT, make_page_json
from webconsole.queries import keyset_pages, relations, tables
from webconsole.query_arguments import MAX_LIMIT, parse_limit, parse_table_query
from webconsole.security import access

blueprint = Blueprint("table_routes", __name__)
# of a table or column (63 bytes each, quoted), and of a value to filter by
MAX_NAME_LETTERS, MAX_VALUE_LETTERS = 200, 4000


class Condition(Body):
    """A filter on one column."""

    column: str = Field(max_length=MAX_NAME_LETTERS)
    operator: Literal["contains", "is", "not", "from", "to", "empty", "filled"] = "contains"
    value: str = Field("", max_length=MAX_VALUE_LETTERS)


class DataView(Body):
    """Which rows of which table; a YAML may stand for its target table."""

    table: str = Field("", max_length=MAX_NAME_LETTERS)
    yaml: str = Field("", max_length=upload_form.MAX_YAML_BYTES)
    sort: str = Field("", max_length=MAX_NAME_LETTERS)
    descending: bool = False
    filters: list[Condition] = Field([], max_length=8)
    history: bool = False
    dataset_id: int | None = Field(None, ge=0, le=2_000_000_000)
    after: str | None = Field(None, max_length=access.MAX_QUERY_BYTES)
    size: int = Field(50, ge=1, le=1000)


@blueprint.get("/tables")
@access.allow("user")
@describe(query=PAGE, answer=answers.PageOf[answers.Table])
def list_tables() -> Response:
    """Return the visible tables and views."""
    size = parse_limit(request.args, MAX_LIMIT)
    with connections.read_as_reader() as cursor:
        visible = relations.list_relations(cursor)
    rows = [{"table": item.full_name, "is_table": item.is_table, "comment": item.comment} for item in visible]
    return jsonify(make_page_json(keyset_pages.slice_page(rows, size, request.args.get("after"))))


@blueprint.post("/data-view")
@access.allow("user")
@describe(body=DataView, answer=answers.TableRows)
def view_rows() -> Response:
    """Return rows of a table, sorted, filtered and paged by key; every cell as text, times in UTC."""
    body = parse_body(DataView)
    if "\x00" in request.get_data(as_text=True) or "\\u0000" in request.get_data(as_text=True):
        abort(422, "The body contains invalid characters (NUL).")
    filters = tuple(tables.Filter(item.column, item.operator, item.value) for item in body.filters)
    query = tables.TableQuery(
        body.sort, body.descending, filters, body.history, body.dataset_id, body.after, size=body.size
    )
    view = tables.prepare_view(_find_table(body), query)
    return jsonify(tables.make_json(view, tables.read_page(view)))


def _find_table(body: DataView) -> str:
    """Return the table that is named directly or by a YAML."""
    if not body.yaml:
        return body.table
    if table := upload_form.find_operator_target(body.yaml):
        return table
    upload = upload_form.check_upload("viewed", body.yaml)
    if upload.faults:
        abort(422, "; ".join(map(str, upload.faults)))
    return upload_form.find_target(upload)


@blueprint.get("/tables/<path:name>/download.<any(csv, xlsx):ending>")
@access.allow("user")
@describe(
    query={"sort": TEXT, "order": {"type": "string", "enum": ["asc", "desc"]}, "column1": TEXT,
           "operator1": {"type": "string", "enum": list(tables.OPERATORS)}, "value1": TEXT,
           "rows": {"type": "string", "enum": ["all"]}},
    content=send_file.MEDIA_TYPE_LIST, answer={"type": "string", "format": "binary"},
)  # fmt: skip
def download_table(name: str, ending: str) -> Response:
    """Return a table as a file; column1, operator1, value1 up to column8 filter it."""
    view = tables.prepare_view(name, parse_table_query(request.args))
    return send_file.send_table(view, ending)

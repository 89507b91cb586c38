"""Save views of tables under a name, and delete them."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, abort, flash, make_response, redirect, request

from webconsole import connections
from webconsole.queries import relations, saved_views
from webconsole.query_arguments import MAX_INTEGER
from webconsole.security import access

blueprint = Blueprint("views", __name__, url_prefix="/console/views")


@blueprint.post("")
@access.allow("user")
def save_view() -> Response:
    """Save the view that a page of a table shows."""
    table, arguments = request.form.get("table", ""), request.form.get("arguments", "")
    with connections.read_as_reader() as cursor:
        # refuses a table that the user may not see
        relations.find_relation(cursor, table)
    name, is_shared = request.form.get("name", ""), request.form.get("shared") == "yes"
    with connections.write_as_etl() as cursor:
        saved_views.save_view(cursor, table, access.require_user().name, name, arguments, is_shared)
    flash(f"The view {' '.join(name.split())} is saved.")
    query = saved_views.clean_arguments(arguments)
    return make_response(redirect(f"/console/tables/{quote(table)}{'?' if query else ''}{query}", 303))


@blueprint.post(f"/<int(max={MAX_INTEGER}):number>/delete")
@access.allow("user")
def delete_view(number: int) -> Response:
    """Delete a view of one's own."""
    with connections.write_as_etl() as cursor:
        table = saved_views.delete_view(cursor, number, access.require_user().name)
    if table is None:
        abort(404, "You have no such view.")
    flash("The view is deleted.")
    return make_response(redirect(f"/console/tables/{quote(table)}", 303))

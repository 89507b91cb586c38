"""Show rejected rows by dataset, and refused files."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from webconsole import connections
from webconsole.queries import configurations, datasets, start_choices
from webconsole.security import access

blueprint = Blueprint("rejects", __name__)


@blueprint.get("/console/rejects")
@access.allow("admin")
def show_page() -> str:
    """Show the datasets with rejected rows and the refused files."""
    name, after = (request.args.get(key, "") for key in ("import", "after"))
    with connections.read_as_etl() as cursor:
        page = datasets.list_with_rejects(cursor, name, after)
        refused = datasets.list_refused_files(cursor) if not after else []
        retries = start_choices.list_retries(cursor, refused)
        names = configurations.list_names(cursor)
    return render_template(
        "rejects.html", page=page, refused=refused, retries=retries, names=names, name=name, after=after
    )

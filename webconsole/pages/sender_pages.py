"""Show how the sender of each import delivered."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from webconsole import connections
from webconsole.queries import configurations, senders
from webconsole.security import access

blueprint = Blueprint("senders", __name__)


@blueprint.get("/console/senders")
@access.allow("admin")
def show_page() -> str:
    """Show files on time, late and refused, rejected rows and drift, by import and month."""
    name = request.args.get("import", "")
    with connections.read_as_etl() as cursor:
        months = senders.list_months(cursor, name)
        names = configurations.list_names(cursor)
    return render_template("senders.html", months=months, names=names, name=name)

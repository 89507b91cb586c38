"""Rejected rows by dataset, and files that were refused whole."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from webconsole import connections
from webconsole.queries import configurations, datasets, start_choices
from webconsole.security import access

blueprint = Blueprint("rejects", __name__)


@blueprint.get("/console/rejects")
@access.allow("admin")
def page() -> str:
    """What was kept aside."""
    name, after = (request.args.get(key, "") for key in ("import", "after"))
    with connections.reading() as cursor:
        found = datasets.rejecting(cursor, name, after)
        refused = datasets.refused(cursor) if not after else []
        retries = start_choices.retries(cursor, refused)
        names = configurations.names(cursor)
    return render_template(
        "rejects.html", page=found, refused=refused, retries=retries, names=names, name=name, after=after
    )

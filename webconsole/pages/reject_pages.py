"""Rejected rows by dataset, and files that were refused whole."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from webconsole import access, database
from webconsole.reading import configurations, datasets, startable

blueprint = Blueprint("rejects", __name__)


@blueprint.get("/console/rejects")
@access.allow("admin")
def page() -> str:
    """What was kept aside."""
    name, after = (request.args.get(key, "") for key in ("import", "after"))
    with database.reading() as cursor:
        found = datasets.rejecting(cursor, name, after)
        refused = datasets.refused(cursor) if not after else []
        retries = startable.retries(cursor, refused)
        names = configurations.names(cursor)
    return render_template(
        "rejects.html", page=found, refused=refused, retries=retries, names=names, name=name, after=after
    )

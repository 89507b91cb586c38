"""The first page: what needs somebody, what runs, what ran."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template

from webconsole import access, charts, database
from webconsole.reading import datasets, runs

blueprint = Blueprint("overview", __name__)


@blueprint.get("/console/")
@access.allow("user")
def page() -> Response:
    """For the operator the state of things; an analyst goes straight to the tables."""
    if not access.the_user().is_admin:
        return make_response(redirect("/console/tables"))
    with database.reading() as cursor:
        shown = {
            "trouble": runs.trouble(cursor),
            "held": datasets.held(cursor),
            "refused": datasets.refused(cursor),
            "running": runs.page(cursor, status="running").rows,
            "last": runs.page(cursor).rows[:8],
            "charts": charts.of_runs(runs.trend(cursor)),
        }
    return make_response(render_template("overview.html", **shown))

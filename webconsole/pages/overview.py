"""The first page: what needs somebody, what runs, what ran."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template

from webconsole import charts, connections
from webconsole.queries import datasets, runs, warnings
from webconsole.queries.keyset_pages import Page
from webconsole.security import access

blueprint = Blueprint("overview", __name__)


@blueprint.get("/console/")
@access.allow("user")
def page() -> Response:
    """For the operator the state of things; an analyst goes straight to the tables."""
    if not access.the_user().is_admin:
        return make_response(redirect("/console/tables"))
    with connections.reading() as cursor:
        shown = {
            "trouble": runs.trouble(cursor),
            "held": datasets.held(cursor),
            "refused": datasets.refused(cursor),
            "warnings": warnings.lately(cursor),
            "running": _jobs(runs.page(cursor, status="running")),
            "last": _jobs(runs.page(cursor))[:8],
            "charts": charts.of_runs(runs.trend(cursor)),
        }
    return make_response(render_template("overview.html", **shown))


def _jobs(found: Page) -> list[dict[str, Any]]:
    """The runs of a page without those of the console itself, which say nothing of the data."""
    return [run for run in found.rows if run["job"] not in ("web_console", "console_user")]

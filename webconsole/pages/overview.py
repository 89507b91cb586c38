"""Show the first page: what needs attention, what is running, what has run."""

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
def show_page() -> Response:
    """Show the overview to the operator; redirect an analyst to the tables."""
    if not access.require_user().is_admin:
        return make_response(redirect("/console/tables"))
    with connections.read_as_etl() as cursor:
        context = {
            "trouble": runs.list_unresolved_runs(cursor),
            "held": datasets.list_held(cursor),
            "refused": datasets.list_refused_files(cursor),
            "warnings": warnings.list_recent_warnings(cursor),
            "running": _leave_out_console(runs.list_runs(cursor, status="running")),
            "last": _leave_out_console(runs.list_runs(cursor))[:8],
            "charts": charts.make_run_charts(runs.list_chart_runs(cursor)),
        }
    return make_response(render_template("overview.html", **context))


def _leave_out_console(page: Page) -> list[dict[str, Any]]:
    """Return the runs of a page without those of the console itself, which load no data."""
    return [run for run in page.rows if run["job"] not in ("web_console", "console_user")]

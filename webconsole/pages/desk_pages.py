"""Show the operator's desk: what needs a decision, each pipeline and feed in a line, and what runs now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from webconsole import connections, decisions, desk_lines
from webconsole.queries import desk, runs, warnings
from webconsole.security import access

blueprint = Blueprint("desk", __name__)


@blueprint.get("/console/")
@access.allow("user")
def show_page() -> Response:
    """Show the desk to the operator; redirect an analyst to the lists."""
    if not access.require_user().is_admin:
        return make_response(redirect("/console/lists"))
    return make_response(render_template("desk.html", **_read_desk()))


@blueprint.get("/console/desk/live")
@access.allow("admin")
def show_live_part() -> str:
    """Show the part of the desk that changes by itself."""
    return render_template("parts/desk_live.html", **_read_desk())


@blueprint.post("/console/desk/dismiss")
@access.allow("admin")
def dismiss() -> Response:
    """Take something off the desk, with a reason."""
    values = (request.form.get(name, "") for name in ("kind", "key", "reason"))
    flash(decisions.dismiss(*values))
    return make_response(redirect("/console/", 303))


def _read_desk() -> dict[str, Any]:
    pipelines, faults = desk_lines.load_pipelines()
    with connections.read_as_etl() as cursor:
        feeds = desk.list_feeds(cursor)
        active = [row for row in feeds if row["newest_file_at"] or row["waiting"] or row["held"]]
        return {
            "decisions": decisions.gather_decisions(cursor, [*(item.name for item in pipelines), *faults]),
            "pipelines": desk_lines.list_pipeline_lines(cursor, pipelines, faults),
            "feeds": desk_lines.list_feed_lines(cursor, active, pipelines),
            "others": len(feeds) - len(active),
            "warnings": warnings.list_recent_warnings(cursor),
            "running": runs.list_running(cursor),
        }

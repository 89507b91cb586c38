"""Show the last log entries of all runs, refreshed every ten seconds."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from webconsole import connections
from webconsole.queries import runs
from webconsole.security import access

blueprint = Blueprint("log", __name__, url_prefix="/console/log")


@blueprint.get("")
@access.allow("admin")
def show_page() -> str:
    """Show the page."""
    return render_template("log.html", **_read_entries())


@blueprint.get("/live")
@access.allow("admin")
def show_entries() -> str:
    """Show only the entries, for the refresh."""
    return render_template("parts/log_live.html", **_read_entries())


def _read_entries() -> dict[str, object]:
    trouble = request.args.get("only", "") == "trouble"
    with connections.read_as_etl() as cursor:
        return {"entries": runs.read_last_entries(cursor, trouble), "trouble": trouble}

"""The last that any run said, refreshed every ten seconds."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from webconsole import connections
from webconsole.queries import runs
from webconsole.security import access

blueprint = Blueprint("log", __name__, url_prefix="/console/log")


@blueprint.get("")
@access.allow("admin")
def page() -> str:
    """The whole page."""
    return render_template("log.html", **_shown())


@blueprint.get("/live")
@access.allow("admin")
def live() -> str:
    """The entries alone."""
    return render_template("parts/log_live.html", **_shown())


def _shown() -> dict[str, object]:
    trouble = request.args.get("only", "") == "trouble"
    with connections.reading() as cursor:
        return {"entries": runs.last_entries(cursor, trouble), "trouble": trouble}

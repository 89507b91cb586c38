"""Show the operator's desk: what needs a decision, each pipeline and feed in a line, and what runs now."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from webconsole import decisions, desk_lines
from webconsole.security import access

blueprint = Blueprint("desk", __name__)


@blueprint.get("/console/")
@access.allow("user")
def show_page() -> Response:
    """Show the desk to the operator; redirect an analyst to the lists."""
    if not access.require_user().is_admin:
        return make_response(redirect("/console/lists"))
    return make_response(render_template("desk.html", **vars(desk_lines.load_desk())))


@blueprint.get("/console/desk/live")
@access.allow("admin")
def show_live_part() -> str:
    """Show the part of the desk that changes by itself."""
    return render_template("parts/desk_live.html", **vars(desk_lines.load_desk()))


@blueprint.post("/console/desk/dismiss")
@access.allow("admin")
def dismiss() -> Response:
    """Take something off the desk, with a reason."""
    values = (request.form.get(name, "") for name in ("kind", "key", "reason"))
    flash(decisions.dismiss(*values))
    return make_response(redirect("/console/", 303))

"""Show the sign-in page."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request

from webconsole.security import access

blueprint = Blueprint("signing_pages", __name__)


@blueprint.get("/")
@access.allow("anyone")
def go_to_first_page() -> Response:
    """Redirect to the desk, or for an analyst to the lists."""
    return make_response(redirect("/console/"))


@blueprint.get("/console/sign-in")
@access.allow("anyone")
def show_form() -> str:
    """Show the form for name and password."""
    return render_template("sign_in.html", name="", message="", next=request.args.get("next", ""))

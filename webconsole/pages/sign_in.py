"""The sign-in page, and the way to it."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request

from webconsole.security import access

blueprint = Blueprint("signing_pages", __name__)


@blueprint.get("/")
@access.allow("anyone")
def root() -> Response:
    """The console begins at its overview."""
    return make_response(redirect("/console/"))


@blueprint.get("/console/sign-in")
@access.allow("anyone")
def sign_in() -> str:
    """Ask for name and password."""
    return render_template("sign_in.html", name="", message="", next=request.args.get("next", ""))

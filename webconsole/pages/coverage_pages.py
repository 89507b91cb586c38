"""How much of the suite its tests run."""

from __future__ import annotations

from flask import Blueprint, render_template

from webconsole import coverage_report
from webconsole.security import access

blueprint = Blueprint("coverage", __name__)


@blueprint.get("/console/coverage")
@access.allow("user")
def page() -> str:
    """The whole and each file."""
    return render_template("coverage.html", report=coverage_report.read())

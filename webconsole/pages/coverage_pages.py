"""Show the test coverage."""

from __future__ import annotations

from flask import Blueprint, render_template

from webconsole import coverage_report
from webconsole.security import access

blueprint = Blueprint("coverage", __name__)


@blueprint.get("/console/coverage")
@access.allow("user")
def show_page() -> str:
    """Show the total and each file."""
    return render_template("coverage.html", report=coverage_report.load_report())

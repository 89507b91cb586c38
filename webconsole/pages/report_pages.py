"""Show reports, and let users subscribe to them and leave them."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from systemscripts.reports import charts as cells
from webconsole import report_actions, report_view
from webconsole.queries import reports
from webconsole.query_arguments import parse_number
from webconsole.security import access, visibility

blueprint = Blueprint("reports", __name__)
REPORTS = "/console/reports"


@blueprint.get(REPORTS)
@access.allow("user")
def show_list() -> str:
    """Show the reports that the user may read."""
    rows = reports.list_readable(visibility.current(), access.require_user().name)
    return render_template("reports.html", reports=rows, email=report_actions.find_own_email())


@blueprint.get(f"{REPORTS}/<name>")
@access.allow("user")
def show_report(name: str) -> str:
    """Show a report as of now, since the mail before the last one or since another one."""
    report, content, mails, since = reports.read_report(name, visibility.current(), parse_number(request.args, "since"))
    return render_template(
        "report.html", report=report, view=report_view.arrange(report, content), mails=mails, since=since,
        description=reports.read_description(name), choice=report_actions.find_own_choice(name),
        email=report_actions.find_own_email(), cell=cells.format_cell, longest=report_view.MAX_ROWS,
    )  # fmt: skip


@blueprint.post(f"{REPORTS}/<name>/subscribe")
@access.allow("user")
def subscribe(name: str) -> Response:
    """Send the report to the user from now on."""
    flash(report_actions.choose_report(name, wants_it=True))
    return make_response(redirect(f"{REPORTS}/{quote(name)}", 303))


@blueprint.post(f"{REPORTS}/<name>/unsubscribe")
@access.allow("user")
def unsubscribe(name: str) -> Response:
    """Send the report to the user no longer."""
    flash(report_actions.choose_report(name, wants_it=False))
    return make_response(redirect(f"{REPORTS}/{quote(name)}", 303))

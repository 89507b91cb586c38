"""Answer with reports, and subscribe to them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from webconsole import report_actions, report_view
from webconsole.api import answers
from webconsole.api.openapi import PAGE, describe
from webconsole.api.run_routes import make_page_json
from webconsole.queries import keyset_pages, reports
from webconsole.query_arguments import MAX_INTEGER, MAX_LIMIT, parse_limit, parse_number
from webconsole.security import access, visibility

blueprint = Blueprint("report_routes", __name__)


@blueprint.get("/reports")
@access.allow("user")
@describe(query=PAGE, answer=answers.PageOf[answers.ReportSummary])
def list_reports() -> Response:
    """Return the reports that the user may read."""
    rows = reports.list_readable(visibility.current(), access.require_user().name)
    size = parse_limit(request.args, MAX_LIMIT)
    return jsonify(make_page_json(keyset_pages.slice_page(rows, size, request.args.get("after"))))


@blueprint.get("/reports/<name>")
@access.allow("user")
@describe(query={"since": {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}}, answer=answers.ReportContent)
def show_report(name: str) -> Response:
    """Return a report as of now, since the mail before the last one or since another one (0: the beginning)."""
    report, content, _, since = reports.read_report(name, visibility.current(), parse_number(request.args, "since"))
    return jsonify({"report": name, "since": since} | report_view.describe(report_view.arrange(report, content)))


@blueprint.put("/reports/<name>/subscription")
@access.allow("user")
@describe(answer=answers.Done)
def subscribe(name: str) -> Response:
    """Send the report to the user from now on."""
    return jsonify(headline=report_actions.choose_report(name, wants_it=True))


@blueprint.delete("/reports/<name>/subscription")
@access.allow("user")
@describe(answer=answers.Done)
def unsubscribe(name: str) -> Response:
    """Send the report to the user no longer."""
    return jsonify(headline=report_actions.choose_report(name, wants_it=False))

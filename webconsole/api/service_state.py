"""Is it alive, and what can be asked of it."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, make_response

from webconsole import connections, coverage_report
from webconsole.api.openapi import described, document, plain
from webconsole.security import access

blueprint = Blueprint("state", __name__)


@blueprint.get("/health")
@access.allow("anyone")
@described()
def health() -> Response:
    """Whether the console and its database answer."""
    if not connections.answers():  # what is wrong is for the log, not for whoever asks
        return make_response(jsonify(error="the database does not answer", hint="See the log of the console."), 503)
    return jsonify(status="ok")


@blueprint.get("/openapi.json")
@access.allow("anyone")
def openapi() -> Response:
    """The description of the JSON routes (OpenAPI 3.1)."""
    return jsonify(document(current_app))


@blueprint.get("/coverage-report")
@access.allow("user")
@described()
def coverage() -> Response:
    """What the tests cover: lines, statements, per cent, and the same for each file."""
    report = coverage_report.read()
    if report is None:
        return make_response(jsonify(error="there is no coverage report", hint="Run ./run_tests.sh --coverage"), 404)

    def summary(each: coverage_report.Covered) -> dict[str, object]:
        return {"covered_lines": each.covered, "num_statements": each.statements, "percent_covered": each.percent}

    files = {each.name: summary(each) for each in report.files}
    return jsonify(
        plain({"made_at": report.made_at, "source": report.source} | summary(report.total) | {"files": files})
    )

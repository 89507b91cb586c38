"""Answer whether the service works and which routes it has."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify, make_response

from webconsole import connections, coverage_report
from webconsole.api.openapi import build_document, describe, make_plain
from webconsole.security import access

blueprint = Blueprint("state", __name__)


@blueprint.get("/health")
@access.allow("anyone")
@describe()
def show_health() -> Response:
    """Return whether the console and its database answer."""
    # the cause is only for the log, because anyone may ask
    if not connections.is_database_answering():
        return make_response(jsonify(error="the database does not answer", hint="See the log of the console."), 503)
    return jsonify(status="ok")


@blueprint.get("/openapi.json")
@access.allow("anyone")
def show_openapi() -> Response:
    """Return the description of the JSON routes (OpenAPI 3.1)."""
    return jsonify(build_document(current_app))


@blueprint.get("/coverage-report")
@access.allow("user")
@describe()
def show_coverage() -> Response:
    """Return the test coverage (lines, statements, percent) in total and for each file."""
    report = coverage_report.load_report()
    if report is None:
        return make_response(jsonify(error="there is no coverage report", hint="Type: ./run_tests.sh --coverage"), 404)

    def summarise(file: coverage_report.FileCoverage) -> dict[str, object]:
        return {"covered_lines": file.covered, "num_statements": file.statements, "percent_covered": file.percent}

    files = {file.name: summarise(file) for file in report.files}
    return jsonify(
        make_plain({"made_at": report.made_at, "source": report.source} | summarise(report.total) | {"files": files})
    )

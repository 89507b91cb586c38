"""Answer whether the service works and which routes it has."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from webconsole import connections, coverage_report
from webconsole.api import answers
from webconsole.api.openapi import build_document, describe, make_plain
from webconsole.error_handlers import get_prefix, make_answer
from webconsole.security import access

blueprint = Blueprint("state", __name__)


@blueprint.get("/health")
@access.allow("anyone")
@describe(answer=answers.Health)
def show_health() -> Response:
    """Return whether the console and its database answer."""
    # the cause is only for the log, because anyone may ask
    if not connections.is_database_answering():
        return make_answer(503, "the database does not answer", "See the log of the console.")
    return jsonify(status="ok")


@blueprint.get("/openapi.json")
@access.allow("anyone")
def show_openapi() -> Response:
    """Return the description of the JSON routes (OpenAPI 3.1)."""
    return jsonify(build_document(current_app, get_prefix()))


@blueprint.get("/coverage-report")
@access.allow("user")
@describe(answer=answers.Coverage)
def show_coverage() -> Response:
    """Return the test coverage (lines, statements, percent) in total and for each file."""
    report = coverage_report.load_report()
    if report is None:
        return make_answer(404, "there is no coverage report", "Type: ./run_tests.sh --coverage")

    def summarise(file: coverage_report.FileCoverage) -> dict[str, object]:
        return {"covered_lines": file.covered, "num_statements": file.statements, "percent_covered": file.percent}

    files = {file.name: summarise(file) for file in report.files}
    return jsonify(
        make_plain({"made_at": report.made_at, "source": report.source} | summarise(report.total) | {"files": files})
    )

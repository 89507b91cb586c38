"""Runs: start, watch, stop, list, and what they said."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, make_response, request
from pydantic import Field

from webconsole import actions, connections, run_processes
from webconsole.api.openapi import Body, described, plain
from webconsole.api.openapi import given as given_body
from webconsole.queries import runs, warnings
from webconsole.queries.keyset_pages import Page
from webconsole.query_arguments import MOST, number_from
from webconsole.security import access

blueprint = Blueprint("run_routes", __name__)
TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MOST}


class NewJob(Body):
    """What to run."""

    job: Literal["generic_import", "run_elt", "run_pipeline", "send_report"]
    name: str = Field(description="The import, YAML job, pipeline or report", pattern="^[a-z0-9][a-z0-9_]{0,99}$")
    how: Literal["run", "dry_run", "schedule", "retry_refused"] = "run"


@blueprint.post("/jobs")
@access.allow("admin")
@described(body=NewJob, status=202)
def start() -> Response:
    """Start a job."""
    wanted = given_body(NewJob)
    return _started(actions.start(wanted.job, wanted.name, wanted.how))


@blueprint.post("/jobs/<uuid:run_uuid>/retry")
@access.allow("admin")
@described(status=202)
def retry(run_uuid: UUID) -> Response:
    """Start the same command as a run that failed, was interrupted, timed out or was skipped."""
    return _started(actions.retry(str(run_uuid)))


def _started(run_uuid: str) -> Response:
    response = make_response(jsonify(run_uuid=run_uuid, status="starting"), 202)
    response.headers["Location"] = f"/jobs/{run_uuid}"
    return response


@blueprint.get("/jobs/<uuid:run_uuid>")
@access.allow("admin")
@described()
def watch(run_uuid: UUID) -> Response:
    """How a run is going: its row, steps, warnings, last log entries, and at its end what it printed."""
    return jsonify(plain(_state(str(run_uuid))))


@blueprint.get("/runs/<uuid:run_uuid>")
@access.allow("admin")
@described()
def one(run_uuid: UUID) -> Response:
    """One run, the same as /jobs/{run_uuid}."""
    return jsonify(plain(_state(str(run_uuid))))


@blueprint.delete("/jobs/<uuid:run_uuid>")
@access.allow("admin")
@described(status=202)
def stop(run_uuid: UUID) -> Response:
    """Ask a running job to end."""
    actions.stop(str(run_uuid))
    return make_response(jsonify(run_uuid=str(run_uuid), status="stopping"), 202)


@blueprint.get("/runs")
@access.allow("admin")
@described(query={"job": TEXT, "status": {"type": "string", "enum": list(runs.STATUSES)}, "after": TEXT})
def listed() -> Response:
    """Runs, newest first; `after` takes the `next` of the page before."""
    with connections.reading() as cursor:
        found = runs.page(cursor, *(request.args.get(name, "") for name in ("job", "status", "after")))
    return jsonify(as_page(found))


@blueprint.get("/runs/<uuid:run_uuid>/log")
@access.allow("admin")
@described(query={"after": _COUNT})
def log(run_uuid: UUID) -> Response:
    """What a run said, at most 500 entries after a sequence number."""
    with connections.reading() as cursor:
        return jsonify(rows=plain(runs.log(cursor, str(run_uuid), number_from(request.args, "after") or 0, 500)))


@blueprint.get("/logs")
@access.allow("admin")
@described(query={"only": {"type": "string", "enum": ["trouble"]}})
def logs() -> Response:
    """The last 100 entries of all runs, newest first; only=trouble: warnings and errors."""
    with connections.reading() as cursor:
        return jsonify(rows=plain(runs.last_entries(cursor, request.args.get("only") == "trouble")))


def as_page(found: Page) -> dict[str, Any]:
    """A page for a program."""
    return {"rows": plain(found.rows), "next": found.following}


def _state(run_uuid: str) -> dict[str, Any]:
    with connections.reading() as cursor:
        run = runs.one(cursor, run_uuid)
        steps, entries = runs.steps(cursor, run_uuid), runs.log_tail(cursor, run_uuid)
        warned = warnings.of_run(cursor, run_uuid)
    printed = run_processes.printed(run_uuid)
    if run is None and printed is None:
        abort(404, "There is no such run.")
    if run is None and printed is not None:
        status = "starting" if printed.exit_code is None else "failed"
        run = {"run_uuid": run_uuid, "status": status, "exit_code": printed.exit_code, "error": printed.error or None}
    summary = printed.summary if printed else None
    return {"run": run, "steps": steps, "warnings": warned, "log": entries, "summary": summary}

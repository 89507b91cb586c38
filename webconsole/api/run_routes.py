"""Start, watch, stop and list runs, and return their logs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal
from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, make_response, request
from pydantic import Field

from systemscripts.ingest import undo_preview
from webconsole import actions, connections, run_processes, schedule_actions
from webconsole.api import answers, desk_answers
from webconsole.api.openapi import PAGE, Body, Schema, describe, make_plain, parse_body
from webconsole.error_handlers import get_prefix
from webconsole.queries import runs, warnings
from webconsole.queries.keyset_pages import Page
from webconsole.query_arguments import MAX_INTEGER, parse_limit, parse_number
from webconsole.security import access

blueprint = Blueprint("run_routes", __name__)
TEXT: Schema = {"type": "string"}
# of one answer, if the request names no limit
MAX_LOG_ROWS = 500
_COUNT = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}


class NewJob(Body):
    """A job to start."""

    job: Literal["generic_import", "run_elt", "run_pipeline", "send_report"]
    name: str = Field(description="The import, YAML job, pipeline or report", pattern="^[a-z0-9][a-z0-9_]{0,99}$")
    how: Literal["run", "dry_run", "schedule", "retry_refused", "failed"] = "run"


class Undo(Body):
    """Options of an undo."""

    cascade: bool = Field(False, description="Also the later datasets that build on it (upsert)")


@blueprint.post("/jobs")
@access.allow("admin")
@describe(body=NewJob, status=202, answer=answers.Started)
def start_job() -> Response:
    """Start a job."""
    body = parse_body(NewJob)
    return answer_started(actions.start_job(body.job, body.name, body.how))


@blueprint.post("/jobs/<uuid:run_uuid>/retry")
@access.allow("admin")
@describe(status=202, answer=answers.Started)
def retry_run(run_uuid: UUID) -> Response:
    """Start the same command as a run that failed, was interrupted, timed out or was skipped."""
    return answer_started(actions.retry_run(str(run_uuid)))


def answer_started(run_uuid: str) -> Response:
    """Answer with the number and the address of a run that starts."""
    response = make_response(jsonify(run_uuid=run_uuid, status="starting"), 202)
    response.headers["Location"] = f"{get_prefix()}/jobs/{run_uuid}"
    return response


@blueprint.get("/jobs/<uuid:run_uuid>")
@access.allow("admin")
@describe(answer=answers.RunState)
def watch_run(run_uuid: UUID) -> Response:
    """Return the state of a run: its row, steps, warnings, last log entries and, at its end, its summary."""
    return jsonify(make_plain(_read_state(str(run_uuid))))


@blueprint.get("/runs/<uuid:run_uuid>")
@access.allow("admin")
@describe(answer=answers.RunState)
def show_run(run_uuid: UUID) -> Response:
    """Return a run, the same as /jobs/{run_uuid}."""
    return jsonify(make_plain(_read_state(str(run_uuid))))


@blueprint.delete("/jobs/<uuid:run_uuid>")
@access.allow("admin")
@describe(status=202, answer=answers.Started)
def stop_run(run_uuid: UUID) -> Response:
    """Ask a running job to stop."""
    actions.stop_run(str(run_uuid))
    return make_response(jsonify(run_uuid=str(run_uuid), status="stopping"), 202)


@blueprint.get("/runs/<uuid:run_uuid>/undo")
@access.allow("admin")
@describe(answer=desk_answers.UndoPreview)
def preview_undo(run_uuid: UUID) -> Response:
    """Return what an undo of a whole run, its steps included, would take away and bring back; nothing is changed."""
    with connections.read_as_etl() as cursor:
        if runs.find_run(cursor, str(run_uuid)) is None:
            abort(404, "This run does not exist.")
        going = undo_preview.preview_undo(cursor, str(run_uuid))
    return jsonify(make_plain({"run_uuid": str(run_uuid), "datasets": [asdict(item) for item in going]}))


@blueprint.post("/runs/<uuid:run_uuid>/undo")
@access.allow("admin")
@describe(body=Undo, status=202, answer=answers.Started)
def undo_run(run_uuid: UUID) -> Response:
    """Start the undo of everything that a run and its steps loaded."""
    return answer_started(actions.undo_run(str(run_uuid), parse_body(Undo).cascade))


@blueprint.get("/runs")
@access.allow("admin")
@describe(
    query={"job": TEXT, "status": {"type": "string", "enum": list(runs.STATUSES)}} | PAGE,
    answer=answers.PageOf[answers.Run],
)
def list_runs() -> Response:
    """Return runs, newest first; `after` takes the `next` of the page before."""
    size, names = parse_limit(request.args, runs.PAGE_ROWS), [request.args.get(key, "") for key in ("job", "status")]
    with connections.read_as_etl() as cursor:
        page = runs.list_runs(cursor, names[0], names[1], request.args.get("after"), size=size)
    return jsonify(make_page_json(page))


@blueprint.get("/runs/<uuid:run_uuid>/log")
@access.allow("admin")
@describe(query=PAGE | {"after": _COUNT}, answer=answers.PageOf[answers.LogEntry])
def show_run_log(run_uuid: UUID) -> Response:
    """Return the log of a run in order, from the entry after a sequence number."""
    size = parse_limit(request.args, MAX_LOG_ROWS)
    with connections.read_as_etl() as cursor:
        rows = runs.read_log(cursor, str(run_uuid), parse_number(request.args, "after") or 0, size + 1)
    following = str(rows[size - 1]["sequence"]) if len(rows) > size else None
    return jsonify(make_page_json(Page(rows[:size], following)))


@blueprint.get("/logs")
@access.allow("admin")
@describe(query={"only": {"type": "string", "enum": ["trouble"]}} | PAGE, answer=answers.PageOf[answers.LogEntry])
def list_log_entries() -> Response:
    """Return the log entries of all runs, newest first; only=trouble: warnings and errors."""
    size = parse_limit(request.args, runs.LOG_ROWS)
    with connections.read_as_etl() as cursor:
        page = runs.list_entries(cursor, request.args.get("only") == "trouble", request.args.get("after"), size)
    return jsonify(make_page_json(page))


def make_page_json(page: Page) -> dict[str, Any]:
    """Return a page as values for JSON."""
    return {"rows": make_plain(page.rows), "next": page.following}


def _read_state(run_uuid: str) -> dict[str, Any]:
    with connections.read_as_etl() as cursor:
        run = runs.find_run(cursor, run_uuid)
        steps, entries = runs.list_steps(cursor, run_uuid), runs.read_log_tail(cursor, run_uuid)
        run_warnings = warnings.list_run_warnings(cursor, run_uuid)
    printed = run_processes.read_output(run_uuid)
    if run is None and printed is None:
        if schedule_actions.find_waiting_run(run_uuid) is None:
            abort(404, "This run does not exist.")
        run = {"run_uuid": run_uuid, "status": "waiting"}
    if run is None and printed is not None:
        status = "starting" if printed.exit_code is None else "failed"
        run = {"run_uuid": run_uuid, "status": status, "exit_code": printed.exit_code, "error": printed.error or None}
    summary = printed.summary if printed else None
    return {"run": run, "steps": steps, "warnings": run_warnings, "log": entries, "summary": summary}

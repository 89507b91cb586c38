"""Runs: the list with its trend, one run watched live, start and stop."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request

from webconsole import actions, charts, connections, run_processes
from webconsole.queries import datasets, runs, start_choices, warnings
from webconsole.security import access

blueprint = Blueprint("runs", __name__, url_prefix="/console/runs")


@blueprint.get("")
@access.allow("admin")
def listed() -> str:
    """The runs, newest first."""
    job, status, after = (request.args.get(name, "") for name in ("job", "status", "after"))
    with connections.reading() as cursor:
        found = runs.page(cursor, job, status, after)
        trend = runs.trend(cursor, job) if not after else []
        jobs = runs.jobs(cursor)
    return render_template(
        "runs.html", page=found, charts=charts.of_runs(trend), jobs=jobs, statuses=runs.STATUSES, job=job,
        status=status, after=after,
    )  # fmt: skip


@blueprint.get("/new")
@access.allow("admin")
def new() -> str:
    """What can be started."""
    with connections.reading() as cursor:
        groups = start_choices.groups(cursor)
    return render_template("run_new.html", groups=groups, chosen=request.args.get("name", ""))


@blueprint.post("")
@access.allow("admin")
def start() -> Response:
    """Start something and go to watch it."""
    job, _, name = request.form.get("what", "").partition(" ")
    run_uuid = actions.start(job, name, request.form.get("how", "run"))
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))


@blueprint.get("/<uuid:run_uuid>")
@access.allow("admin")
def one(run_uuid: UUID) -> str:
    """One run with its log."""
    return render_template("run.html", **_shown(str(run_uuid)))


@blueprint.get("/<uuid:run_uuid>/live")
@access.allow("admin")
def live(run_uuid: UUID) -> Response:
    """The part of the page that changes while the run goes on; the whole page anew where the state has changed."""
    shown = _shown(str(run_uuid))
    response = make_response(render_template("parts/run_live.html", **shown))
    if request.args.get("was", shown["status"]) != shown["status"]:
        response.headers["HX-Refresh"] = "true"  # title and buttons belong to the state
    return response


@blueprint.post("/<uuid:run_uuid>/stop")
@access.allow("admin")
def stop(run_uuid: UUID) -> Response:
    """Ask the run to end."""
    actions.stop(str(run_uuid))
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))


@blueprint.post("/<uuid:run_uuid>/retry")
@access.allow("admin")
def retry(run_uuid: UUID) -> Response:
    """Start the same command again and go to watch it."""
    return make_response(redirect(f"/console/runs/{actions.retry(str(run_uuid))}", 303))


def _shown(run_uuid: str) -> dict[str, object]:
    with connections.reading() as cursor:
        run = runs.one(cursor, run_uuid)
        shown = {
            "entries": runs.log_tail(cursor, run_uuid),
            "steps": runs.steps(cursor, run_uuid),
            "datasets": runs.datasets(cursor, run_uuid),
            "warnings": warnings.of_run(cursor, run_uuid),
            "retries": start_choices.retries(cursor, datasets.refused(cursor, run_uuid)),
        }
    printed = run_processes.printed(run_uuid)
    if run is None and printed is None:
        abort(404, "There is no such run.")
    status = run["status"] if run else "starting" if printed and printed.exit_code is None else "failed"
    ended_badly = run is not None and run["status"] in runs.UNDONE
    return shown | {
        "can_retry": ended_badly and run_processes.read_command(run or {}) is not None, "ended_badly": ended_badly,
        "run": run, "run_uuid": run_uuid, "printed": printed, "status": status,
        "going_on": status in ("running", "starting"), "fraction": _fraction((run or {}).get("progress")),
    }  # fmt: skip


def _fraction(progress: str | None) -> int | None:
    """The per cent that a run's progress names, where it knows its end."""
    if not progress or "%)" not in progress:
        return None
    text = progress.partition("%)")[0].rpartition("(")[2]
    return int(text) if text.isdigit() else None

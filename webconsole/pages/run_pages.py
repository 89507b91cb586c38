"""Show runs, follow one run live, start and stop runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request

from systemscripts.ingest import undo_preview
from webconsole import actions, charts, connections, display, run_processes, schedule_actions
from webconsole.queries import datasets, runs, start_choices, warnings
from webconsole.security import access

blueprint = Blueprint("runs", __name__, url_prefix="/console/runs")


@blueprint.get("")
@access.allow("admin")
def show_list() -> str:
    """Show the runs, newest first."""
    job, status, after = (request.args.get(name, "") for name in ("job", "status", "after"))
    # steps stand under their pipeline, and what the console does itself is left out
    is_whole = not job and request.args.get("all", "") != "yes"
    with connections.read_as_etl() as cursor:
        zone = display.find_reader_zone()
        page = runs.list_runs(cursor, job, status, after, is_whole)
        steps = runs.list_steps_of(cursor, [row["run_uuid"] for row in page.rows]) if is_whole else {}
        days = runs.list_days(cursor, job, zone.key if zone else "UTC") if not after else []
        jobs = runs.list_jobs(cursor)
    return render_template(
        "runs.html", page=page, charts=charts.make_day_charts(days), jobs=jobs, statuses=runs.STATUSES, job=job,
        status=status, after=after, steps=steps, all="" if is_whole or job else "yes",
    )  # fmt: skip


@blueprint.get("/new")
@access.allow("admin")
def show_choices() -> str:
    """Show what can be started."""
    with connections.read_as_etl() as cursor:
        groups = start_choices.list_groups(cursor)
    return render_template("run_new.html", groups=groups, chosen=request.args.get("name", ""))


@blueprint.post("")
@access.allow("admin")
def start_job() -> Response:
    """Start a job and redirect to its run."""
    job, _, name = request.form.get("what", "").partition(" ")
    run_uuid = actions.start_job(job, name, request.form.get("how", "run"))
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))


@blueprint.get("/<uuid:run_uuid>")
@access.allow("admin")
def show_run(run_uuid: UUID) -> str:
    """Show a run with its log."""
    return render_template("run.html", **_read_run(str(run_uuid)))


@blueprint.get("/<uuid:run_uuid>/live")
@access.allow("admin")
def show_live_part(run_uuid: UUID) -> Response:
    """Show the part of the page that changes during a run; reload the page if the state has changed."""
    context = _read_run(str(run_uuid))
    response = make_response(render_template("parts/run_live.html", **context))
    if request.args.get("was", context["status"]) != context["status"]:
        # title and buttons depend on the state
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/<uuid:run_uuid>/stop")
@access.allow("admin")
def stop_run(run_uuid: UUID) -> Response:
    """Ask the run to stop."""
    actions.stop_run(str(run_uuid))
    return make_response(redirect(f"/console/runs/{run_uuid}", 303))


@blueprint.post("/<uuid:run_uuid>/retry")
@access.allow("admin")
def retry_run(run_uuid: UUID) -> Response:
    """Start the same command again and redirect to its run."""
    return make_response(redirect(f"/console/runs/{actions.retry_run(str(run_uuid))}", 303))


@blueprint.get("/<uuid:run_uuid>/undo")
@access.allow("admin")
def show_undo(run_uuid: UUID) -> str:
    """Show what an undo of the whole run would take away and bring back."""
    with connections.read_as_etl() as cursor:
        run = runs.find_run(cursor, str(run_uuid)) or abort(404, "This run does not exist.")
        going = undo_preview.preview_undo(cursor, str(run_uuid))
    return render_template("run_undo.html", run=run, run_uuid=str(run_uuid), going=going)


@blueprint.post("/<uuid:run_uuid>/undo")
@access.allow("admin")
def undo_run(run_uuid: UUID) -> Response:
    """Start the undo of the whole run and redirect to its run."""
    started = actions.undo_run(str(run_uuid), request.form.get("cascade") == "yes")
    return make_response(redirect(f"/console/runs/{started}", 303))


def _read_run(run_uuid: str) -> dict[str, object]:
    with connections.read_as_etl() as cursor:
        run = runs.find_run(cursor, run_uuid)
        lists: dict[str, Any] = {
            "entries": runs.read_log_tail(cursor, run_uuid),
            "steps": runs.list_steps(cursor, run_uuid),
            "datasets": runs.list_datasets(cursor, run_uuid),
            "warnings": warnings.list_run_warnings(cursor, run_uuid),
            "retries": start_choices.list_retries(cursor, datasets.list_refused_files(cursor, run_uuid)),
        }
    printed = run_processes.read_output(run_uuid)
    waiting = schedule_actions.find_waiting_run(run_uuid) if run is None and printed is None else None
    if run is None and printed is None and waiting is None:
        abort(404, "This run does not exist.")
    if run:
        status = run["status"]
    elif waiting:
        status = "waiting"
    else:
        status = "starting" if printed and printed.exit_code is None else "failed"
    is_repeatable = run is not None and run["status"] in runs.REPEATABLE
    trial = run_processes.read_command(run) if run is not None and run["is_trial"] else None
    return lists | {
        # what a dry run only tried, to be done for real
        "real_run": f"{trial[0]} {trial[1]}" if trial and trial[2] == "dry_run" else "",
        "can_undo": any(row["status"] in ("active", "held", "superseded") for row in lists["datasets"]),
        "can_retry": is_repeatable and run_processes.read_command(run or {}) is not None,
        "is_repeatable": is_repeatable,
        "run": run, "run_uuid": run_uuid, "printed": printed, "status": status,
        "going_on": status in ("running", "starting", "waiting"), "waiting": waiting,
        "fraction": _read_percent((run or {}).get("progress")),
    }  # fmt: skip


def _read_percent(progress: str | None) -> int | None:
    """Return the percentage in the progress text of a run, or None if it has none."""
    if not progress or "%)" not in progress:
        return None
    text = progress.partition("%)")[0].rpartition("(")[2]
    return int(text) if text.isdigit() else None

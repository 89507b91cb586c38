"""Show when pipelines and waiting YAML jobs start; pause, resume and reschedule them."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request

from systemscripts import schedules, settings
from systemscripts.configuration import pipeline_config
from systemscripts.directory_management import Directories
from systemscripts.schedules import own_schedules
from webconsole import connections, desk_lines, display, schedule_actions
from webconsole.queries import runs
from webconsole.security import access

blueprint = Blueprint("schedules", __name__, url_prefix="/console/schedules")
# coming times of all pipelines on the list
SHOWN_COMING = 8


@blueprint.get("")
@access.allow("admin")
def show_list() -> str:
    """Show every pipeline with its times in words, and what starts next."""
    pipelines, faults = desk_lines.load_pipelines()
    directories = Directories(settings.current().etl_data_dir)
    with connections.read_as_etl() as cursor:
        lines = desk_lines.list_pipeline_lines(cursor, pipelines, faults)
    coming = sorted(
        (moment, pipeline.name)
        for pipeline in pipelines
        if pipeline.schedule and not pipeline.unset_settings
        for moment in desk_lines.list_times(pipeline, schedules.find_pause(directories, pipeline.name))
    )
    others = [item for item in pipelines if item.name not in {line.name for line in lines}]
    return render_template(
        "schedules.html", lines=lines, others=others, jobs=schedule_actions.list_waiting_jobs(),
        coming=coming[:SHOWN_COMING],
        everything=schedules.find_pause(directories, schedules.EVERYTHING), host_zone=display.name_host_zone(),
    )  # fmt: skip


@blueprint.get("/<name>")
@access.allow("admin")
def show_pipeline(name: str) -> str:
    """Show one pipeline: its times, its steps, and its history."""
    pipeline = schedule_actions.find_pipeline(name)
    directories = Directories(settings.current().etl_data_dir)
    pause = schedules.find_pause(directories, name)
    with connections.read_as_etl() as cursor:
        page = runs.list_pipeline_history(cursor, name, request.args.get("after"))
        steps = runs.list_steps_of(cursor, [row["run_uuid"] for row in page.rows])
    own = own_schedules.read_own_schedules(directories).get(name)
    return render_template(
        "schedule.html", pipeline=pipeline, pause=pause, own=own, page=page, steps=steps,
        after=request.args.get("after", ""), words=display.describe_times(pipeline.schedule),
        times=desk_lines.list_times(pipeline, pause), host_zone=display.name_host_zone(),
        from_file=pipeline_config.load_pipeline(name).schedule,
    )  # fmt: skip


@blueprint.post("/<name>/pause")
@access.allow("admin")
def pause_pipeline(name: str) -> Response:
    """Pause a pipeline, or everything (`*`), until a time or until it is resumed."""
    flash(schedule_actions.pause(name, request.form.get("until", "")))
    return _go_back(name)


@blueprint.post("/<name>/resume")
@access.allow("admin")
def resume_pipeline(name: str) -> Response:
    """End a pause."""
    flash(schedule_actions.resume(name))
    return _go_back(name)


@blueprint.post("/<name>/times")
@access.allow("admin")
def reschedule_pipeline(name: str) -> Response:
    """Give a pipeline other times, or those of its file again."""
    flash(schedule_actions.reschedule(name, request.form.get("schedule", "")))
    return _go_back(name)


@blueprint.post("/jobs/<name>/cancel")
@access.allow("admin")
def cancel_job(name: str) -> Response:
    """Cancel the start of a YAML job."""
    flash(schedule_actions.cancel_job(name))
    return make_response(redirect("/console/schedules", 303))


def _go_back(name: str) -> Response:
    path = "/console/schedules" if name == schedules.EVERYTHING else f"/console/schedules/{name}"
    return make_response(redirect(path, 303))

"""Answer with the times of pipelines; pause, resume and reschedule them. POST /jobs runs one now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from systemscripts import schedules, settings
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories
from systemscripts.schedules import own_schedules
from systemscripts.schedules.cron_words import describe_schedule
from webconsole import desk_lines, schedule_actions
from webconsole.api import answers, desk_answers
from webconsole.api.openapi import PAGE, Body, describe, make_plain, parse_body
from webconsole.api.run_routes import make_page_json
from webconsole.queries import keyset_pages
from webconsole.query_arguments import MAX_LIMIT, parse_limit
from webconsole.security import access

blueprint = Blueprint("schedule_routes", __name__)
MAX_TIME_LETTERS, MAX_SCHEDULE_LETTERS = 40, 100


class PauseEnd(Body):
    """When a pause ends by itself."""

    until: str = Field(
        "", description="ISO 8601; empty: not before it is resumed", max_length=MAX_TIME_LETTERS,
    )  # fmt: skip


class Times(Body):
    """The times of a pipeline."""

    schedule: str = Field(
        description="Minute, hour, day, month, weekday, as cron has them, in its zone; empty: those of its file",
        max_length=MAX_SCHEDULE_LETTERS,
    )  # fmt: skip


@blueprint.get("/schedules")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[desk_answers.Schedule])
def list_schedules() -> Response:
    """Return the pipelines with their times and pauses, by name."""
    pipelines, _ = desk_lines.load_pipelines()
    rows = [_describe(pipeline) for pipeline in pipelines]
    size = parse_limit(request.args, MAX_LIMIT)
    return jsonify(make_page_json(keyset_pages.slice_page(rows, size, request.args.get("after"))))


@blueprint.get("/waiting-jobs")
@access.allow("admin")
@describe(query=PAGE, answer=answers.PageOf[desk_answers.WaitingJob])
def list_waiting_jobs() -> Response:
    """Return the YAML jobs that wait for their start_time; DELETE /jobs/{run_uuid} cancels one."""
    rows = [
        {"name": job.name, "run_uuid": job.run_uuid, "starts_at": job.due_at, "ends_at": job.end_at, "by": job.by,
         "is_started": job.is_started}
        for job in schedule_actions.list_waiting_jobs()
    ]  # fmt: skip
    size = parse_limit(request.args, MAX_LIMIT)
    return jsonify(make_page_json(keyset_pages.slice_page(rows, size, request.args.get("after"))))


@blueprint.get("/schedules/<name>")
@access.allow("admin")
@describe(answer=desk_answers.Schedule)
def show_schedule(name: str) -> Response:
    """Return one pipeline with its times and its pause."""
    return jsonify(make_plain(_describe(schedule_actions.find_pipeline(name))))


@blueprint.post("/schedules/<name>/pause")
@access.allow("admin")
@describe(body=PauseEnd, answer=answers.Done)
def pause_pipeline(name: str) -> Response:
    """Pause a pipeline, or everything (`*`), until a time or until it is resumed."""
    return jsonify(headline=schedule_actions.pause(name, parse_body(PauseEnd).until))


@blueprint.post("/schedules/<name>/resume")
@access.allow("admin")
@describe(answer=answers.Done)
def resume_pipeline(name: str) -> Response:
    """End a pause of a pipeline, or of everything (`*`)."""
    return jsonify(headline=schedule_actions.resume(name))


@blueprint.put("/schedules/<name>/times")
@access.allow("admin")
@describe(body=Times, answer=answers.Done)
def change_times(name: str) -> Response:
    """Give a pipeline other times, or those of its file again."""
    return jsonify(headline=schedule_actions.reschedule(name, parse_body(Times).schedule))


def _describe(pipeline: Pipeline) -> dict[str, Any]:
    directories = Directories(settings.current().etl_data_dir)
    pause = schedules.find_pause(directories, pipeline.name)
    own = own_schedules.read_own_schedules(directories).get(pipeline.name)
    return {
        "name": pipeline.name, "description": pipeline.description, "schedule": pipeline.schedule,
        "words": describe_schedule(pipeline.schedule),
        "zone": str(schedules.get_host_zone()), "changed_by": own.by if own else None,
        "coming": [] if pipeline.unset_settings else desk_lines.list_times(pipeline, pause),
        "pause": asdict(pause) if pause else None, "unset_settings": list(pipeline.unset_settings),
    }  # fmt: skip

"""Summaries of the schedules for the operator."""

from __future__ import annotations

import heapq
from datetime import datetime

from systemscripts import schedules, settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.schedules.install_cron import CronFile
from systemscripts.summary import Summary


def summarize_schedules(compared: CronFile) -> Summary:
    """Summarize the pipelines with their next runs and pauses, and how the installed cron file differs."""
    summary = Summary(headline=f"{compared.path} starts what it should")
    if not compared.is_equal:
        summary.headline = f"{compared.path} " + ("is not there" if compared.content is None else "differs")
        summary.details = ["", *compared.list_differences()]
        summary.next_steps = [format_command("schedule", "apply")]
    directories = Directories(settings.current().etl_data_dir)
    not_set_up = schedules.list_not_set_up()
    for pipeline in [*schedules.list_scheduled(), *not_set_up]:
        pause = schedules.find_pause(directories, pipeline.name)
        summary.rows.append(
            {
                "pipeline": pipeline.name,
                "schedule": pipeline.schedule,
                "next": _format_next(pipeline),
                "paused": f"since {pause.since} by {pause.by}" if pause else "",
            }
        )
        if text := schedules.find_clock_change_risk(pipeline.schedule):
            summary.warn("schedule_ambiguous", f"{pipeline.name}: {text}")
    if not_set_up:
        summary.details += [
            "",
            *(f"{item.name} is not set up: {', '.join(item.unset_settings)} not set" for item in not_set_up),
        ]
    return summary


def list_coming_runs(name: str, count: int) -> Summary:
    """List the next `count` runs, soonest first, of one pipeline or, for "", of all."""
    directories = Directories(settings.current().etl_data_dir)
    waiting = [
        (schedules.find_next_run(pipeline.schedule, settings.now()), pipeline.name, pipeline.schedule)
        for pipeline in schedules.list_scheduled()
        if name in ("", pipeline.name)
    ]
    heapq.heapify(waiting)
    summary = Summary(headline="" if waiting else "nothing is scheduled")
    while waiting and len(summary.rows) < count:
        moment, pipeline_name, schedule = heapq.heappop(waiting)
        paused = "paused" if schedules.find_pause(directories, pipeline_name) else ""
        summary.rows.append({"at": _format_time(moment), "pipeline": pipeline_name, "paused": paused})
        heapq.heappush(waiting, (schedules.find_next_run(schedule, moment), pipeline_name, schedule))
    return summary


def _format_next(pipeline: schedules.Pipeline) -> str:
    if pipeline.unset_settings:
        return "not set up"
    return _format_time(schedules.find_next_run(pipeline.schedule, settings.now()))


def _format_time(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M %z}"

"""What the operator sees of the schedules."""

from __future__ import annotations

import heapq
from datetime import datetime

from systemscripts import schedules, settings
from systemscripts.directory_management import Directories
from systemscripts.schedules.install_cron import CronFile
from systemscripts.summary import Summary


def overview(compared: CronFile) -> Summary:
    """The pipelines with their next runs and pauses, and what differs in the installed cron file."""
    summary = Summary(headline=f"{compared.path} starts what it should")
    if not compared.equal:
        summary.headline = f"{compared.path} " + ("is not there" if compared.found is None else "differs")
        summary.details = ["", *compared.difference()]
        summary.next_steps = ["schedule.py apply"]
    directories = Directories(settings.current().etl_data_dir)
    not_set_up = schedules.not_set_up()
    for pipeline in [*schedules.scheduled(), *not_set_up]:
        pause = schedules.paused(directories, pipeline.name)
        summary.rows.append(
            {
                "pipeline": pipeline.name,
                "schedule": pipeline.schedule,
                "next": "not set up"
                if pipeline.unset_settings
                else _text(schedules.next_run(pipeline.schedule, settings.now())),
                "paused": f"since {pause.since} by {pause.by}" if pause else "",
            }
        )
        if text := schedules.warning(pipeline.schedule):
            summary.warn("schedule_ambiguous", f"{pipeline.name}: {text}")
    if not_set_up:
        summary.details += [
            "",
            *(f"{each.name} is not set up: no {', '.join(each.unset_settings)}" for each in not_set_up),
        ]
    return summary


def coming(name: str, count: int) -> Summary:
    """The next `count` runs, soonest first, of one pipeline or, with "", of all."""
    directories = Directories(settings.current().etl_data_dir)
    waiting = [
        (schedules.next_run(pipeline.schedule, settings.now()), pipeline.name, pipeline.schedule)
        for pipeline in schedules.scheduled()
        if name in ("", pipeline.name)
    ]
    heapq.heapify(waiting)
    summary = Summary(headline="" if waiting else "nothing is scheduled")
    while waiting and len(summary.rows) < count:
        moment, each, schedule = heapq.heappop(waiting)
        paused = "paused" if schedules.paused(directories, each) else ""
        summary.rows.append({"at": _text(moment), "pipeline": each, "paused": paused})
        heapq.heappush(waiting, (schedules.next_run(schedule, moment), each, schedule))
    return summary


def _text(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M %z}"

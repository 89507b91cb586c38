"""Pause and resume pipelines for the operator at a terminal, with a summary of what was done."""

from __future__ import annotations

from datetime import datetime

from systemscripts import person, schedules, settings
from systemscripts.commands import format_command
from systemscripts.configuration import pipeline_config
from systemscripts.directory_management import Directories
from systemscripts.schedules.coming_runs import try_note_coming_runs
from systemscripts.summary import Summary


def pause_by_name(name: str, until: datetime | None) -> Summary:
    """Pause a pipeline, or everything for "", until a time of the installation's zone; raises UsageError."""
    if name:
        # a misspelt name pauses nothing
        pipeline_config.load_pipeline(name)
    who = person.find_person()
    directories = Directories(settings.current().etl_data_dir)
    end = until.replace(tzinfo=settings.get_zone()).astimezone() if until else None
    pause = schedules.pause_pipeline(directories, name or schedules.EVERYTHING, who, end)
    try_note_coming_runs(directories)
    return Summary(headline=str(pause), next_steps=[format_command("schedule", "resume", *filter(None, [name]))])


def resume_by_name(name: str) -> Summary:
    """End the pause of a pipeline, or every pause for ""; raises UsageError for an unknown name."""
    directories = Directories(settings.current().etl_data_dir)
    if name and name not in schedules.read_pauses(directories):
        pipeline_config.load_pipeline(name)
    ended = schedules.resume_pipeline(directories, name or schedules.EVERYTHING)
    try_note_coming_runs(directories)
    summary = Summary(headline=f"{len(ended)} resumed" if ended else "nothing was paused")
    summary.rows = [{"resumed": pause.what, "paused since": pause.since, "by": pause.by} for pause in ended]
    if name and schedules.find_pause(directories, name):
        summary.warn(
            "pipelines_paused", f"everything is still paused, {name} with it: {format_command('schedule', 'resume')}"
        )
    return summary

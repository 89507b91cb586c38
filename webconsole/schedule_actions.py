"""Pause, resume and reschedule pipelines for the pages, with the functions of schedule.py."""

from __future__ import annotations

import logging
from datetime import datetime

from flask import abort

from systemscripts import configuration, schedules, settings
from systemscripts.configuration import pipeline_config
from systemscripts.configuration.import_parts import add_zone
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.schedules import due_starts, own_schedules
from webconsole import connections, display
from webconsole.security import access

logger = logging.getLogger(__name__)

# of the end of a pause; later times are slips of the keyboard, and cannot be computed with
LAST_YEAR = 2200


def find_pipeline(name: str) -> Pipeline:
    """Return a pipeline with its times; answer 404 if it does not exist."""
    if name not in pipeline_config.list_names():
        abort(404, f"The pipeline {name[:100]} does not exist.")
    return schedules.load_scheduled(name)


def pause(name: str, until_text: str) -> str:
    """Pause a pipeline, or everything (`*`), and return a sentence about it.

    `until_text`: in ISO 8601, in the reader's zone if it names none; "": until it is resumed. Raise UsageError if it is
    not a time or has passed.
    """
    until = _parse_until(until_text)
    entry = schedules.pause_pipeline(_get_directories(), _check_name(name), access.require_user().name, until)
    if until is None:
        return _log(f"{entry.what} is paused until it is resumed")
    local = until.astimezone(display.find_reader_zone())
    return _log(f"{entry.what} is paused until {local:%a} {local.day} {local:%b %H:%M}")


def _check_name(name: str) -> str:
    return name if name == schedules.EVERYTHING else find_pipeline(name).name


def _parse_until(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.year > LAST_YEAR:
            raise ValueError
        return (moment if moment.tzinfo else moment.replace(tzinfo=display.find_reader_zone())).astimezone()
    # a time of the first year has none in another zone
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text[:40]!r} is not a time", "Write it as 2026-01-31T06:00.") from error


def resume(name: str) -> str:
    """End a pause and return a sentence about it."""
    ended = schedules.resume_pipeline(_get_directories(), _check_name(name))
    what = "everything" if name == schedules.EVERYTHING else name
    if name != schedules.EVERYTHING and schedules.find_pause(_get_directories(), name):
        return _log(f"{what} is resumed, but everything is still paused")
    return _log(f"{what} is resumed" if ended else f"{what} was not paused")


def reschedule(name: str, schedule: str) -> str:
    """Give a pipeline other times and return a sentence about it; raise ConfigurationError if they are not valid."""
    directories, pipeline = _get_directories(), pipeline_config.load_pipeline(find_pipeline(name).name)
    own_schedules.set_own_schedule(directories, pipeline, schedule.strip(), access.require_user().name)
    due_starts.plan_pipeline(directories, name)
    now_valid = schedules.load_scheduled(name)
    words = display.describe_times(now_valid.schedule) or "not by itself any longer"
    return _log(f"{name} starts {words}")


def schedule_job(name: str, user_name: str) -> str:
    """Let a YAML job wait for its start_time without a process; return the number that its run will have.

    Return "" where it has no start_time or that has passed: it starts at once.
    """
    schedule = configuration.load_import(connections.connect_as_etl(), name).job
    start, end = (add_zone(moment) if moment else None for moment in (schedule.start_time, schedule.end_time))
    if start is None or start <= settings.now():
        return ""
    run_uuid = due_starts.plan_job(_get_directories(), name, start, end, user_name)
    _log(f"{name} waits for {start:%Y-%m-%d %H:%M %Z} (run {run_uuid})")
    return run_uuid


def cancel_waiting_run(run_uuid: str) -> bool:
    """Cancel the start of a YAML job that waits for its time; return whether there was one."""
    waiting = due_starts.find_job(_get_directories(), run_uuid)
    if waiting is None:
        return False
    cancel_job(waiting.name)
    return True


def cancel_job(name: str) -> str:
    """Cancel the start of a YAML job and return a sentence about it."""
    is_cancelled = due_starts.cancel_job(_get_directories(), name)
    return _log(f"{name} does not start at its time" if is_cancelled else f"{name} does not wait for a time")


def forget_job(name: str) -> None:
    """Let a reboot not start a YAML job again."""
    due_starts.cancel_job(_get_directories(), name)


def list_waiting_jobs() -> list[due_starts.DueStart]:
    """Return the YAML jobs that wait for their time, or run since then."""
    return due_starts.list_jobs(_get_directories())


def find_waiting_run(run_uuid: str) -> due_starts.DueStart | None:
    """Return the YAML job that will start with a run of this number."""
    return due_starts.find_job(_get_directories(), run_uuid)


def _get_directories() -> Directories:
    return Directories(settings.current().etl_data_dir)


def _log(text: str) -> str:
    logger.info("console: %s: %s", access.require_user().name, text)
    return text

"""Pause, resume and reschedule pipelines for the pages, with the functions of schedule.py."""

from __future__ import annotations

import logging
from datetime import datetime

from systemscripts import schedules, settings
from systemscripts.configuration import pipeline_config
from systemscripts.directory_management import Directories
from systemscripts.schedules import due_starts, own_schedules
from systemscripts.schedules.cron_words import describe_schedule
from webconsole import display
from webconsole.security import access

logger = logging.getLogger(__name__)


def pause(name: str, until: datetime | None) -> str:
    """Pause a pipeline, or everything, and return a sentence about it; raise UsageError for a time that has passed."""
    entry = schedules.pause_pipeline(_get_directories(), name, access.require_user().name, until)
    if until is None:
        return _log(f"{entry.what} is paused until it is resumed")
    local = until.astimezone(display.find_reader_zone())
    return _log(f"{entry.what} is paused until {local:%a} {local.day} {local:%b %H:%M}")


def resume(name: str) -> str:
    """End a pause and return a sentence about it."""
    ended = schedules.resume_pipeline(_get_directories(), name)
    what = "everything" if name == schedules.EVERYTHING else name
    if name != schedules.EVERYTHING and schedules.find_pause(_get_directories(), name):
        return _log(f"{what} is resumed, but everything is still paused")
    return _log(f"{what} is resumed" if ended else f"{what} was not paused")


def reschedule(name: str, schedule: str) -> str:
    """Give a pipeline other times and return a sentence about it; raise ConfigurationError if they are not valid."""
    directories, pipeline = _get_directories(), pipeline_config.load_pipeline(name)
    own_schedules.set_own_schedule(directories, pipeline, schedule.strip(), access.require_user().name)
    due_starts.plan_pipeline(directories, name)
    now_valid = schedules.load_scheduled(name)
    words = describe_schedule(now_valid.schedule) if now_valid.schedule else "not by itself any longer"
    return _log(f"{name} starts {words}")


def _get_directories() -> Directories:
    return Directories(settings.current().etl_data_dir)


def _log(text: str) -> str:
    logger.info("console: %s: %s", access.require_user().name, text)
    return text

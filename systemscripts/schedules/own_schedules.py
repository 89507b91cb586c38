"""Schedules in var/schedules.json: times that the operator gave pipelines instead of those of config/pipelines/*.yaml.

Cron does not know them, because its file belongs to root: `due_starts` starts these pipelines itself.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from systemscripts import settings
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, SkippedError
from systemscripts.schedules.cron_times import check_schedule


@dataclass(frozen=True)
class OwnSchedule:
    """The times of one pipeline as five fields of cron, who gave them, and since when (ISO time with zone)."""

    schedule: str
    by: str
    since: str


def read_own_schedules(directories: Directories) -> dict[str, OwnSchedule]:
    """Return the schedules by pipeline; raises ConfigurationError if the file cannot be read."""
    path = _get_path(directories)
    try:
        return {name: OwnSchedule(**values) for name, values in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", "Delete it; the schedules of config/pipelines/ then apply again."
        ) from error


def apply_own_schedule(pipeline: Pipeline, directories: Directories) -> Pipeline:
    """Return a pipeline with the schedule that the operator gave it, or as it is."""
    own = read_own_schedules(directories).get(pipeline.name)
    return pipeline.model_copy(update={"schedule": own.schedule}) if own else pipeline


def set_own_schedule(directories: Directories, pipeline: Pipeline, schedule: str, by: str) -> None:
    """Give a pipeline other times; those of its file, or "", remove them. Raises ConfigurationError if not valid."""
    if schedule:
        check_schedule(pipeline.model_copy(update={"schedule": schedule}))
    with _hold_lock(directories):
        known = read_own_schedules(directories)
        known.pop(pipeline.name, None)
        if schedule and schedule.split() != pipeline.schedule.split():
            now = settings.now().isoformat(timespec="seconds")
            known[pipeline.name] = OwnSchedule(" ".join(schedule.split()), by, now)
        with atomic_write(_get_path(directories)) as stream:
            stream.write(json.dumps({name: asdict(own) for name, own in known.items()}, indent=1).encode())


def refuse_if_rescheduled(directories: Directories, name: str) -> None:
    """Raise SkippedError if cron starts a pipeline by its old times."""
    if own := read_own_schedules(directories).get(name):
        raise SkippedError(
            f"{name} has the schedule {own.schedule!r} since {own.since}, given by {own.by}",
            "It starts by itself at these times; cron's line for it does nothing.",
        )


@contextmanager
def _hold_lock(directories: Directories) -> Iterator[None]:
    with (directories.locks / "schedules.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _get_path(directories: Directories) -> Path:
    return directories.var / "schedules.json"

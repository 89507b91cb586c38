"""The times of a cron schedule as Debian's cron reads it: five fields, in the host's time zone.

cronsim accepts more than cron does (seconds, L, #), so what cron would not accept is refused first.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, tzinfo
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from systemscripts.configuration import yaml_folders
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from cronsim import CronSim

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELD_PATTERN = re.compile(r"(\d+|[a-z]{3}|[*,/-])+")
# The clocks of Europe and America change between 01:00 and 04:00 local time.
CLOCK_CHANGE_HOURS = {2, 3}
# A schedule of each minute for a week: no one reads a longer list.
MAX_TIMES = 10_000


def check_schedule(pipeline: Pipeline) -> None:
    """Raise ConfigurationError if cron would refuse or never reach the schedule of a pipeline."""
    from cronsim import CronSimError

    where = f"{yaml_folders.find_file('pipelines', pipeline.name)}: schedule {pipeline.schedule!r}"
    fields = _split_fields(pipeline.schedule)
    if len(fields) != 5 or not all(FIELD_PATTERN.fullmatch(field) for field in fields):
        raise ConfigurationError(
            f"{where}: expected minute hour day month weekday", 'Such as "30 6 * * 1": Mondays at 06:30.'
        )
    try:
        next(_iterate(pipeline.schedule, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise ConfigurationError(
            f"{where}: {error or 'no such day'}", "Give each field a number in its range, and a day that exists."
        ) from error


def find_clock_change_risk(schedule: str) -> str:
    """Return a warning if a valid schedule falls into the hours of clock changes, else ""."""
    hour = _split_fields(schedule)[1]
    # one run of many is affected
    if hour.startswith("*"):
        return ""
    if not CLOCK_CHANGE_HOURS & _iterate(schedule, datetime.now(UTC)).hours:
        return ""
    return "daylight saving skips or repeats times between 02:00 and 03:59 once a year; choose another time"


def find_next_run(schedule: str, after: datetime) -> datetime:
    """Return the first time of a schedule after a moment, in the host's zone."""
    return next(_iterate(schedule, after))


def find_last_expected(schedule: str, before: datetime) -> datetime:
    """Return the last time of a schedule before a moment, in the host's zone."""
    return next(_iterate(schedule, before, is_reverse=True))


def list_expected(schedule: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the times of a schedule after one moment up to another (inclusive), oldest first, in the host's zone."""
    # both sides in UTC: times of one zone are compared by the wall clock, which daylight saving repeats
    coming = takewhile(lambda moment: moment.astimezone(UTC) <= until, _iterate(schedule, after))
    return list(islice(coming, MAX_TIMES))


def _iterate(schedule: str, start: datetime, is_reverse: bool = False) -> CronSim:
    from cronsim import CronSim

    return CronSim(" ".join(_split_fields(schedule)), start.astimezone(get_host_zone()), is_reverse)


def _split_fields(schedule: str) -> list[str]:
    text = schedule.strip().lower()
    return NICKNAMES.get(text, text).split()


def get_host_zone() -> tzinfo:
    """Return the time zone that cron uses: the host's; TIME_ZONE is only for file names and logs."""
    try:
        if name := os.environ.get("TZ", "").lstrip(":"):
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as stream:
            return ZoneInfo.from_file(stream, key="localtime")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return UTC

"""The times of a cron schedule, as Debian's cron sees them: five fields, the host's time zone.

croniter knows more than cron does (seconds, L, #, hashes), so what cron would not take is refused before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from systemscripts.configuration.pipeline_config import FOLDER, Pipeline
from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from croniter import croniter

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELD = re.compile(r"(\d+|[a-z]{3}|[*,/-])+")
CHANGING_HOURS = {2, 3}  # Europe's and America's clocks change between 01:00 and 04:00 local time
MOST = 10_000  # a schedule of each minute for a week; more is not listed


def check(pipeline: Pipeline) -> None:
    """Raise ConfigurationError where cron would refuse, or never reach, the schedule of a pipeline."""
    from croniter import CroniterError

    where = f"{FOLDER / pipeline.name}.yaml: schedule {pipeline.schedule!r}"
    fields = _fields(pipeline.schedule)
    if len(fields) != 5 or not all(FIELD.fullmatch(field) for field in fields):
        raise ConfigurationError(
            f"{where}: expected minute hour day month weekday", 'Such as "30 6 * * 1": Mondays at 06:30.'
        )
    try:
        _iterator(pipeline.schedule, datetime(2024, 1, 1)).get_next(datetime)  # noqa: DTZ001 - any time will do
    except CroniterError as error:
        raise ConfigurationError(f"{where}: {error}", "A time that never comes, or no number of its field.") from error


def warning(schedule: str) -> str:
    """What is unwise about a (valid) schedule; "" when nothing is."""
    hour = _fields(schedule)[1]
    if hour.startswith("*"):  # one run of many
        return ""
    from croniter import croniter

    if not CHANGING_HOURS & {int(value) for value in croniter.expand(" ".join(_fields(schedule)))[0][1]}:
        return ""
    return "between 02:00 and 03:59 daylight saving skips or repeats a time each year; better choose another"


def next_run(schedule: str, after: datetime) -> datetime:
    """The first time of a schedule after a moment, with the host's zone."""
    zone = host_zone()
    return _aware(_iterator(schedule, _wall_clock(after, zone)).get_next(datetime), zone)


def last_expected(schedule: str, before: datetime) -> datetime:
    """The last time of a schedule before a moment, with the host's zone."""
    zone = host_zone()
    return _aware(_iterator(schedule, _wall_clock(before, zone)).get_prev(datetime), zone)


def expected(schedule: str, after: datetime, until: datetime) -> list[datetime]:
    """The times of a schedule after one moment up to another (inclusive), oldest first, with the host's zone."""
    zone = host_zone()
    return list(_between(_iterator(schedule, _wall_clock(after, zone)), zone, until))


def _between(iterator: croniter, zone: tzinfo, until: datetime) -> Iterator[datetime]:
    for _ in range(MOST):
        moment = _aware(iterator.get_next(datetime), zone)
        if moment > until:
            return
        yield moment


def _iterator(schedule: str, start: datetime) -> croniter:
    from croniter import croniter

    # a day that begins with * and a weekday are both meant (crontab(5), "Note")
    return croniter(" ".join(_fields(schedule)), start, implement_cron_bug=True)


def _fields(schedule: str) -> list[str]:
    text = schedule.strip().lower()
    return NICKNAMES.get(text, text).split()


def _wall_clock(moment: datetime, zone: tzinfo) -> datetime:
    """Cron looks at the wall clock, so the schedule is walked on that, without a zone."""
    return moment.astimezone(zone).replace(tzinfo=None)


def _aware(wall_clock: datetime, zone: tzinfo) -> datetime:
    return wall_clock.replace(tzinfo=zone)


def host_zone() -> tzinfo:
    """The time zone that cron goes by: the host's, whatever the setting TIME_ZONE says for file names and logs."""
    try:
        if name := os.environ.get("TZ", "").lstrip(":"):
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as stream:
            return ZoneInfo.from_file(stream, key="localtime")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return UTC

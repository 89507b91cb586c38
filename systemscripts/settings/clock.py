"""The one clock: the host's, or one that ETL_NOW sets; and the time zone."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from systemscripts.errors import ConfigurationError
from systemscripts.settings.loader import current


@functools.cache
def compute_offset() -> timedelta:
    """Return the offset of the set clock from the real one, computed once, so that time advances from ETL_NOW."""
    time_text = os.environ.get("ETL_NOW")
    if not time_text:
        return timedelta(0)
    try:
        moment = datetime.fromisoformat(time_text)
    except ValueError as error:
        raise ConfigurationError(f"ETL_NOW: expected a time such as 2026-01-05T06:00:00, not {time_text!r}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=get_zone()) if get_zone() else moment.astimezone()
    return moment - datetime.now(UTC)


def is_clock_set() -> bool:
    """Return whether this process uses another clock than the host's."""
    return bool(os.environ.get("ETL_NOW"))


def get_zone() -> ZoneInfo | None:
    """Return the configured time zone, or None for the host's."""
    return ZoneInfo(current().time_zone) if current().time_zone else None


def now() -> datetime:
    """Return the current time with its zone, by the clock of this installation (`ETL_NOW` sets it)."""
    # before the clock is read, or the first time would be slightly too early
    clock_offset = compute_offset()
    return (datetime.now(UTC) + clock_offset).astimezone(get_zone())


def reset() -> None:
    """Forget the settings and the offset of the clock, after the environment was changed (the demo, tests)."""
    current.cache_clear()
    compute_offset.cache_clear()


def format_file_stamp() -> str:
    """Return the current time as in file names: yyyyMMddTHHmmss."""
    return now().strftime("%Y%m%dT%H%M%S")

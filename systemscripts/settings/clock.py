"""The one clock: the host's, or an offset to it that ETL_NOW sets; and the time zone."""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from systemscripts.errors import ConfigurationError
from systemscripts.settings.loader import current


@functools.cache
def compute_offset() -> timedelta:
    """How far the set clock is from the real one; fixed at the first look, so that time goes on from there."""
    named = os.environ.get("ETL_NOW")
    if not named:
        return timedelta(0)
    try:
        moment = datetime.fromisoformat(named)
    except ValueError as error:
        raise ConfigurationError(f"ETL_NOW: expected a time such as 2026-01-05T06:00:00, not {named!r}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=get_zone()) if get_zone() else moment.astimezone()
    return moment - datetime.now(UTC)


def is_clock_set() -> bool:
    """Whether this process goes by another clock than the host's."""
    return bool(os.environ.get("ETL_NOW"))


def get_zone() -> ZoneInfo | None:
    """The configured time zone, or None for the host's."""
    return ZoneInfo(current().time_zone) if current().time_zone else None


def now() -> datetime:
    """The time, with zone, by the clock of this installation (`ETL_NOW` sets it)."""
    ahead = compute_offset()  # before the clock is read, or the first time would be a little too early
    return (datetime.now(UTC) + ahead).astimezone(get_zone())


def format_file_stamp() -> str:
    """Now as it stands in file names: yyyyMMddTHHmmss."""
    return now().strftime("%Y%m%dT%H%M%S")

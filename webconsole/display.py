"""Format times (in the reader's zone), numbers, durations and states for the pages."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import Flask, request
from markupsafe import Markup

from systemscripts import commands, human_units, schedules, settings
from systemscripts.schedules.cron_words import describe_schedule

# console.js stores the time zone of the browser in it
ZONE_COOKIE = "console_zone"
MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS, WEEK_DAYS = 60, 3600, 86_400, 7
HALF_YEAR = timedelta(days=182)
# of a held file the commands that accept or undo it, of a refused one the command that tries it again
_COMMANDS = re.compile(r"; (?:[^;]*\bdatasets accept\b|or after a change here: ).*$", re.DOTALL)
_TONES = {
    "succeeded": "good", "loaded": "good", "current": "good",
    "running": "busy", "starting": "busy", "fetched": "busy", "prepared": "busy",
    "failed": "bad", "timed out": "bad", "refused": "bad", "ERROR": "bad", "CRITICAL": "bad",
    "interrupted": "warn", "held": "warn", "WARNING": "warn",
}  # fmt: skip


def install(app: Flask) -> None:
    """Register the filters of the templates: of times, numbers, durations, sizes, states and commands."""
    app.jinja_env.filters |= {
        "command": commands.format_command,
        "moment": format_moment,
        "day": format_day,
        "count": format_count,
        "seconds": format_duration,
        "tone": find_tone,
        "plural": format_plural,
        "size": format_size,
        "ago": format_ago,
        "coming": format_coming,
        "cause": cut_commands,
        "age": format_age,
        "words": format_words,
    }


def find_reader_zone() -> ZoneInfo | None:
    """Return the time zone of the browser, else of the installation (None: the host's)."""
    return _load_zone(unquote(request.cookies.get(ZONE_COOKIE, ""))) or settings.get_zone()


@lru_cache(maxsize=64)
def _load_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def name_host_zone() -> str:
    """Return the short name of the time zone in which cron starts pipelines, such as UTC or CET."""
    name = settings.now().astimezone(schedules.get_host_zone()).tzname() or ""
    return name if name.isalpha() else f"UTC{name}"


def describe_times(schedule: str) -> str:
    """Return a cron schedule in words, with the zone of its times where it is not the reader's."""
    words = describe_schedule(schedule)
    return f"{words} ({name_host_zone()})" if words and _is_reader_elsewhere() else words


def _is_reader_elsewhere() -> bool:
    # two zones may agree in winter and differ in summer
    moments = (settings.now(), settings.now() + HALF_YEAR)
    here, there = schedules.get_host_zone(), find_reader_zone()
    return any(moment.astimezone(here).utcoffset() != moment.astimezone(there).utcoffset() for moment in moments)


def format_moment(value: datetime | None) -> Markup:
    """Return a time as HTML: short in the reader's zone, in full when pointed at."""
    if value is None:
        return Markup('<span class="nothing">–</span>')
    local, now = value.astimezone(find_reader_zone()), settings.now().astimezone(find_reader_zone())
    if local.date() == now.date():
        short = f"{local:%H:%M:%S}"
    else:
        short = f"{local.day} {local:%b %H:%M}" if local.year == now.year else f"{local.day} {local:%b %Y}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), _format_in_full(value), short)


def format_ago(value: datetime | None) -> Markup:
    """Return how long ago a time was, such as "2 h ago", with the whole time when pointed at."""
    if value is None:
        return format_moment(None)
    seconds = (settings.now() - value).total_seconds()
    text = "just now" if seconds < MINUTE_SECONDS else f"{_shorten_seconds(seconds)} ago"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), _format_in_full(value), text)


def format_coming(value: datetime | None) -> Markup:
    """Return a coming time, such as "today 06:30", "Mon 06:30" or "5 Jan 06:30"."""
    if value is None:
        return format_moment(None)
    local, today = value.astimezone(find_reader_zone()), settings.now().astimezone(find_reader_zone()).date()
    days = (local.date() - today).days
    if days in (0, 1):
        day = ("today", "tomorrow")[days]
    else:
        day = f"{local:%a}" if 0 < days < WEEK_DAYS else f"{local.day} {local:%b}"
    full = _format_in_full(value)
    return Markup('<time datetime="{}" title="{}">{} {}</time>').format(value.isoformat(), full, day, f"{local:%H:%M}")


def _shorten_seconds(seconds: float) -> str:
    if seconds < HOUR_SECONDS:
        return f"{int(seconds // MINUTE_SECONDS)} min"
    if seconds < 2 * DAY_SECONDS:
        return f"{int(seconds // HOUR_SECONDS)} h"
    return f"{int(seconds // DAY_SECONDS)} days"


def _format_in_full(value: datetime) -> str:
    local = value.astimezone(find_reader_zone())
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z} ({value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"


def cut_commands(text: str | None) -> str:
    """Return a reason without the commands at its end, for which the page has buttons."""
    return _COMMANDS.sub("", text or "")


def format_age(value: datetime | date | None) -> Markup:
    """Return how long ago a time or a day was as HTML, such as 2 h ago or yesterday."""
    if value is None or isinstance(value, datetime):
        return format_ago(value)
    days = (settings.now().astimezone(find_reader_zone()).date() - value).days
    text = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago" if days > 0 else value.isoformat())
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(value.isoformat(), text)


def format_words(name: str) -> str:
    """Return a name such as meetmax_events as words: Meetmax events."""
    text = " ".join(name.rpartition(".")[2].replace("_", " ").split())
    return text[:1].upper() + text[1:]


def format_day(value: date | None) -> str:
    """Return a day in ISO 8601, or a dash."""
    return "–" if value is None else value.isoformat()


def format_count(value: int | None) -> str:
    """Return a number with its thousands separated, or a dash."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def format_duration(value: float | None) -> str:
    """Return a duration in seconds as text with fitting units, or a dash."""
    return "–" if value is None else human_units.format_duration(float(value))


def format_size(value: int | None) -> str:
    """Return a number of bytes as text with a fitting unit, or a dash."""
    return "–" if value is None else human_units.format_size(value)


def find_tone(status: str | None) -> str:
    """Return the colour of a state: good, busy, warn, bad or plain. Pages always show the word as well."""
    return _TONES.get(status or "", "plain")


def format_plural(number: int, word: str) -> str:
    """Return a number with its word, such as 1 row or 2 rows."""
    return f"{format_count(number)} {word}{'' if number == 1 else 's'}"


def format_iso(value: Any) -> Any:
    """A value as JSON holds it."""
    return value.isoformat() if isinstance(value, datetime | date) else value

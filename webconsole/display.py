"""Format times (in the reader's zone), numbers, durations and states for the pages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import Flask, request
from markupsafe import Markup

from systemscripts import commands, human_units, settings

# console.js stores the time zone of the browser in it
ZONE_COOKIE = "console_zone"
_TONES = {
    "succeeded": "good", "loaded": "good", "current": "good",
    "running": "busy", "starting": "busy", "fetched": "busy", "prepared": "busy",
    "failed": "bad", "timed out": "bad", "refused": "bad", "ERROR": "bad", "CRITICAL": "bad",
    "interrupted": "warn", "held": "warn", "WARNING": "warn",
}  # fmt: skip


def install(app: Flask) -> None:
    """Register the filters of the templates: command, moment, day, count, seconds, tone, plural and size."""
    app.jinja_env.filters |= {
        "command": commands.format_command,
        "moment": format_moment,
        "day": format_day,
        "count": format_count,
        "seconds": format_duration,
        "tone": find_tone,
        "plural": format_plural,
        "size": format_size,
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


def format_moment(value: datetime | None) -> Markup:
    """Return a time as HTML: short in the reader's zone, in full when pointed at."""
    if value is None:
        return Markup('<span class="nothing">–</span>')
    local, now = value.astimezone(find_reader_zone()), settings.now().astimezone(find_reader_zone())
    if local.date() == now.date():
        short = f"{local:%H:%M:%S}"
    else:
        short = f"{local.day} {local:%b %H:%M}" if local.year == now.year else f"{local.day} {local:%b %Y}"
    full = f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z} ({value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), full, short)


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

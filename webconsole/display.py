"""How things look to the reader: times in his zone, numbers, durations, states."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from flask import Flask, request
from markupsafe import Markup

from systemscripts import settings

ZONE_COOKIE = "console_zone"  # console.js tells the zone of the browser
_TONES = {
    "succeeded": "good", "loaded": "good", "current": "good",
    "running": "busy", "starting": "busy", "fetched": "busy", "prepared": "busy",
    "failed": "bad", "timed out": "bad", "refused": "bad", "ERROR": "bad", "CRITICAL": "bad",
    "interrupted": "warn", "held": "warn", "WARNING": "warn",
}  # fmt: skip


def install(app: Flask) -> None:
    """Make the filters known to the templates."""
    for function in (moment, day, count, seconds, tone, plural, size):
        app.template_filter(function.__name__)(function)


def reader_zone() -> ZoneInfo | None:
    """The zone that the browser told, else the installation's (None: the host's)."""
    return _zone(unquote(request.cookies.get(ZONE_COOKIE, ""))) or settings.get_zone()


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def moment(value: datetime | None) -> Markup:
    """A time: short in the reader's zone, whole when pointed at."""
    if value is None:
        return Markup('<span class="nothing">–</span>')
    local, now = value.astimezone(reader_zone()), settings.now().astimezone(reader_zone())
    if local.date() == now.date():
        short = f"{local:%H:%M:%S}"
    else:
        short = f"{local.day} {local:%b %H:%M}" if local.year == now.year else f"{local.day} {local:%b %Y}"
    whole = f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z} ({value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), whole, short)


def day(value: date | None) -> str:
    """A day as it is written in the suite."""
    return "–" if value is None else value.isoformat()


def count(value: int | None) -> str:
    """A number with its thousands apart."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def seconds(value: float | None) -> str:
    """A duration for people."""
    if value is None:
        return "–"
    value = float(value)
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def size(value: int | None) -> str:
    """Bytes for people."""
    if value is None:
        return "–"
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def tone(status: str | None) -> str:
    """The colour of a state: good, busy, warn, bad or plain. The word always stands beside it."""
    return _TONES.get(status or "", "plain")


def plural(number: int, word: str) -> str:
    """1 row, 2 rows."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def iso(value: Any) -> Any:
    """A value as JSON holds it."""
    return value.isoformat() if isinstance(value, datetime | date) else value

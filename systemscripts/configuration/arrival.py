"""When files of an import are due: the key `expected` of a configuration."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from systemscripts import settings
from systemscripts.configuration.strict_model import Strict
from systemscripts.errors import ConfigurationError

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_TIME = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)"
_BY_DAY = re.compile(rf"(?P<days>[a-z, -]+?)\s+{_TIME}", re.IGNORECASE)
_BY_MONTH = re.compile(rf"month\s+(?P<day>[1-9]|[12]\d|3[01])\s+{_TIME}", re.IGNORECASE)
_CRON = re.compile(r"[\d*,/-]+(\s+[\w*,/-]+){4}")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Arrival(Strict):
    """`expected:` of an import; without `every` nothing is declared."""

    every: str = ""  # 'Mon 10:00', 'workday 08:00', 'daily 06:30', 'month 3 10:00', or five fields of cron
    grace: str = "4h"  # how long a file may be late: 30m, 4h, 2d
    labels: list[str] = []  # each of these is expected; none: any file of the import
    until: date | None = None  # the last day on which one is due
    days_off: Annotated[str | list[date], Field(alias="except")] = []  # days without a file, or a file of such days

    @field_validator("every")
    @classmethod
    def _is_schedule(cls, value: str) -> str:
        if value:
            to_cron(value)
        return value

    @field_validator("grace")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        to_duration(value)
        return value

    @model_validator(mode="after")
    def _has_schedule(self) -> Arrival:
        if not self.every and (self.labels or self.until or self.days_off):
            raise ValueError("expected needs every, such as every: 'Mon 10:00'")
        return self

    @property
    def schedule(self) -> str:
        """The due times as five fields of cron."""
        return to_cron(self.every)

    def list_days_off(self) -> set[date]:
        """Return the days on which no file is due; raises ConfigurationError for a file of days that has none."""
        if isinstance(self.days_off, list):
            return set(self.days_off)
        path = settings.PROJECT / "config" / self.days_off
        try:
            lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
            raise ConfigurationError(f"expected: except of {path}: {reason}", "Correct the import.") from error
        days = set()
        for number, line in enumerate(lines, start=1):
            try:
                days |= {date.fromisoformat(line)} if line else set()
            except ValueError as error:
                raise ConfigurationError(
                    f"expected: except of {path}: line {number} is not a date", "Write one date a line: 2026-12-25."
                ) from error
        return days


def to_cron(every: str) -> str:
    """Return five fields of cron for a due time in words; raises ValueError for what it does not understand."""
    text = every.strip()
    if match := _BY_MONTH.fullmatch(text):
        return f"{int(match['minute'])} {int(match['hour'])} {int(match['day'])} * *"
    if match := _BY_DAY.fullmatch(text):
        return f"{int(match['minute'])} {int(match['hour'])} * * {_to_weekdays(match['days'])}"
    if _CRON.fullmatch(text):
        return text
    raise ValueError("expected a due time such as 'Mon 10:00', 'workday 08:00', 'daily 06:30' or 'month 3 10:00'")


def _to_weekdays(text: str) -> str:
    words = text.strip().lower()
    if words in ("daily", "day", "every day"):
        return "*"
    if words in ("workday", "workdays"):
        return "1-5"
    parts = []
    for part in words.split(","):
        ends = [name.strip()[:3] for name in part.split("-")]
        if not all(name in WEEKDAYS for name in ends):
            raise ValueError(f"{part.strip()!r} is not a day of the week, such as Mon or Mon-Fri")
        parts.append("-".join(str(WEEKDAYS.index(name)) for name in ends))
    return ",".join(parts)


def to_duration(text: str) -> timedelta:
    """Return a duration such as 30m, 4h or 2d; raises ValueError."""
    match = re.fullmatch(r"(\d+)\s*([mhd])", text.strip())
    if match is None:
        raise ValueError("expected a duration such as 30m, 4h or 2d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

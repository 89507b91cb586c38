"""Read dates and times by the formats of the configuration.

A text with a missing digit is never read as another date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from systemscripts.dates import calendar_names, date_formats
from systemscripts.dates.date_formats import FIELDS

ReadMoment = Callable[[str], datetime]

# As in POSIX and in Python's strptime, 69 to 99 mean 1969 to 1999 and 00 to 68 mean 2000 to 2068.
DEFAULT_PIVOT = 69
# A year such as 0026 is a typing error.
FIRST_YEAR = 1000
MICROSECOND_DIGITS = 6
# the limit of PostgreSQL (datetime.h, MAX_TZDISP_HOUR)
MAX_OFFSET = timedelta(hours=15, minutes=59)
_UTC_NAMES = ("Z", "z", "UTC", "GMT")
_OFFSET = "Z|z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?"
_BLANKS = r"[^\S\n]+"
# the longest name of CLDR has 23 letters; a limit bounds the time that a long text takes
_WORD = f"{calendar_names.LETTER}{{1,40}}"
# Portuguese writes terça-feira
_NAME = rf"{_WORD}(?:-{_WORD})?\.?"
_EXPRESSIONS = {
    "month": _NAME,
    "weekday": _NAME,
    # a.m. and a. m.
    "half": rf"{_WORD}\.?(?:[^\S\n]?{_WORD}\.?)?",
    "offset": _OFFSET,
}


class UnfitMomentError(ValueError):
    """The text has the right form but cannot be stored as a date or time. The message continues after the text."""


def make_reader(pattern: str, exact: bool = False, language: str | None = None, pivot: int | None = None) -> ReadMoment:
    """Return a function that reads a text by a format: a datetime without time zone unless the format has one.

    A month, quarter or week is read as its first day; weeks are those of ISO 8601, from Monday.

    `exact`: every field must have all its digits. `language`: of names, English if None. `pivot`: two-digit years from
    here on are of the 1900s. The function raises ValueError if the text does not match.
    """
    split, parts = date_formats.split_format(pattern), date_formats.list_parts(pattern)
    expression = re.compile("".join(_make_expression(split, position, exact) for position in range(len(split))))
    language = language or calendar_names.DEFAULT_LANGUAGE
    months = calendar_names.load_months(language) if {"MMM", "MMMM"} & set(split) else None
    weekdays = calendar_names.load_weekdays(language) if "weekday" in parts else None
    halves = calendar_names.load_halves(language) if "half" in parts else None
    zone = UTC if "Z" in split else None
    first_of_1900s = DEFAULT_PIVOT if pivot is None else pivot

    def read_text(text: str) -> datetime:
        match = expression.fullmatch(text)
        if match is None:
            raise ValueError(text)
        values = dict(zip(parts, match.groups(), strict=True))
        year, month = values.get("year", values.get("week year", "1900")), values.get("month", "1")
        if len(year) == 2:
            year = ("19" if int(year) >= first_of_1900s else "20") + year
        if int(year) < FIRST_YEAR:
            raise UnfitMomentError(f"has the year {year}; the first valid year is {FIRST_YEAR}")
        if "week" in values:
            return datetime.fromisocalendar(int(year), int(values["week"]), 1).replace(tzinfo=zone)
        if "quarter" in values:
            month = str(_find_first_month(int(values["quarter"])))
        moment = datetime(
            int(year),
            calendar_names.find_name(months, month) if months else int(month),
            int(values.get("day", 1)),
            _read_hour(values["hour of half"], values["half"], halves) if halves else int(values.get("hour", 0)),
            int(values.get("minute", 0)),
            int(values.get("second", 0)),
            parse_fraction(values.get("fraction", "0")),
            tzinfo=parse_offset(values["offset"]) if "offset" in values else zone,
        )
        if weekdays and calendar_names.find_name(weekdays, values["weekday"]) != moment.weekday():
            raise UnfitMomentError(f"names another weekday than that of {moment:%Y-%m-%d}")
        return moment

    return read_text


def _make_expression(split: list[str], position: int, exact: bool) -> str:
    part = split[position]
    if part not in FIELDS:
        return _BLANKS if part.isspace() and not exact else re.escape(date_formats.unquote_literal(part))
    field = FIELDS[part]
    if not field.alone:
        return f"({_EXPRESSIONS[field.part]})"
    if exact:
        return f"([0-9]{field.beside or field.alone})"
    neighbours = split[max(position - 1, 0) : position] + split[position + 1 : position + 2]
    touches_digits = any(other in FIELDS and FIELDS[other].alone for other in neighbours)
    return f"([0-9]{field.beside if touches_digits else field.alone})"


def _find_first_month(quarter: int) -> int:
    return 3 * quarter - 2


def _read_hour(text: str, half: str, halves: dict[str, int]) -> int:
    hour = int(text)
    if not 1 <= hour <= 12:
        raise UnfitMomentError(f"has the hour {text} with {half}, which goes from 1 to 12")
    return hour % 12 + calendar_names.find_name(halves, half)


def parse_offset(text: str) -> timezone:
    """Return the time zone of an offset from UTC; raises ValueError for one that PostgreSQL refuses."""
    if text in _UTC_NAMES:
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59 or offset > MAX_OFFSET:
        raise ValueError(text)
    return timezone(-offset if text[0] == "-" else offset)


def parse_fraction(digits: str) -> int:
    """Return the microseconds of a fraction of a second; raises UnfitMomentError when it has a finer part."""
    if digits[MICROSECOND_DIGITS:].strip("0"):
        raise UnfitMomentError(f"has more than {MICROSECOND_DIGITS} digits after the second")
    return int(digits[:MICROSECOND_DIGITS].ljust(MICROSECOND_DIGITS, "0"))

"""Convert dates and times to the text that PostgreSQL stores, or raise a reason that the client understands.

Rejected is what PostgreSQL would change: 24:00 and second 60 (moved to the next day or minute), a time zone where the
type has none, a local time that clocks skip in spring. A local time that occurs twice in autumn is the first of the two
(summer time). Years have four digits, from 1000.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from systemscripts.configuration.column_schema import Column
from systemscripts.dates import date_reader
from systemscripts.dates.date_reader import FIRST_YEAR, ReadMoment, UnfitMomentError

_ISO_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_ISO_TIME = (
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,12}))?)?"
    r"[ ]?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_ISO = {"time": re.compile(_ISO_TIME)} | dict.fromkeys(
    ("date", "timestamp", "timestamptz"), re.compile(f"{_ISO_DATE}(?:[ Tt]{_ISO_TIME})?")
)
_NAMES = {"date": "a date", "time": "a time", "timestamp": "a date and time", "timestamptz": "a date and time"}
_ISO_FORMS = {"date": "yyyy-MM-dd", "time": "HH:mm:ss"}


def make_converter(column: Column, zone: ZoneInfo | None) -> Callable[[str], str]:
    """Return the function for a declared date or time; `zone`: the time zone of times without one."""
    readers = [
        date_reader.make_reader(pattern, language=column.language, pivot=column.pivot) for pattern in column.formats
    ] or [_make_iso_reader(column.type)]
    write = _make_writer(column, zone)
    expected = " or ".join(column.formats) or _ISO_FORMS.get(column.type, "yyyy-MM-dd HH:mm:ss")

    def convert(text: str) -> str:
        stripped, unfit = text.strip(), None
        for read in readers:
            try:
                return write(read(stripped))
            except UnfitMomentError as error:
                unfit = error
            except ValueError:
                continue
        if unfit is not None:
            raise ValueError(f"{text!r} {unfit}")
        raise ValueError(f"{text!r} is not {_NAMES[column.type]} of the form {expected}")

    return convert


def _make_iso_reader(type_name: str) -> ReadMoment:
    """Return a reader of ISO 8601 with separators, not of weeks, 20260105 or 24:00, which fromisoformat accepts."""
    form = _ISO[type_name]

    def read_iso(text: str) -> datetime:
        match = form.fullmatch(text)
        if match is None:
            raise ValueError(text)
        parts = match.groupdict()
        year, month, day = (int(parts.get(name) or 0) for name in ("year", "month", "day"))
        hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
        if type_name == "time":
            year, month, day = 2000, 1, 1
        if year < FIRST_YEAR:
            raise UnfitMomentError(f"is of the year {parts['year']}, years begin at {FIRST_YEAR}")
        microsecond = date_reader.parse_fraction(parts["fraction"] or "0")
        zone = date_reader.parse_offset(parts["zone"]) if parts["zone"] else None
        return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone)

    return read_iso


def _make_writer(column: Column, zone: ZoneInfo | None) -> Callable[[datetime], str]:
    if column.type == "timestamptz":
        return lambda moment: _timestamptz_as_text(moment, zone)
    write = {"date": _date_as_text, "time": _time_as_text, "timestamp": _timestamp_as_text}[column.type]
    # a Z in the format is a letter that the configuration tells to ignore
    if column.formats:
        return lambda moment: write(moment.replace(tzinfo=None))

    def without_zone(moment: datetime) -> str:
        if moment.tzinfo is not None:
            raise UnfitMomentError(f"has a time zone, which a {column.type} does not keep")
        return write(moment)

    return without_zone


def _date_as_text(moment: datetime) -> str:
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise UnfitMomentError("has a time of day, which a date does not keep")
    return moment.date().isoformat()


def _time_as_text(moment: datetime) -> str:
    return moment.time().isoformat()


def _timestamp_as_text(moment: datetime) -> str:
    return moment.isoformat(" ")


def _timestamptz_as_text(moment: datetime, zone: ZoneInfo | None) -> str:
    if moment.tzinfo is not None:
        return moment.isoformat(" ")
    if zone is None:
        local = moment.astimezone()
        is_skipped = local.replace(tzinfo=None) != moment
    else:
        local = moment.replace(tzinfo=zone)
        before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
        is_skipped = before is not None and after is not None and before < after
    if is_skipped:
        where = f" in {zone}" if zone else " here"
        raise UnfitMomentError(f"does not exist{where}: the clocks skip this hour in spring")
    return local.isoformat(" ")

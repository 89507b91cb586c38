"""Formats cell values as text: 12.0 is 12, dates are ISO, booleans true or false, durations hours:minutes:seconds."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from systemscripts.tables.parsers.workbook import Row

# A longer float in full would only show digits that no one entered.
MAX_WRITTEN_OUT = 1e21


def format_row(row: Row) -> list[str]:
    """Return the texts of the cells of one row; an empty cell is an empty text."""
    return [value if type(value) is str else _CONVERTERS.get(type(value), str)(value) for value in row]


def format_float(value: float) -> str:
    """Return the shortest text of a float, an integer without a decimal point, "" for infinity and NaN."""
    if value.is_integer() and abs(value) < MAX_WRITTEN_OUT:
        return str(int(value))
    return repr(value) if math.isfinite(value) else ""


def _format_datetime(value: datetime) -> str:
    value = _round_to_milliseconds(value)
    return value.isoformat(" ", "milliseconds" if value.microsecond else "seconds")


def _format_time(value: time) -> str:
    return _format_datetime(datetime.combine(date(2000, 1, 1), value)).partition(" ")[2]


def _format_timedelta(value: timedelta) -> str:
    return format_duration(round(value / timedelta(milliseconds=1)))


def format_duration(milliseconds: int) -> str:
    """Return hours (two digits or more), minutes and seconds, with milliseconds where there are any."""
    sign = "-" if milliseconds < 0 else ""
    milliseconds = abs(milliseconds)
    minutes, rest = divmod(milliseconds, 60_000)
    seconds, thousandths = divmod(rest, 1000)
    fraction = f".{thousandths:03}" if thousandths else ""
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"


def _round_to_milliseconds(value: datetime) -> datetime:
    """Round to milliseconds: Excel stores days as floats, so 12:00:00 may read 11:59:59.999999."""
    if not value.microsecond:
        return value
    return value.replace(microsecond=0) + timedelta(milliseconds=round(value.microsecond / 1000))


_CONVERTERS: dict[type, Callable[..., str]] = {
    type(None): lambda value: "",
    bool: lambda value: "true" if value else "false",
    float: format_float,
    datetime: _format_datetime,
    date: date.isoformat,
    time: _format_time,
    timedelta: _format_timedelta,
}

"""Number formats of XLSX cells: which show a date, a time, a duration or leading zeros, and the text of such a value.

Rules: ECMA-376 part 1, 18.8.30 (numFmt) for the built-in numbers and 18.8.31 for the letters; 18.17.4 for serial dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache, partial

from systemscripts.tables.parsers.values import duration, number

DAY = 86_400_000  # milliseconds; what is beyond them in the stored float is noise
LAST_DAY = 2_957_003  # 9999-12-31 counted from 1904; Excel shows later ones as ####

Converter = Callable[[str], str]

DATES = {*range(14, 18), *range(27, 32), 36, *range(50, 55), 57, 58}
TIMES = {*range(18, 22), *range(32, 36), 45, 47, 55, 56}
DATE_TIMES, DURATIONS = {22}, {46}
# Quoted and escaped letters, fillers, colours, conditions and locales do not say what kind of value is shown.
SILENT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
SHORTEST = re.compile(r"0|-?(?:[1-9]\d*|0(?=\.))(?:\.\d*[1-9])?")
SURE_DIGITS = 15  # so many survive being a float (IEEE 754): a text no longer than that is the shortest already
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")


def converter(format_number: int, code: str, is_1904: bool) -> Converter:
    """The function that turns the stored number of a cell of this format into text."""
    kind = _built_in(format_number) or _custom(code)
    if kind in ("date", "time", "moment"):
        return partial(_moment, kind=kind, is_1904=is_1904)
    if kind == "duration":
        return lambda value: duration(round(float(value) * DAY))
    if kind.startswith("0"):
        return partial(_padded, digits=len(kind))
    return number_text


def number_text(value: str) -> str:
    """A number as its shortest text; integers as the file holds them, however long."""
    if value.isdecimal() and value[0] != "0":
        return value  # most numbers, and quicker than a pattern
    if SHORTEST.fullmatch(value) and (len(value) <= SURE_DIGITS or "." not in value):
        return value
    return number(float(value))


def _built_in(format_number: int) -> str:
    for kind, numbers in (("date", DATES), ("time", TIMES), ("moment", DATE_TIMES), ("duration", DURATIONS)):
        if format_number in numbers:
            return kind
    return ""


def _custom(code: str) -> str:
    shown = SILENT.sub("", code.lower()).split(";")[0]
    if re.fullmatch("00+", shown):
        return shown
    if "[" in shown:
        return "duration"
    if shown.strip() in ("", "general", "@"):
        return ""
    has_time = "h" in shown or "s" in shown
    has_date = "y" in shown or "d" in shown or ("m" in shown and not has_time)
    return "moment" if has_date and has_time else "date" if has_date else "time" if has_time else ""


def _padded(value: str, digits: int) -> str:
    text = number_text(value)
    return text.zfill(digits) if INTEGER.fullmatch(text) else text


def _moment(value: str, kind: str, is_1904: bool) -> str:
    """Date, time or both as the format shows it, but no part of the value is dropped."""
    days, milliseconds = divmod(round(float(value) * DAY), DAY)
    if days < 0 or days > LAST_DAY:
        return number_text(value)
    if kind == "date" and not milliseconds:
        return _date(days, is_1904)
    if days == 0:
        return duration(milliseconds)
    return f"{_date(days, is_1904)} {duration(milliseconds)}"


@cache
def _date(days: int, is_1904: bool) -> str:
    if is_1904:
        return date.fromordinal(date(1904, 1, 1).toordinal() + days).isoformat()
    # Excel believes in 29 February 1900.
    return date.fromordinal(date(1899, 12, 30).toordinal() + days + (days < 60)).isoformat()

"""Classifies number formats of cells (date, time, duration, leading zeros) and formats stored values by them.

Rules: ECMA-376 part 1, 18.8.30 (numFmt) for the built-in numbers and 18.8.31 for the letters; 18.17.4 for serial dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from xml.etree import ElementTree

from systemscripts.tables.parsers.python_value_text import format_duration, format_float

# Finer parts of the stored float are noise.
DAY_MILLISECONDS = 86_400_000
# Excel counts and shows 29 February 1900, which never existed: no other day may replace it.
LEAP_DAY_1900 = 60
# 9999-12-31 counted from 1904; Excel shows later days as ####
MAX_DAY = 2_957_003

Converter = Callable[[str], str]

DATES = {*range(14, 18), *range(27, 32), 36, *range(50, 55), 57, 58}
TIMES = {*range(18, 22), *range(32, 36), 45, 47, 55, 56}
DATE_TIMES, DURATIONS = {22}, {46}
# Quoted and escaped letters, fillers, colours, conditions and locales do not decide the type of the value.
SILENT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
SHORTEST = re.compile(r"0|-?(?:[1-9]\d*|0(?=\.))(?:\.\d*[1-9])?")
# A float keeps this many digits (IEEE 754): a text that is no longer is the shortest already.
MAX_SURE_DIGITS = 15
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")


@dataclass(frozen=True)
class Format:
    """A number format: the type of value it shows, and how a stored value becomes text.

    `value_type`: "" (a number), date, time, moment, duration, or as many zeros as the number is padded to.
    """

    value_type: str = ""
    is_1904: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it shows a plain number."""
        return not self.value_type

    @property
    def is_moment(self) -> bool:
        """Whether it shows a date, a time or a duration."""
        return self.value_type in ("date", "time", "moment", "duration")

    def format_number(self, value: str) -> str:
        """Return the text of a stored number."""
        if not self.value_type:
            return format_number(value)
        if self.value_type == "duration":
            return format_duration(round(float(value) * DAY_MILLISECONDS))
        if self.value_type[0] == "0":
            return _pad_number(value, len(self.value_type))
        return _format_moment(value, self.value_type, self.is_1904)

    def format_iso(self, value: str) -> str:
        """Return the text of a date-time that is stored in ISO 8601, such as 2024-05-01T00:00:00Z."""
        text = value.strip().replace("T", " ", 1).removesuffix("Z")
        day, _, clock = text.partition(" ")
        if clock and not clock.strip("0:.") and self.value_type == "date":
            return day
        if not clock and day.count("-") == 2 and self.value_type == "moment":
            return f"{day} 00:00:00"
        return text.removesuffix(".000") if clock else text


GENERAL = Format()


@cache
def find_format(number: int, code: str, is_1904: bool) -> Format:
    """Return the format of a built-in number (ECMA-376 part 1, 18.8.30) or, where the file defines one, of a code."""
    return Format(_classify_code(code) if code else _classify_number(number), is_1904)


def read_styles(sheet: ElementTree.Element | None, is_1904: bool) -> list[Format]:
    """Return the format of each cell style in styles.xml (ECMA-376 part 1, 18.8.10 cellXfs)."""
    codes: dict[int, str] = {}
    formats: list[Format] = []
    for group in sheet if sheet is not None else ():
        tag = group.tag.rpartition("}")[2]
        if tag == "numFmts":
            codes = {_parse_number(item.get("numFmtId")): item.get("formatCode") or "" for item in group}
        elif tag == "cellXfs":
            numbers = [_parse_number(item.get("numFmtId")) for item in group]
            formats = [find_format(number, codes.get(number, ""), is_1904) for number in numbers]
    return formats or [GENERAL]


def _parse_number(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0


def format_number(value: str) -> str:
    """Return a number as its shortest text; integers as they are stored, however long."""
    if value.isdecimal() and value[0] != "0":
        # most numbers, and faster than the pattern
        return value
    if SHORTEST.fullmatch(value) and (len(value) <= MAX_SURE_DIGITS or "." not in value):
        return value
    return format_float(float(value))


def _classify_number(format_number: int) -> str:
    for value_type, numbers in (("date", DATES), ("time", TIMES), ("moment", DATE_TIMES), ("duration", DURATIONS)):
        if format_number in numbers:
            return value_type
    return ""


def _classify_code(code: str) -> str:
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


def _pad_number(value: str, digits: int) -> str:
    text = format_number(value)
    return text.zfill(digits) if INTEGER.fullmatch(text) else text


def _format_moment(value: str, value_type: str, is_1904: bool) -> str:
    """Return date, time or both as the format shows it, without dropping any part of the value."""
    days, milliseconds = divmod(round(float(value) * DAY_MILLISECONDS), DAY_MILLISECONDS)
    if days < 0 or days > MAX_DAY:
        return format_number(value)
    if days == 0 and not is_1904:
        return format_duration(milliseconds)
    if value_type == "date" and not milliseconds:
        return _format_date(days, is_1904)
    if days == 0 and value_type == "time":
        return format_duration(milliseconds)
    return f"{_format_date(days, is_1904)} {format_duration(milliseconds)}"


@cache
def _format_date(days: int, is_1904: bool) -> str:
    if is_1904:
        return date.fromordinal(date(1904, 1, 1).toordinal() + days).isoformat()
    if days == LEAP_DAY_1900:
        return "1900-02-29"
    return date.fromordinal(date(1899, 12, 30).toordinal() + days + (days < LEAP_DAY_1900)).isoformat()

"""Number formats of XLSX cells: which show a date, a time, a duration or leading zeros, and the text of such a value.

Rules: ECMA-376 part 1, 18.8.30 (numFmt) for the built-in numbers and 18.8.31 for the letters; 18.17.4 for serial dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from xml.etree import ElementTree

from systemscripts.tables.parsers.cell_text import format_duration, format_float

DAY_MILLISECONDS = 86_400_000  # milliseconds; what is beyond them in the stored float is noise
LEAP_DAY_1900 = 60  # Excel counts and shows 29 February 1900, which never was: no other day may stand for it
MAX_DAY = 2_957_003  # 9999-12-31 counted from 1904; Excel shows later ones as ####

Converter = Callable[[str], str]

DATES = {*range(14, 18), *range(27, 32), 36, *range(50, 55), 57, 58}
TIMES = {*range(18, 22), *range(32, 36), 45, 47, 55, 56}
DATE_TIMES, DURATIONS = {22}, {46}
# Quoted and escaped letters, fillers, colours, conditions and locales do not say what kind of value is shown.
SILENT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
SHORTEST = re.compile(r"0|-?(?:[1-9]\d*|0(?=\.))(?:\.\d*[1-9])?")
MAX_SURE_DIGITS = 15  # so many survive being a float (IEEE 754): a text no longer than that is the shortest already
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")


@dataclass(frozen=True)
class Format:
    """A number format: what kind of value it shows, and how a stored one becomes text.

    `kind`: "" (a number), date, time, moment, duration, or as many zeros as the number is padded to.
    """

    kind: str = ""
    is_1904: bool = False

    @property
    def is_plain(self) -> bool:
        """True when it shows a plain number."""
        return not self.kind

    @property
    def is_moment(self) -> bool:
        """True when it shows a date, a time or a duration."""
        return self.kind in ("date", "time", "moment", "duration")

    def number(self, value: str) -> str:
        """The text of a stored number."""
        if not self.kind:
            return format_number(value)
        if self.kind == "duration":
            return format_duration(round(float(value) * DAY_MILLISECONDS))
        if self.kind[0] == "0":
            return _pad_number(value, len(self.kind))
        return _format_moment(value, self.kind, self.is_1904)

    def iso(self, value: str) -> str:
        """The text of a moment that is stored in ISO 8601, such as 2024-05-01T00:00:00Z."""
        text = value.strip().replace("T", " ", 1).removesuffix("Z")
        day, _, clock = text.partition(" ")
        if clock and not clock.strip("0:.") and self.kind == "date":
            return day
        if not clock and day.count("-") == 2 and self.kind == "moment":
            return f"{day} 00:00:00"
        return text.removesuffix(".000") if clock else text


GENERAL = Format()


@cache
def find_format(number: int, code: str, is_1904: bool) -> Format:
    """The format of this number (ECMA-376 part 1, 18.8.30) and, where the file brings one, of this code."""
    return Format(_classify_code(code) if code else _classify_number(number), is_1904)


def read_styles(sheet: ElementTree.Element | None, is_1904: bool) -> list[Format]:
    """The format of each cell style in styles.xml (ECMA-376 part 1, 18.8.10 cellXfs)."""
    codes: dict[int, str] = {}
    found: list[Format] = []
    for group in sheet if sheet is not None else ():
        tag = group.tag.rpartition("}")[2]
        if tag == "numFmts":
            codes = {_parse_number(item.get("numFmtId")): item.get("formatCode") or "" for item in group}
        elif tag == "cellXfs":
            numbers = [_parse_number(item.get("numFmtId")) for item in group]
            found = [find_format(number, codes.get(number, ""), is_1904) for number in numbers]
    return found or [GENERAL]


def _parse_number(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0


def format_number(value: str) -> str:
    """A number as its shortest text; integers as the file holds them, however long."""
    if value.isdecimal() and value[0] != "0":
        return value  # most numbers, and quicker than a pattern
    if SHORTEST.fullmatch(value) and (len(value) <= MAX_SURE_DIGITS or "." not in value):
        return value
    return format_float(float(value))


def _classify_number(format_number: int) -> str:
    for kind, numbers in (("date", DATES), ("time", TIMES), ("moment", DATE_TIMES), ("duration", DURATIONS)):
        if format_number in numbers:
            return kind
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


def _format_moment(value: str, kind: str, is_1904: bool) -> str:
    """Date, time or both as the format shows it, but no part of the value is dropped."""
    days, milliseconds = divmod(round(float(value) * DAY_MILLISECONDS), DAY_MILLISECONDS)
    if days < 0 or days > MAX_DAY:
        return format_number(value)
    if days == 0 and not is_1904:
        return format_duration(milliseconds)
    if kind == "date" and not milliseconds:
        return _format_date(days, is_1904)
    if days == 0 and kind == "time":
        return format_duration(milliseconds)
    return f"{_format_date(days, is_1904)} {format_duration(milliseconds)}"


@cache
def _format_date(days: int, is_1904: bool) -> str:
    if is_1904:
        return date.fromordinal(date(1904, 1, 1).toordinal() + days).isoformat()
    if days == LEAP_DAY_1900:
        return "1900-02-29"
    return date.fromordinal(date(1899, 12, 30).toordinal() + days + (days < LEAP_DAY_1900)).isoformat()

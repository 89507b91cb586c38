"""Number formats of XLSX cells: which show a date, a time, a duration or leading zeros, and the text of such a value.

Rules: ECMA-376 part 1, 18.8.30 (numFmt) for the built-in numbers and 18.8.31 for the letters; 18.17.4 for serial dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial

from systemscripts.tables.parsers.values import texts

Converter = Callable[[str], str]

DATES = {*range(14, 18), *range(27, 32), 36, *range(50, 55), 57, 58}
TIMES = {*range(18, 22), *range(32, 36), 45, 47, 55, 56}
DATE_TIMES, DURATIONS = {22}, {46}
# Quoted and escaped letters, fillers, colours, conditions and locales do not say what kind of value is shown.
SILENT = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]')
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")


def converter(number: int, code: str, is_1904: bool) -> Converter:
    """The function that turns the stored number of a cell of this format into text."""
    kind = _built_in(number) or _custom(code)
    if kind in ("date", "time", "moment"):
        return partial(_moment, kind=kind, epoch=datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30))
    if kind == "duration":
        return lambda value: texts([timedelta(milliseconds=round(float(value) * 86_400_000))])[0]
    if kind.startswith("0"):
        return partial(_padded, digits=len(kind))
    return number_text


def number_text(value: str) -> str:
    """A number as its shortest text; integers as the file holds them, however long."""
    return value if INTEGER.fullmatch(value) else texts([float(value)])[0]


def _built_in(number: int) -> str:
    for kind, numbers in (("date", DATES), ("time", TIMES), ("moment", DATE_TIMES), ("duration", DURATIONS)):
        if number in numbers:
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


def _moment(value: str, kind: str, epoch: datetime) -> str:
    """Date, time or both as the format shows it, but no part of the value is dropped."""
    days, milliseconds = divmod(round(float(value) * 86_400_000), 86_400_000)
    if days < 0 or days > 2_958_465:  # after 9999-12-31 Excel shows ####
        return number_text(value)
    if days == 0 and kind != "date":
        return texts([(datetime.min + timedelta(milliseconds=milliseconds)).time()])[0]
    if epoch.year == 1899 and days < 60:
        days += 1  # Excel believes in 29 February 1900
    moment = epoch + timedelta(days=days, milliseconds=milliseconds)
    shown: date | time = moment.date() if kind == "date" and not milliseconds else moment
    return texts([shown])[0]

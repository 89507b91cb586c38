"""Write the date of a later file in the spelling of a name."""

from __future__ import annotations

import re
from datetime import date, timedelta

from systemscripts.dates import date_formats
from systemscripts.imports.suggest.month_names import write_month
from systemscripts.imports.suggest.name_dates import NameDate, read_day


def write_later(name_date: NameDate, pattern: str, steps: int) -> str:
    """Return the text of a date some periods later, in the same spelling."""
    first = read_day(name_date.text, pattern)
    if first is None:
        return name_date.text
    later, texts = _add_periods(first, name_date.period, steps), split_text(name_date.text, pattern)
    return "".join(_write_field(field, text, later) for field, text in texts)


def split_text(text: str, pattern: str) -> list[tuple[str, str]]:
    """Return the fields and literals of a format, each with its part of a text."""
    parts = date_formats.split_format(pattern)
    expression = "".join(
        r"([^\W\d_]{3,}\.?)" if part == "MMM" else rf"(\d{{1,{max(2, len(part))}}}?)" if part in _LENIENT
        else rf"(\d{{{len(part)}}})" if is_field(part) else f"({re.escape(date_formats.unquote_literal(part))})"
        for part in parts
    )  # fmt: skip
    match = re.fullmatch(expression, text)
    return list(zip(parts, match.groups(), strict=True)) if match else [("'", text)]


def is_field(part: str) -> bool:
    """Return whether a part of a format stands for digits or a name."""
    return part[0].isascii() and part[0].isalpha() and part not in ("T", "Z")


_LENIENT = ("d", "M", "w")


def _add_periods(day: date, period: str, steps: int) -> date:
    if period in ("day", "week"):
        return day + timedelta(days=steps * (7 if period == "week" else 1))
    months = {"month": 1, "quarter": 3, "year": 12}[period] * steps + day.year * 12 + day.month - 1
    return date(months // 12, months % 12 + 1, 1)


def _write_field(field: str, text: str, day: date) -> str:
    week_year, week, _ = day.isocalendar()
    numbers = {
        "yyyy": day.year,
        "yy": day.year % 100,
        "YYYY": week_year,
        "YY": week_year % 100,
        "Q": (day.month + 2) // 3,
    }
    numbers |= {"MM": day.month, "M": day.month, "dd": day.day, "d": day.day, "ww": week, "w": week}
    if field == "MMM":
        return write_month(text, day.month)
    return f"{numbers[field]:0{len(field)}}" if field in numbers else text

"""Dates and times: every order, separator, month name and clock."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

from babel.dates import format_date, format_datetime, format_time
from openpyxl.styles.numbers import BUILTIN_FORMATS

from bench.column_spellings.labels import Cell, Column, Country, Spelling, Value, name_header

DATE, TIMESTAMP = frozenset({"date"}), frozenset({"timestamp"})
WORKBOOK_DATES = [BUILTIN_FORMATS[number] for number in (14, 15)]
WORKBOOK_MOMENTS = [BUILTIN_FORMATS[22]]
WORKBOOK_TIMES = [BUILTIN_FORMATS[number] for number in (18, 19, 20, 21)]
WriteMoment = Callable[[random.Random, Country, datetime], str]
# the share of columns of the first days of months, or of the 1st to the 12th alone, which leave two readings
EARLY_SHARE = 0.2
EXCEL_DAY_ZERO = date(1899, 12, 30)


def draw_moments(draw: random.Random, rows: int) -> list[datetime]:
    """Return moments of up to three years, with microseconds; some columns have only early days of the month."""
    begin, days = date(draw.randrange(2014, 2026), 1, 1), draw.choice((40, 200, 1000))
    midnight = datetime.combine(begin, time())
    moments = [midnight + timedelta(microseconds=draw.randrange(days * 86_400_000_000)) for _ in range(rows)]
    if draw.random() < EARLY_SHARE:
        moments = [moment.replace(day=draw.randrange(1, 13)) for moment in moments]
    return moments


def spoil_date(draw: random.Random, cell: str) -> str:
    """Return a date with a typing error, or a word instead of it."""
    digits = re.search("[0-9]", cell)
    end = digits.end() if digits else 0
    return draw.choice([f"{cell[:end]}x{cell[end:]}", f"{cell} ?", "soon", f"{cell}{cell}", "99" + cell])


def has_two_readings(pattern: str, moments: list[datetime]) -> bool:
    """Return whether day and month of every date may be exchanged."""
    letters = re.sub("[^yMd]", "", re.sub("'[^']*'", "", pattern))
    return not letters.startswith("yyyy") and "MMM" not in letters and all(moment.day <= 12 for moment in moments)


def _round_moment(pattern: str, moment: datetime) -> datetime:
    """Return what remains of a moment that is written by a pattern."""
    if "SSSSSS" in pattern:
        return moment
    if "SSS" in pattern:
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return moment.replace(microsecond=0) if "ss" in pattern else moment.replace(second=0, microsecond=0)


def _write_moment(moment: datetime, pattern: str, locale: str) -> str:
    """Return a moment by a pattern of CLDR; between hyphens programs write names of months without a point."""
    text = format_datetime(moment, pattern, locale=locale)
    return text.replace(".-", "-").replace("..", ".") if "MMM" in pattern else text


def _date(pattern: str, locales: tuple[str, ...] = (), family: str = "dates", language: str = "") -> Spelling:
    """Return a spelling of dates by a pattern of CLDR; `language`: of its month names, else that of the country."""

    def make(draw: random.Random, country: Country, rows: int) -> Column:
        moments = draw_moments(draw, rows)
        cells = [_write_moment(moment, pattern, language or country.locale) for moment in moments]
        values: list[Value] = [moment.date() for moment in moments]
        return Column(name_header(country, "day"), list(cells), values, DATE, has_two_readings(pattern, moments))

    return Spelling(f"{family}: {pattern}", family, make, locales, spoil_date)


def _moment(
    pattern: str, locales: tuple[str, ...] = (), family: str = "dates with time", language: str = ""
) -> Spelling:
    def make(draw: random.Random, country: Country, rows: int) -> Column:
        moments = [_round_moment(pattern, moment) for moment in draw_moments(draw, rows)]
        cells = [_write_moment(moment, pattern, language or country.locale) for moment in moments]
        return Column(
            name_header(country, "moment"), list(cells), list(moments), TIMESTAMP, has_two_readings(pattern, moments)
        )

    return Spelling(f"{family}: {pattern}", family, make, locales, spoil_date)


def _date_with_name(width: str) -> Spelling:
    """Return the dates as CLDR writes them in each language."""

    def make(draw: random.Random, country: Country, rows: int) -> Column:
        moments = draw_moments(draw, rows)
        cells: list[Cell] = [format_date(moment, width, locale=country.locale) for moment in moments]
        order = {"mdy": "MMddyyyy", "dmy": "ddMMyyyy", "ymd": "yyyyMMdd"}[country.day_order]
        numeric = not any(re.search("[^0-9./ -]", str(cell)) for cell in cells)
        values: list[Value] = [moment.date() for moment in moments]
        return Column(name_header(country, "day"), cells, values, DATE, numeric and has_two_readings(order, moments))

    return Spelling(
        f"dates: Babel's {width}", "dates with names" if width != "short" else "dates", make, (), spoil_date
    )


def _make_zoned(write: Callable[[datetime], str], whole: bool) -> Callable[[random.Random, Country, int], Column]:
    def make(draw: random.Random, country: Country, rows: int) -> Column:
        offset = timezone(timedelta(hours=draw.choice((-8, -5, 0, 1, 2, 5.5))))
        moments = [moment.replace(tzinfo=UTC).astimezone(offset) for moment in draw_moments(draw, rows)]
        moments = [moment.replace(microsecond=0) if whole else moment for moment in moments]
        cells: list[Cell] = [write(moment) for moment in moments]
        return Column(name_header(country, "moment"), cells, list(moments), frozenset({"timestamptz"}))

    return make


def _time(pattern: str) -> Spelling:
    def make(draw: random.Random, country: Country, rows: int) -> Column:
        moments = [_round_moment(pattern, moment) for moment in draw_moments(draw, rows)]
        cells: list[Cell] = [format_time(moment, pattern, locale="en_US") for moment in moments]
        return Column(name_header(country, "clock"), cells, [moment.time() for moment in moments], frozenset({"time"}))

    return Spelling(f"times: {pattern}", "times", make, (), spoil_date)


def _make_serials(draw: random.Random, country: Country, rows: int) -> Column:
    numbers = [(moment.date() - EXCEL_DAY_ZERO).days for moment in draw_moments(draw, rows)]
    values: list[Value] = [*map(Decimal, numbers)]
    return Column(
        name_header(country, "day"), [*map(str, numbers)], values, frozenset({"integer", "bigint"}), hint="excel"
    )


def _make_stamps(draw: random.Random, country: Country, rows: int) -> Column:
    factor = draw.choice((1, 1000))
    numbers = [int(moment.replace(tzinfo=UTC).timestamp()) * factor for moment in draw_moments(draw, rows)]
    types = frozenset({"integer", "bigint"})
    return Column("created_at", [*map(str, numbers)], [*map(Decimal, numbers)], types, hint="1970")


def _make_workbook_dates(draw: random.Random, country: Country, rows: int) -> Column:
    moments = [moment.replace(hour=0, minute=0, second=0, microsecond=0) for moment in draw_moments(draw, rows)]
    values: list[Value] = [moment.date() for moment in moments]
    return Column(name_header(country, "day"), list(moments), values, DATE, number_format=draw.choice(WORKBOOK_DATES))


def _make_workbook_moments(draw: random.Random, country: Country, rows: int) -> Column:
    moments = [moment.replace(microsecond=0) for moment in draw_moments(draw, rows)]
    style = draw.choice(WORKBOOK_MOMENTS)
    return Column(name_header(country, "moment"), list(moments), list(moments), TIMESTAMP, number_format=style)


def _make_workbook_times(draw: random.Random, country: Country, rows: int) -> Column:
    times = [moment.time().replace(microsecond=0) for moment in draw_moments(draw, rows)]
    style, types = draw.choice(WORKBOOK_TIMES), frozenset({"time"})
    return Column(name_header(country, "clock"), list(times), list(times), types, number_format=style)


_DAY_FIRST = ("en_GB", "en_IN", "de", "fr", "es", "it", "pt", "nl", "da", "pl")
_POINTS = ("de", "da", "pl")
SPELLINGS = [
    _date("yyyy-MM-dd"), _date("yyyyMMdd"), _date("yyyy/MM/dd"), _date("yyyy.MM.dd"),
    _date("dd/MM/yyyy", _DAY_FIRST), _date("d/M/yyyy", _DAY_FIRST), _date("dd/MM/yy", _DAY_FIRST),
    _date("dd.MM.yyyy", _DAY_FIRST), _date("d.M.yyyy", _POINTS), _date("dd.MM.yy", _POINTS), _date("d.M.yy", _POINTS),
    _date("dd-MM-yyyy", _DAY_FIRST), _date("dd-MM-yy", _DAY_FIRST), _date("dd MM yyyy", ("fr",)),
    _date("MM/dd/yyyy", ("en_US",)), _date("M/d/yyyy", ("en_US",)), _date("MM/dd/yy", ("en_US",)),
    _date("M/d/yy", ("en_US",)), _date("MM-dd-yyyy", ("en_US",)), _date("MM.dd.yyyy", ("en_US",)),
    _date_with_name("short"), _date_with_name("medium"), _date_with_name("long"),
    _date("dd MMM yyyy", family="dates with names"), _date("d MMMM yyyy", family="dates with names"),
    _date("dd-MMM-yyyy", family="dates with names"), _date("d-MMM-yy", family="dates with names"),
    _date("dd.MMM.yyyy", ("de",), "dates with names"), _date("MMM d, yyyy", ("en",), "dates with names"),
    _date("MMMM d, yyyy", ("en",), "dates with names"), _date("dd MMM yy", ("en",), "dates with names"),
    _date("dd-MMM-yyyy", ("de", "fr", "nl", "sv"), "dates with English names", "en_US"),
    _moment("yyyy-MM-dd HH:mm:ss"), _moment("yyyy-MM-dd HH:mm"), _moment("yyyy-MM-dd'T'HH:mm:ss"),
    _moment("yyyy-MM-dd HH:mm:ss.SSS"), _moment("yyyy-MM-dd'T'HH:mm:ss.SSSSSS"),
    _moment("dd.MM.yyyy HH:mm", _DAY_FIRST), _moment("dd/MM/yyyy HH:mm:ss", _DAY_FIRST),
    _moment("dd-MM-yyyy HH:mm", _DAY_FIRST), _moment("dd.MM.yyyy, HH:mm:ss", ("de", "pl")),
    _moment("MM/dd/yyyy HH:mm", ("en_US",)), _moment("M/d/yyyy h:mm a", ("en_US",)),
    _moment("MM/dd/yyyy hh:mm:ss a", ("en_US",)), _moment("dd/MM/yyyy hh:mm a", ("en_GB", "en_IN"), language="en_US"),
    _moment("MMM d, yyyy h:mm:ss a", ("en_US",), "dates with names"),
    _moment("d MMM yyyy HH:mm", family="dates with names"), _moment("dd-MMM-yyyy HH:mm:ss", family="dates with names"),
    Spelling("zones: Z", "dates with zone", _make_zoned(
        lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), whole=True), (), spoil_date),
    Spelling("zones: Z, milliseconds", "dates with zone", _make_zoned(
        lambda moment: moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"), whole=False),
        (), spoil_date),
    Spelling("zones: +01:00", "dates with zone", _make_zoned(datetime.isoformat, whole=True), (), spoil_date),
    Spelling("zones: +0100", "dates with zone", _make_zoned(
        lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S %z"), whole=True), (), spoil_date),
    _time("HH:mm"), _time("HH:mm:ss"), _time("h:mm a"), _time("hh:mm:ss a"),
    Spelling("stamps: Excel's days", "stamps of computers", _make_serials),
    Spelling("stamps: since 1970", "stamps of computers", _make_stamps),
    Spelling("dates: cells of a workbook", "cells of a workbook", _make_workbook_dates, in_workbook=True),
    Spelling("moments: cells of a workbook", "cells of a workbook", _make_workbook_moments, in_workbook=True),
    Spelling("times: cells of a workbook", "cells of a workbook", _make_workbook_times, in_workbook=True),
]  # fmt: skip

"""Columns that look like another type: two currencies, months without a day, grades, ratios, room codes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_date, format_datetime

from bench.column_spellings.dates import DATE, TIMESTAMP, draw_moments, has_two_readings, spoil_date
from bench.column_spellings.labels import NUMBER, WHOLE, Cell, Column, Country, Spelling, Value, name_header
from bench.column_spellings.numbers import draw_numbers, spoil_number, write_number
from bench.column_spellings.words import BOOLEAN, TEXT, YES_NO

FAMILY = "look like another type"
DrawText = Callable[[random.Random, Country], str]


def _text(name: str, header: str, draw_text: DrawText, locales: tuple[str, ...] = ()) -> Spelling:
    def make(draw: random.Random, country: Country, rows: int) -> Column:
        texts = [draw_text(draw, country) for _ in range(rows)]
        return Column(header, list(texts), list(texts), TEXT)

    return Spelling(f"{FAMILY}: {name}", FAMILY, make, locales)


def _choose(*texts: str) -> DrawText:
    return lambda draw, _: draw.choice(texts)


def _draw_two_currencies(draw: random.Random, country: Country) -> str:
    number = write_number(Decimal(draw.randrange(100, 99999)) / 100, country.decimal, "")
    return f"{draw.choice('$€£')}{number}"


def _moments(
    name: str, write: Callable[[datetime, Country], str], family: str = "dates with names",
    locales: tuple[str, ...] = (), types: frozenset[str] = TIMESTAMP, keep: Sequence[str] = ("second",),
    order: str = "",
) -> Spelling:  # fmt: skip
    """Return a spelling of moments; `keep`: seconds or only minutes, `order`: a pattern that may have two readings."""

    def make(draw: random.Random, country: Country, rows: int) -> Column:
        moments = [moment.replace(microsecond=0) for moment in draw_moments(draw, rows)]
        moments = moments if "second" in keep else [moment.replace(second=0) for moment in moments]
        cells: list[Cell] = [write(moment, country) for moment in moments]
        values: list[Value] = [moment.date() for moment in moments] if types == DATE else [*moments]
        if types == frozenset({"timestamptz"}):
            values = [moment.replace(tzinfo=UTC) for moment in moments]
        # a name of the month leaves one reading
        is_numeric = not any(letter.isalpha() for letter in str(cells[0]).removesuffix("Uhr"))
        both = bool(order) and is_numeric and has_two_readings(order, moments)
        return Column(name_header(country, "day" if types == DATE else "moment"), cells, values, types, both)

    return Spelling(f"{family}: {name}", family, make, locales, spoil_date)


def _make_years(draw: random.Random, country: Country, rows: int) -> Column:
    years = [draw.randrange(1998, 2027) for _ in range(rows)]
    return Column("Year", [*map(str, years)], [*map(Decimal, years)], WHOLE)


def _make_floats(draw: random.Random, country: Country, rows: int) -> Column:
    numbers = [Decimal(draw.randrange(0, 500)) for _ in range(rows)]
    return Column("score", [f"{number}.0" for number in numbers], list(numbers), NUMBER)


def _make_coordinates(draw: random.Random, country: Country, rows: int) -> Column:
    numbers = [Decimal(draw.randrange(-90_000_000, 90_000_000)) / 1_000_000 for _ in range(rows)]
    return Column("lat", [f"{number:f}" for number in numbers], list(numbers), NUMBER)


def _make_weights(draw: random.Random, country: Country, rows: int) -> Column:
    """Return three decimals, which may also be thousands: only where zeros lead is it clear."""
    numbers = [Decimal(draw.randrange(1, 9_000)) / 1000 for _ in range(rows)]
    numbers[0] = Decimal("0.250")
    cells = [write_number(number.quantize(Decimal("0.001")), country.decimal, "") for number in numbers]
    return Column(name_header(country, "quantity"), list(cells), list(numbers), NUMBER)


def _make_sparse(draw: random.Random, country: Country, rows: int) -> Column:
    numbers = draw_numbers(draw, rows, 2, 0.1)
    values: list[Value] = [number if draw.random() < 0.1 or not row else None for row, number in enumerate(numbers)]
    numbers[0] = Decimal("-1234.50")
    values[0] = numbers[0]
    cells: list[Cell] = [
        "" if value is None else ("-" if number < 0 else "") + write_number(number, country.decimal, country.thousands)
        for value, number in zip(values, numbers, strict=True)
    ]
    return Column(name_header(country, "amount"), cells, values, NUMBER)


def _make_padded(draw: random.Random, country: Country, rows: int) -> Column:
    numbers = [number + Decimal("0.01") for number in draw_numbers(draw, rows, 2, 0.1)]
    cells: list[Cell] = [
        f"  {('-' if number < 0 else '') + write_number(number, country.decimal, '')} " for number in numbers
    ]
    return Column(name_header(country, "amount"), cells, list(numbers), NUMBER)


def _make_small_yes_no(draw: random.Random, country: Country, rows: int) -> Column:
    words = [word.lower() for word in YES_NO[country.language]]
    values: list[Value] = [draw.random() < 0.5 for _ in range(rows)]
    values[:2] = [True, False]
    return Column(name_header(country, "flag"), [words[not value] for value in values], values, BOOLEAN)


def _draw_three(draw: random.Random) -> str:
    return f"{draw.randrange(1000):03}"


def _draw_social(draw: random.Random, country: Country) -> str:
    return f"7{_draw_three(draw)[1:]}-4{draw.randrange(9)}-4{_draw_three(draw)}"


def _draw_section(draw: random.Random, country: Country) -> str:
    return f"{draw.randrange(1, 9)}.{draw.randrange(1, 30)}.{draw.randrange(1, 9)}"


def _draw_short(draw: random.Random, country: Country) -> str:
    return f"{draw.randrange(10_000, 99_999)}"


SPELLINGS = [
    _text("two currencies", "Price", _draw_two_currencies),
    _text("month and year", "Period", lambda draw, _: f"{draw.randrange(1, 13):02}/{draw.randrange(2019, 2027)}"),
    _text("year and month", "Period", lambda draw, _: f"{draw.randrange(2019, 2027)}-{draw.randrange(1, 13):02}"),
    _text("quarter", "Period", lambda draw, _: f"Q{draw.randrange(1, 5)} {draw.randrange(2019, 2027)}"),
    _text("week", "Week", lambda draw, _: f"{draw.randrange(2019, 2027)}-W{draw.randrange(1, 53):02}"),
    _text("gender", "Gender", _choose("M", "F")), _text("debit and credit", "Side", _choose("S", "H")),
    _text("three answers", "Agreed", _choose("Yes", "No", "Maybe")),
    _text("size", "Size", _choose("S", "M", "L", "XL")),
    _text("grade", "Grade", _choose("A", "B+", "B-", "C", "A-")), _text("currency", "Currency", _choose("EUR", "USD")),
    _text("ratio", "Score", lambda draw, _: f"{draw.randrange(6)}:{draw.randrange(6)}"),
    _text("range of numbers", "Employees", _choose("1-9", "10-49", "50-249", "250+")),
    _text("number with unit", "Weight", lambda draw, _: f"{draw.randrange(1, 90)},{draw.randrange(9)} kg"),
    _text("room", "Room", lambda draw, _: f"{draw.randrange(1, 9)}{draw.choice('ABCDEF')}{draw.randrange(1, 30)}"),
    _text("social security", "SSN", _draw_social),
    _text("card", "Card", lambda draw, _: " ".join(f"4{_draw_three(draw)}" for _ in range(4))),
    _text("postcode", "Postleitzahl", _draw_short, ("de",)), _text("zip", "ZIP", _draw_short, ("en_US",)),
    _text("phone without plus", "Phone", lambda draw, _: f"{draw.randrange(2_010_000_000, 9_890_000_000)}"),
    _text("apostrophe first", "Account", lambda draw, country: f"'{_draw_short(draw, country)}"),
    _text("section", "Section", _draw_section),
    _text("one letter", "Flag", _choose("A", "B", "N", "Y")),
    Spelling("whole: years", "whole numbers", _make_years, (), spoil_number),
    Spelling("decimals: always .0", "decimals", _make_floats, ("en",), spoil_number),
    Spelling("decimals: coordinates", "decimals", _make_coordinates, ("en",), spoil_number),
    Spelling("decimals: three decimals", "decimals", _make_weights, (), spoil_number),
    Spelling("decimals: mostly empty", "decimals", _make_sparse),
    Spelling("decimals: blanks around", "decimals", _make_padded, (), spoil_number),
    Spelling("booleans: small letters", "booleans", _make_small_yes_no, (), lambda draw, cell: "perhaps"),
    _moments("month in capitals", lambda m, c: f"{m:%d-%b-%y}".upper(), locales=("en",), types=DATE),
    _moments("Babel's full", lambda m, c: format_date(m, "full", locale=c.locale), types=DATE),
    _moments("weekday first", lambda m, c: f"{m:%a, %d %b %Y}", locales=("en",), types=DATE),
    _moments("day of mails", lambda m, c: f"{m:%a, %d %b %Y %H:%M:%S} +0000", "dates with zone", ("en",),
             frozenset({"timestamptz"})),
    _moments("Babel's medium with time", lambda m, c: format_datetime(m, "medium", locale=c.locale),
             locales=("en", "de", "fr", "es", "it", "nl", "da", "sv", "pl"), order="ddMM"),
    _moments("digits only", lambda m, c: f"{m:%Y%m%d%H%M%S}", "dates with time"),
    _moments("digits with T", lambda m, c: f"{m:%Y%m%dT%H%M%S}", "dates with time"),
    _moments("year first, two digits", lambda m, c: f"{m:%y-%m-%d}", "dates", ("sv",), DATE, order="yyMMdd"),
    _moments("Uhr", lambda m, c: f"{m:%d.%m.%Y %H:%M} Uhr", "dates with time", ("de",), keep=(), order="ddMM"),
]  # fmt: skip

"""Numbers: thousands and decimals of every country, signs, brackets, currencies, percent."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from decimal import Decimal

from babel.numbers import format_currency, format_decimal, format_percent, format_scientific, get_currency_symbol
from openpyxl.styles.numbers import BUILTIN_FORMATS

from bench.column_spellings.labels import ANY_NUMBER, NUMBER, WHOLE, Column, Country, Spelling, Value, name_header

BLANKS = {"blank": " ", "no-break blank": "\u00a0", "narrow no-break blank": "\u202f", "thin blank": "\u2009"}
APOSTROPHES = {"apostrophe": "'", "typographic apostrophe": "\u2019"}
# the largest numbers of a column, as powers of ten: those below a million leave two readings of 1.234
POWERS = (3, 5, 7, 7)
# numbers of the formats of openpyxl that show numbers; percent too, of which the cell stores the share
WORKBOOK_FORMATS = [
    text for number, text in BUILTIN_FORMATS.items() if number in (1, 2, 3, 4, 9, 10, 11, 37, 38, 39, 40)
]
Write = Callable[[random.Random, Country, Decimal], str]


def draw_numbers(draw: random.Random, rows: int, decimals: int, negative_share: float) -> list[Decimal]:
    """Return numbers of all sizes up to a power of ten."""
    power = draw.choice(POWERS)
    numbers = [Decimal(str(round(10 ** draw.uniform(0, power), decimals))) for _ in range(rows)]
    numbers = [number.quantize(Decimal(1).scaleb(-decimals)) for number in numbers]
    return [-number if draw.random() < negative_share else number for number in numbers]


def has_two_readings(cells: list[str]) -> bool:
    """Return whether the only mark, a point or comma before three digits, may be that of thousands or of decimals."""
    cores = ["".join(re.findall(r"[0-9.,']", cell)).strip(".,") for cell in cells]
    marks = {core[-4] for core in cores if re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", core)}
    return len(marks) == 1 and all(re.fullmatch(rf"[0-9]+|[1-9][0-9]{{0,2}}[{min(marks)}][0-9]{{3}}", c) for c in cores)


def spoil_number(draw: random.Random, cell: str) -> str:
    """Return a number with a typing error, a note, or a word instead of it."""
    digit = re.search(r"[0-9]", cell)
    end = digit.end() if digit else 0
    return draw.choice(
        [f"{cell[:end]}x{cell[end:]}", f"{cell} *", f"{cell} (est.)", "tbc", f"{cell[:end]},,{cell[end:]}"]
    )


def _group_digits(digits: str, mark: str, is_indian: bool = False) -> str:
    if not is_indian:
        return re.sub(r"(?<=[0-9])(?=(?:[0-9]{3})+$)", lambda _: mark, digits)
    return re.sub(r"(?<=[0-9])(?=(?:[0-9]{2})+$)", lambda _: mark, digits[:-3]) + mark * (len(digits) > 3) + digits[-3:]


def write_number(number: Decimal, decimal: str, thousands: str, is_indian: bool = False) -> str:
    """Return a number without its sign."""
    whole, _, fraction = f"{abs(number):f}".partition(".")
    return _group_digits(whole, thousands, is_indian) + (decimal + fraction if fraction else "")


def _write_local(draw: random.Random, country: Country, number: Decimal) -> str:
    return write_number(number, country.decimal, country.thousands)


def _write_plain(draw: random.Random, country: Country, number: Decimal) -> str:
    return write_number(number, country.decimal, "")


def _sign(before: str, after: str, positive: str = "", write: Write = _write_local) -> Write:
    """Return a function that writes negative numbers between two texts."""

    def write_signed(draw: random.Random, country: Country, number: Decimal) -> str:
        text = write(draw, country, number)
        return f"{before}{text}{after}" if number < 0 else f"{positive}{text}"

    return write_signed


def _group_by(mark: str, decimal: str = "", is_indian: bool = False) -> Write:
    return _sign(
        "-", "", write=lambda _, country, number: write_number(number, decimal or country.decimal, mark, is_indian)
    )


def _write_mixed_blanks(draw: random.Random, country: Country, number: Decimal) -> str:
    return write_number(number, country.decimal, draw.choice(list(BLANKS.values())))


def _write_leading_mark(draw: random.Random, country: Country, number: Decimal) -> str:
    return _write_plain(draw, country, number).removeprefix("0")


def _write_currency(draw: random.Random, country: Country, number: Decimal) -> str:
    return format_currency(number, country.currency, locale=country.locale)


def _write_accounting(draw: random.Random, country: Country, number: Decimal) -> str:
    return format_currency(number, country.currency, locale=country.locale, format_type="accounting")


def _write_code_before(draw: random.Random, country: Country, number: Decimal) -> str:
    return f"{country.currency} {'-' if number < 0 else ''}{_write_local(draw, country, number)}"


def _write_code_after(draw: random.Random, country: Country, number: Decimal) -> str:
    return f"{'-' if number < 0 else ''}{_write_local(draw, country, number)} {country.currency}"


def _write_sign_before(draw: random.Random, country: Country, number: Decimal) -> str:
    symbol = get_currency_symbol(country.currency, locale=country.locale)
    return f"{symbol}{'-' if number < 0 else ''}{_write_local(draw, country, number)}"


def _write_sign_after(draw: random.Random, country: Country, number: Decimal) -> str:
    symbol = get_currency_symbol(country.currency, locale=country.locale)
    return f"{'-' if number < 0 else ''}{_write_local(draw, country, number)}{symbol}"


def _write_percent(draw: random.Random, country: Country, number: Decimal) -> str:
    return format_percent(number / 100, locale=country.locale, decimal_quantization=False)


def _write_percent_apart(draw: random.Random, country: Country, number: Decimal) -> str:
    return f"{'-' if number < 0 else ''}{_write_plain(draw, country, number)} %"


def _write_percent_sometimes(draw: random.Random, country: Country, number: Decimal) -> str:
    return _write_percent_apart(draw, country, number).removesuffix(" %" if draw.random() < 0.1 else "-")


def _write_scientific(draw: random.Random, country: Country, number: Decimal) -> str:
    return format_scientific(number, locale=country.locale)


def _write_babel(draw: random.Random, country: Country, number: Decimal) -> str:
    return format_decimal(number, locale=country.locale, decimal_quantization=False)


def _number(
    name: str, write: Write, decimals: int = 2, negative: float = 0.1, family: str = "decimals",
    locales: tuple[str, ...] = (), concept: str = "amount", scale: int = 0,
) -> Spelling:  # fmt: skip
    """Return a spelling of numbers; `scale`: they are divided by this power of ten."""

    def make(draw: random.Random, country: Country, rows: int) -> Column:
        numbers = [number.scaleb(-scale) for number in draw_numbers(draw, rows, decimals, negative)]
        cells = [write(draw, country, number) for number in numbers]
        types = WHOLE if family == "whole numbers" else ANY_NUMBER if numbers == [round(n) for n in numbers] else NUMBER
        values: list[Value] = list(numbers)
        return Column(name_header(country, concept), list(cells), values, types, has_two_readings(cells))

    return Spelling(name, family, make, locales, spoil_number)


def _make_large(draw: random.Random, country: Country, rows: int) -> Column:
    numbers = [round(10 ** draw.uniform(3, 15)) for _ in range(rows)]
    numbers[0] = 10**15 - numbers[0]
    return Column("Bytes", list(map(str, numbers)), list(map(Decimal, numbers)), frozenset({"bigint"}))


def _make_workbook_numbers(draw: random.Random, country: Country, rows: int) -> Column:
    style = draw.choice(WORKBOOK_FORMATS)
    decimals = 4 if "%" in style or "E" in style else 2 if "0.00" in style else 0
    numbers = draw_numbers(draw, rows, decimals, 0.1)
    if "%" in style:
        numbers = [number / 10000 for number in numbers]
    cells = [float(number) if decimals else int(number) for number in numbers]
    types = NUMBER if decimals else WHOLE
    return Column(name_header(country, "amount"), list(cells), list(numbers), types, number_format=style)


def _list_whole() -> list[Spelling]:
    """Return the spellings of whole numbers."""
    local = ("en", "de_DE", "de_AT", "es", "it", "pt_BR", "nl", "da")
    spaced = ("fr", "sv", "pl", "pt_PT", "de_AT")
    plain = _sign("-", "", write=_write_plain)
    writes: dict[str, tuple[Write, tuple[str, ...]]] = {
        "digits": (plain, ()),
        "Babel's thousands": (_write_babel, ("en", "de_DE", "fr", "it", "pt_BR", "nl", "da", "sv", "pl")),
        "thousands by mark": (_sign("-", ""), local),
        **{f"thousands by {name}": (_group_by(mark), spaced) for name, mark in BLANKS.items()},
        **{f"thousands by {name}": (_group_by(mark), ("de_CH",)) for name, mark in APOSTROPHES.items()},
        "Indian thousands": (_group_by(",", is_indian=True), ("en_IN",)),
        "thousands by mixed blanks": (_sign("-", "", write=_write_mixed_blanks), spaced),
        "sign after": (_sign("", "-"), ()),
        "brackets": (_sign("(", ")"), ()),
        "U+2212 sign": (_sign("\u2212", ""), ()),
        "plus and minus": (_sign("-", "", "+", _write_plain), ()),
        "blank after sign": (_sign("- ", ""), ()),
    }
    return [
        *(
            _number(f"whole: {name}", write, 0, _share_negative(name), "whole numbers", locales, "quantity")
            for name, (write, locales) in writes.items()
        ),
        Spelling("whole: large", "whole numbers", _make_large, (), spoil_number),
    ]


def _share_negative(name: str) -> float:
    """Return how many numbers of a spelling are negative: more of them where the sign is what is tried."""
    return 0.3 if "sign" in name or name == "brackets" else 0.05


def _list_decimals() -> list[Spelling]:
    local = ("en", "de_DE", "es", "it", "pt_BR", "nl", "da", "de_CH")
    spaced = ("fr", "sv", "pl", "pt_PT", "de_AT")
    writes: dict[str, tuple[Write, tuple[str, ...]]] = {
        "without thousands": (_sign("-", "", write=_write_plain), ()),
        "Babel's": (_write_babel, ()),
        "thousands by mark": (_sign("-", ""), local),
        **{f"thousands by {name}": (_group_by(mark), spaced) for name, mark in BLANKS.items()},
        **{f"thousands by {name}": (_group_by(mark, "."), ("de_CH",)) for name, mark in APOSTROPHES.items()},
        "Indian thousands": (_group_by(",", is_indian=True), ("en_IN",)),
        "thousands by mixed blanks": (_sign("-", "", write=_write_mixed_blanks), spaced),
        "sign after": (_sign("", "-"), ()),
        "brackets": (_sign("(", ")"), ()),
        "U+2212 sign": (_sign("\u2212", ""), ()),
        "plus and minus": (_sign("-", "", "+", _write_plain), ()),
        "blank after sign": (_sign("- ", ""), ()),
    }
    return [
        *(
            _number(f"decimals: {name}", write, 2, _share_negative(name), locales=locales)
            for name, (write, locales) in writes.items()
        ),
        _number("decimals: leading mark", _sign("-", "", write=_write_leading_mark), 2, scale=6),
        _number("decimals: scientific", _write_scientific, 3, locales=("en", "de", "fr", "es", "it", "pt", "nl", "pl")),
    ]  # fmt: skip


def _list_money() -> list[Spelling]:
    """Return the spellings of amounts with a currency, and of percent."""
    money: dict[str, Write] = {
        "Babel's": _write_currency, "Babel's accounting": _write_accounting, "code before": _write_code_before,
        "code after": _write_code_after, "sign before": _write_sign_before, "sign after": _write_sign_after,
        "sign in brackets": _sign("(", ")", write=lambda draw, country, n: _write_sign_before(draw, country, abs(n))),
        "minus after sign": _sign("", "-", write=lambda draw, country, n: _write_sign_before(draw, country, abs(n))),
    }  # fmt: skip
    percent = {
        "Babel's": _write_percent, "blank before": _write_percent_apart, "sometimes missing": _write_percent_sometimes,
    }  # fmt: skip
    return [
        *(_number(f"currency: {name}", write, 2, 0.15, "currency") for name, write in money.items()),
        *(
            _number(f"percent: {name}", write, 2, 0.05, "percent", (), "share", scale=4)
            for name, write in percent.items()
        ),
    ]


SPELLINGS = [
    *_list_whole(),
    *_list_decimals(),
    *_list_money(),
    Spelling("numbers: cells of a workbook", "cells of a workbook", _make_workbook_numbers, in_workbook=True),
]

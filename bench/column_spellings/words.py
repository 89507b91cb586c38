"""Booleans in every language, codes that must stay text, and texts that only look like numbers or dates."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from bench.column_spellings.labels import Cell, Column, Country, Spelling, Value, get_faker, name_header

BOOLEAN, TEXT = frozenset({"boolean"}), frozenset({"text"})
YES_NO = {
    "en": ("Yes", "No"), "de": ("Ja", "Nein"), "fr": ("Oui", "Non"), "es": ("Sí", "No"), "it": ("Sì", "No"),
    "pt": ("Sim", "Não"), "nl": ("Ja", "Nee"), "da": ("Ja", "Nej"), "sv": ("Ja", "Nej"), "pl": ("Tak", "Nie"),
}  # fmt: skip
TRUE_FALSE = {"de": ("wahr", "falsch"), "fr": ("vrai", "faux"), "es": ("verdadero", "falso"), "it": ("vero", "falso")}
TICKERS = ("AAPL", "MSFT", "F", "T", "Y", "N", "NVDA", "BRK.B", "SAP", "TRUE", "ON", "NA", "KO")
COUNTRY_CODES = ("DE", "NO", "NA", "FR", "US", "GB", "NE", "SE", "IT", "ES", "PL", "BR")
ZERO_SHARE = 0.3
Pair = Callable[[Country], tuple[str, str]]


def _boolean(name: str, pair: Pair, locales: tuple[str, ...] = (), header: str = "") -> Spelling:
    def make(draw: random.Random, country: Country, rows: int) -> Column:
        share = draw.uniform(0.1, 0.9)
        values: list[Value] = [draw.random() < share for _ in range(rows)]
        values[:2] = [True, False]
        cells: list[Cell] = [pair(country)[not value] for value in values]
        return Column(header or name_header(country, "flag"), cells, values, BOOLEAN)

    return Spelling(f"booleans: {name}", "booleans", make, locales, lambda draw, cell: draw.choice(["maybe", "??"]))


def _make_counts(draw: random.Random, country: Country, rows: int) -> Column:
    """Return 0 and 1 below a header that asks for a number."""
    numbers = [draw.randrange(2) for _ in range(rows)]
    values: list[Value] = [*map(Decimal, numbers)]
    return Column(name_header(country, "quantity"), [*map(str, numbers)], values, frozenset({"integer"}))


def _text(name: str, header: str, family: str, draw_one: Callable[[random.Random, Country], str]) -> Spelling:
    def make(draw: random.Random, country: Country, rows: int) -> Column:
        texts = [draw_one(draw, country) for _ in range(rows)]
        return Column(header, list(texts), list(texts), TEXT)

    return Spelling(f"{family}: {name}", family, make)


def _draw_digits(count: int, draw: random.Random, country: Country) -> str:
    """Return digits with a leading zero more often than by chance: one among the fewest rows of a file."""
    first = "0" if draw.random() < ZERO_SHARE else draw.choice(string.digits)
    return first + "".join(draw.choices(string.digits, k=count - 1))


def _draw_with_faker(provider: str, draw: random.Random, country: Country) -> str:
    faker = get_faker(country.locale)
    faker.seed_instance(draw.randrange(2**32))
    return str(getattr(faker, provider)())


def _draw_isin(draw: random.Random, country: Country) -> str:
    body = draw.choice(COUNTRY_CODES) + "".join(draw.choices(string.digits, k=9))
    digits = "".join(str(int(letter, 36)) for letter in body)
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return f"{body}{-total % 10}"


def _draw_lei(draw: random.Random, country: Country) -> str:
    body = "".join(draw.choices(string.digits + string.ascii_uppercase, k=18))
    number = int("".join(str(int(letter, 36)) for letter in f"{body}00"))
    return f"{body}{98 - number % 97:02}"


def _draw_ean(draw: random.Random, country: Country) -> str:
    body = str(draw.randrange(10**11, 10**12))
    total = sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(body))
    return f"{body}{-total % 10}"


def _draw_version(draw: random.Random, country: Country) -> str:
    return f"{draw.randrange(9)}.{draw.randrange(20)}.{draw.randrange(12)}"


def _draw_note(draw: random.Random, country: Country) -> str:
    text = _draw_with_faker("sentence", draw, country)
    return draw.choice([text, f'{text[:20]} "{text[20:]}"', text.replace(" ", ", "), text.replace(" ", "\n", 1), ""])


SPELLINGS = [
    _boolean("true and false", lambda _: ("true", "false")), _boolean("TRUE and FALSE", lambda _: ("TRUE", "FALSE")),
    _boolean("Y and N", lambda _: ("Y", "N"), ("en",)), _boolean("T and F", lambda _: ("T", "F"), ("en",)),
    _boolean("yes and no", lambda country: YES_NO[country.language]),
    _boolean("YES and NO", lambda country: tuple(map(str.upper, YES_NO[country.language]))),  # type: ignore[arg-type, return-value]
    _boolean("J and N", lambda _: ("J", "N"), ("de", "nl", "da", "sv")),
    _boolean("O and N", lambda _: ("O", "N"), ("fr",)),
    _boolean("S and N", lambda _: ("S", "N"), ("es", "it", "pt")), _boolean("T and N", lambda _: ("T", "N"), ("pl",)),
    _boolean("true and false by language", lambda country: TRUE_FALSE[country.language], tuple(TRUE_FALSE)),
    _boolean("x and blank", lambda _: ("x", "")), _boolean("X and blank", lambda _: ("X", "")),
    _boolean("on and off", lambda _: ("on", "off"), ("en",)),
    _boolean("1 and 0", lambda _: ("1", "0"), ("en",), "is_active"),
    Spelling("whole: 1 and 0 that count", "whole numbers", _make_counts),
    _text("leading zeros", "Customer no.", "codes", partial(_draw_digits, 8)),
    _text("short with zeros", "Store", "codes", partial(_draw_digits, 3)),
    _text("more than 18 digits", "Parcel", "codes", partial(_draw_digits, 20)),
    _text("IBAN", "IBAN", "codes", partial(_draw_with_faker, "iban")), _text("ISIN", "ISIN", "codes", _draw_isin),
    _text("LEI", "LEI", "codes", _draw_lei), _text("EAN", "EAN", "codes", _draw_ean),
    _text("ticker", "Ticker", "codes", lambda draw, _: draw.choice(TICKERS)),
    _text("phone", "Phone", "codes", partial(_draw_with_faker, "phone_number")),
    _text("mobile with plus", "Mobile", "codes", lambda draw, _: f"+{draw.randrange(10**10, 10**12)}"),
    _text("uuid", "Id", "codes", partial(_draw_with_faker, "uuid4")),
    _text("postcode", "Postcode", "codes", lambda draw, country: _draw_digits(5, draw, country)),
    _text("country", "Country", "codes", lambda draw, _: draw.choice(COUNTRY_CODES)),
    _text("article", "SKU", "codes", lambda draw, _: f"{draw.choice('ABEX')}-{draw.randrange(9999)}"),
    _text("name", "Name", "text", partial(_draw_with_faker, "name")),
    _text("company", "Company", "text", partial(_draw_with_faker, "company")),
    _text("street", "Street", "text", partial(_draw_with_faker, "street_address")),
    _text("note", "Note", "text", _draw_note), _text("email", "Email", "text", partial(_draw_with_faker, "email")),
    _text("version", "Version", "text", _draw_version),
    _text("range", "Age group", "text", lambda draw, _: draw.choice(["0-9", "10-12", "13-17", "18-24", "25-34"])),
    _text("fraction", "Size", "text", lambda draw, _: f"{draw.randrange(1, 9)}/{draw.choice((2, 4, 8, 16))}"),
    _text("season", "Season", "text", lambda draw, _: (lambda y: f"{y}/{y % 100 + 1:02}")(draw.randrange(2005, 2026))),
    _text("weight", "Weight", "text", lambda draw, _: f"{draw.randrange(1, 90)} kg"),
    _text("address of a computer", "Host", "text", partial(_draw_with_faker, "ipv4")),
]  # fmt: skip

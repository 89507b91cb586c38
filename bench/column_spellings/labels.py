"""A column with its label: what is written in each row, and what it means."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Final

from babel import Locale
from faker import Faker

WHOLE = frozenset({"integer", "bigint"})
NUMBER = frozenset({"numeric"})
ANY_NUMBER = WHOLE | NUMBER


class _Misfit:
    """The true value of a cell that has none: a load must reject it."""


MISFIT: Final = _Misfit()
Value = str | bool | Decimal | date | datetime | time | _Misfit | None
Cell = str | bool | float | int | date | datetime | time | None


@dataclass
class Column:
    """A column: its cells, and for each the true value."""

    header: str
    cells: list[Cell]
    values: list[Value]
    # the types that keep every value
    types: frozenset[str]
    # whether another reading also fits every cell, and gives other values
    has_two_readings: bool = False
    # word that the reason must contain, such as "Excel" for the serial numbers of days
    hint: str = ""
    # of the cells of a workbook
    number_format: str = "General"
    spelling: str = ""
    family: str = ""


@dataclass(frozen=True)
class Country:
    """Where a file comes from: language and country, the currency, the usual delimiters."""

    locale: str
    currency: str
    day_order: str = "dmy"

    @property
    def language(self) -> str:
        """Return the code of the language."""
        return self.locale.partition("_")[0]

    @property
    def decimal(self) -> str:
        """Return the mark before the decimals."""
        return str(Locale.parse(self.locale).number_symbols["latn"]["decimal"])

    @property
    def thousands(self) -> str:
        """Return the mark between thousands."""
        return str(Locale.parse(self.locale).number_symbols["latn"]["group"])


COUNTRIES = (
    Country("en_US", "USD", "mdy"), Country("en_GB", "GBP"), Country("en_IN", "INR"), Country("de_DE", "EUR"),
    Country("de_AT", "EUR"), Country("de_CH", "CHF"), Country("fr_FR", "EUR"), Country("es_ES", "EUR"),
    Country("it_IT", "EUR"), Country("pt_BR", "BRL"), Country("pt_PT", "EUR"), Country("nl_NL", "EUR"),
    Country("da_DK", "DKK"), Country("sv_SE", "SEK", "ymd"), Country("pl_PL", "PLN"),
)  # fmt: skip

# header by language: quantity, amount, share, day, moment, clock, flag
_HEADERS = {
    "en": ("Quantity", "Amount", "Share", "Order date", "Created at", "Start time", "Active"),
    "de": ("Menge", "Betrag", "Anteil", "Bestelldatum", "Erstellt am", "Beginn", "Aktiv"),
    "fr": ("Quantité", "Montant", "Part", "Date de commande", "Créé le", "Début", "Actif"),
    "es": ("Cantidad", "Importe", "Cuota", "Fecha de pedido", "Creado el", "Hora de inicio", "Activo"),
    "it": ("Quantità", "Importo", "Quota", "Data ordine", "Creato il", "Ora di inizio", "Attivo"),
    "pt": ("Quantidade", "Valor", "Quota", "Data do pedido", "Criado em", "Hora de início", "Ativo"),
    "nl": ("Aantal", "Bedrag", "Aandeel", "Besteldatum", "Aangemaakt op", "Begintijd", "Actief"),
    "da": ("Antal", "Beløb", "Andel", "Ordredato", "Oprettet", "Starttid", "Aktiv"),
    "sv": ("Antal", "Belopp", "Andel", "Orderdatum", "Skapad", "Starttid", "Aktiv"),
    "pl": ("Ilość", "Kwota", "Udział", "Data zamówienia", "Utworzono", "Początek", "Aktywny"),
}
_CONCEPTS = ("quantity", "amount", "share", "day", "moment", "clock", "flag")


def name_header(country: Country, concept: str) -> str:
    """Return the header of a concept in the language of the file."""
    return _HEADERS[country.language][_CONCEPTS.index(concept)]


@cache
def get_faker(locale: str) -> Faker:
    """Return the generator of names, addresses and codes of a country."""
    return Faker(locale)


Make = Callable[[random.Random, Country, int], Column]


@dataclass(frozen=True)
class Spelling:
    """One way to write a kind of value. `make` returns a clean column."""

    name: str
    family: str
    make: Make
    # the countries where it is usual; none: everywhere
    locales: tuple[str, ...] = ()
    # returns a cell that looks like the others but has no value
    spoil: Callable[[random.Random, str], str] | None = None
    # for a workbook with cells of its type
    in_workbook: bool = False
    # rows below which the column would not show its spelling
    least_rows: int = field(default=20)

    def fits(self, country: Country) -> bool:
        """Return whether the spelling is usual in a country."""
        return not self.locales or country.locale in self.locales or country.language in self.locales

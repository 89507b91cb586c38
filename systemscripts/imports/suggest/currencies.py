"""Signs and codes of currencies, and which of them mean different ones."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# besides single signs and ISO codes
_WORDS = frozenset(
    [
        "kr",
        "kr.",
        "kč",
        "zł",
        "ft",
        "lei",
        "лв",
        "лв.",
        "руб",
        "руб.",
        "грн",
        "rs",
        "rs.",
        "rm",
        "fr",
        "fr.",
        "sfr",
        "sfr.",
        "tl",
        "din",
        "din.",
        "km",
        "bs",
        "bs.",
        "s/",
        "s/.",
        "r",
        "rp",
        "rp.",
        "r$",
        "us$",
        "a$",
        "au$",
        "c$",
        "ca$",
        "nz$",
        "hk$",
        "s$",
        "mx$",
        "nt$",
        "euro",
        "euros",
        "eur.",
        "dkr.",
        "skr",
        "nkr",
    ]
)
# sign -> codes that it may stand for; others may stand for any
_CODES = {
    "€": {"EUR"}, "£": {"GBP", "EGP", "LBP", "SYP"}, "¥": {"JPY", "CNY"}, "₹": {"INR"}, "₽": {"RUB"}, "₺": {"TRY"},
    "₩": {"KRW"}, "₪": {"ILS"}, "kr": {"DKK", "SEK", "NOK", "ISK"}, "kr.": {"DKK", "SEK", "NOK", "ISK"}, "zł": {"PLN"},
    "kč": {"CZK"}, "ft": {"HUF"}, "fr.": {"CHF"}, "sfr.": {"CHF"}, "r$": {"BRL"}, "us$": {"USD"}, "euro": {"EUR"},
    "euros": {"EUR"}, "rs.": {"INR", "PKR", "LKR"}, "rs": {"INR", "PKR", "LKR"}, "r": {"ZAR"}, "tl": {"TRY"},
}  # fmt: skip
# the countries whose money is a dollar or peso
_DOLLARS = frozenset(
    [
        "USD",
        "CAD",
        "AUD",
        "NZD",
        "HKD",
        "SGD",
        "TWD",
        "MXN",
        "ARS",
        "CLP",
        "COP",
        "UYU",
        "JMD",
        "BSD",
        "BBD",
        "TTD",
        "FJD",
        "NAD",
    ]
)


@lru_cache(maxsize=1000)
def is_currency(text: str) -> bool:
    """Return whether a text is the sign or code of a currency."""
    if len(text) == 1 and unicodedata.category(text) == "Sc":
        return True
    if text.casefold() in _WORDS:
        return True
    if len(text) != 3 or not text.isascii() or not text.isalpha() or not (text.isupper() or text.islower()):
        return False
    from babel import Locale

    return text.upper() in Locale("en").currencies


def are_different(units: Iterable[str]) -> bool:
    """Return whether signs and codes certainly mean several currencies: € and USD, EUR and GBP."""
    common: set[str] | None = None
    for unit in units:
        codes = _CODES.get(unit.casefold(), _DOLLARS if unit == "$" else {unit.upper()})
        common = set(codes) if common is None else common & codes
    return common is not None and not common

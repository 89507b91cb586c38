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
# ISO 4217, without funds and metals
_ISO_CODES = frozenset(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
    CHF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
    HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD
    LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP
    PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND
    TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG""".split()  # noqa: SIM905
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
    return text.upper() in _ISO_CODES and (text.isupper() or text.islower())


def are_different(units: Iterable[str]) -> bool:
    """Return whether signs and codes certainly mean several currencies: € and USD, EUR and GBP."""
    common: set[str] | None = None
    for unit in units:
        codes = _CODES.get(unit.casefold(), _DOLLARS if unit == "$" else {unit.upper()})
        common = set(codes) if common is None else common & codes
    return common is not None and not common

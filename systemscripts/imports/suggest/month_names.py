"""The names of months as file names write them, in the languages of our clients."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

from systemscripts.dates import calendar_names
from systemscripts.dates.calendar_names import COMMON_LANGUAGES

_WIDTHS = ("wide", "abbreviated")


@functools.cache
def find_month(word: str, language: str) -> int | None:
    """Return the number of the month that a word means in a language; None if it is not a month."""
    try:
        return calendar_names.find_name(calendar_names.load_months(language), word)
    except ValueError:
        return None


def find_languages(word: str) -> list[str]:
    """Return the languages in which a word is the name of a month."""
    return [language for language in COMMON_LANGUAGES if find_month(word, language)]


@functools.cache
def _list_names(language: str) -> dict[str, dict[str, int]]:
    """Return the names of months, wide and abbreviated, in small letters and without points, with their numbers."""
    from babel import Locale

    months = Locale.parse(language).months.values()
    wide = {name.casefold(): number for widths in months for number, name in widths["wide"].items()}
    short = {name.casefold().rstrip("."): number for widths in months for number, name in widths["abbreviated"].items()}
    # programs cut every name after three letters; some of the cut names would mean two months
    cut = {name[:3]: number for name, number in wide.items() if find_month(name[:3], language) == number}
    return {"wide": wide, "abbreviated": cut | short}


def list_alike(words: Sequence[str]) -> list[str]:
    """Return all names of months that are of a language and of a length with some names."""
    folded = [word.casefold().rstrip(".") for word in words]
    fitting = {
        (language, width)
        for language in COMMON_LANGUAGES
        for width, names in _list_names(language).items()
        if all(word in names for word in folded)
    }
    # names of several languages or lengths, or without their accents
    fitting = fitting or {(language, width) for word in words for language in find_languages(word) for width in _WIDTHS}
    names = {name for language, width in fitting for name in _list_names(language)[width]}
    return sorted({*folded, *names, *map(_remove_accents, names)})


def _remove_accents(name: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))


@functools.cache
def _list_weekdays(language: str) -> frozenset[str]:
    from babel import Locale

    return frozenset(name.casefold() for name in Locale.parse(language).days["format"]["wide"].values())


def list_weekdays_alike(word: str) -> list[str]:
    """Return the days of the week in the languages in which a word is one of them; [] for another word."""
    fitting = [days for language in COMMON_LANGUAGES if word.casefold() in (days := _list_weekdays(language))]
    return sorted(frozenset().union(*fitting))


def write_month(like: str, month: int) -> str:
    """Return the name of a month in the language, length and case of another one."""
    folded, language = like.casefold().rstrip("."), find_languages(like)[0]
    width = next((width for width in _WIDTHS if folded in _list_names(language)[width]), "abbreviated")
    name = next(name for name, number in _list_names(language)[width].items() if number == month)
    return name.upper() if like.isupper() else name.capitalize() if like[0].isupper() else name


def list_month_words(text: str) -> list[str]:
    """Return the words of a text that are names of months."""
    return [word for word in re.findall(r"[^\W\d_]{3,}\.?", text) if find_languages(word)]

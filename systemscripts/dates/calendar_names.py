"""The names of months, weekdays and halves of the day in a language, from the CLDR data of Babel.

Texts write them in any case, with or without points and accents, wide or abbreviated; all of these mean the same.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

DEFAULT_LANGUAGE = "en"
# Those of most clients. No name means two different months in two of them, which a test checks: without a declared
# language the months in file names are read in all of them.
COMMON_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "da", "sv", "pl", "nb")
# in names of any script: neither blanks nor digits nor ASCII punctuation
LETTER = r"[^\s\d!-/:-@\[-`{-~]"
# accents of Latin, Greek and Cyrillic letters; the marks of other scripts are vowels
_IGNORED = re.compile(r"[\u0300-\u036f.\s]")
# how many first letters of a name programs write: Sep and Sept, Mär and März
_CUT_LENGTHS = (3, 4)
# what Windows, SAP and programs without umlauts write, and CLDR does not have
_OTHER_MONTHS = {"de": {"Mrz": 3, "Maerz": 3}}
_HALVES = {"am": 0, "pm": 12}


def is_language(code: str) -> bool:
    """Return whether Babel knows a language, with or without a country: de, pt_BR."""
    if not re.fullmatch(r"[a-z]{2,3}(?:_[A-Z][A-Za-z0-9]+)*", code):
        return False
    from babel import localedata

    return localedata.exists(code)


@functools.cache
def load_months(language: str) -> dict[str, int]:
    """Return the folded names of the months, 1 to 12."""
    from babel import Locale

    others = _OTHER_MONTHS.get(language.partition("_")[0], {}).items()
    return _index_with_cuts([*_collect_names(Locale.parse(language).months), *others])


@functools.cache
def load_weekdays(language: str) -> dict[str, int]:
    """Return the folded names of the weekdays, 0 (Monday) to 6."""
    from babel import Locale

    return _index_with_cuts(_collect_names(Locale.parse(language).days))


@functools.cache
def load_halves(language: str) -> dict[str, int]:
    """Return the folded names of the halves of the day with their first hour: 0 and 12."""
    from babel import Locale

    periods = Locale.parse(language).day_periods
    names = [
        (name, _HALVES[half])
        for widths in periods.values()
        for width, halves in widths.items()
        for half, name in halves.items()
        if half in _HALVES and width != "narrow"
    ]
    return {**_index_names(names), **_HALVES}


@functools.lru_cache(maxsize=4096)
def _fold(text: str) -> str:
    # a capital dotless i of Turkish is an I
    return _IGNORED.sub("", unicodedata.normalize("NFKD", text)).casefold().replace("\u0131", "i")


def find_name(names: Mapping[str, int], text: str) -> int:
    """Return what a name means; raises ValueError for a text that is not among the names."""
    try:
        return names[_fold(text)]
    except KeyError as error:
        raise ValueError(text) from error


def _collect_names(contexts: Mapping[str, Mapping[str, Mapping[int, str]]]) -> list[tuple[str, int]]:
    """Return the wide and abbreviated names of all contexts with their numbers."""
    return [
        (name, number)
        for widths in contexts.values()
        for width, names in widths.items()
        if width != "narrow"
        for number, name in names.items()
    ]


def _index_with_cuts(names: list[tuple[str, int]]) -> dict[str, int]:
    """Return the names and their first letters, as far as only one name begins so."""
    cuts = [(_fold(name)[:length], number) for name, number in names for length in _CUT_LENGTHS]
    return {**_index_names(cuts), **_index_names(names)}


def _index_names(names: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the folded names that mean one thing only."""
    meanings: defaultdict[str, set[int]] = defaultdict(set)
    for name, number in names:
        meanings[_fold(name)].add(number)
    return {name: min(numbers) for name, numbers in meanings.items() if len(numbers) == 1}

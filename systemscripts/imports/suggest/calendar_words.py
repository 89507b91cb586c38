"""Names of months and weekdays as texts write them, in the languages in which files usually come."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping

from systemscripts.dates import calendar_names

# where the words of a column fit several languages the first one is proposed
LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "da", "sv", "nb", "pl", "fi", "cs", "sk", "hu", "ro", "tr", "hr", "sl",
    "lt", "lv", "et", "ca", "el", "ru", "uk", "bg", "de_AT", "fr_CA",
)  # fmt: skip
# the other words of a column may be dirt
_MIN_SHARE = 0.95
_CUT_LENGTHS = (3, 4)


@functools.cache
def list_months(language: str) -> dict[str, int]:
    """Return the months, 1 to 12, by every word for them: in small letters, without a point at the end."""
    from babel import Locale

    return _list_forms(Locale.parse(language).months, calendar_names.load_months(language))


@functools.cache
def list_weekdays(language: str) -> dict[str, int]:
    """Return the weekdays, 0 to 6, by every word for them: in small letters, without a point at the end."""
    from babel import Locale

    return _list_forms(Locale.parse(language).days, calendar_names.load_weekdays(language))


def find_languages(months: Counter[str], weekdays: Counter[str]) -> list[str]:
    """Return the languages that know nearly all words, one for each meaning that they may have, the likely one first.

    Likely is one that writes the names like this itself, rather than one of whose names they are the first letters.
    """
    counts = {
        language: _count_known(months, list_months(language)) + _count_known(weekdays, list_weekdays(language))
        for language in LANGUAGES
    }
    most = max(counts.values())
    if most < _MIN_SHARE * (months.total() + weekdays.total()):
        return []
    knowing = [language for language in LANGUAGES if counts[language] == most]
    knowing.sort(key=lambda language: -_count_known(months + weekdays, list_exact_names(language)))
    by_meaning: dict[tuple[int | None, ...], str] = {}
    for language in knowing:
        by_meaning.setdefault(tuple(list_months(language).get(normalize(word)) for word in sorted(months)), language)
    return list(by_meaning.values())


@functools.cache
def list_exact_names(language: str) -> frozenset[str]:
    """Return the names of months and weekdays as CLDR has them."""
    from babel import Locale

    locale = Locale.parse(language)
    return frozenset(_list_names(locale.months)) | frozenset(_list_names(locale.days))


def _count_known(words: Counter[str], forms: Collection[str]) -> int:
    return sum(count for word, count in words.items() if normalize(word) in forms)


def build_pattern(forms: Mapping[str, int], numbers: Collection[int]) -> str:
    """Return the pattern of the words for some of the months or weekdays."""
    words = sorted((word for word, number in forms.items() if number in numbers), key=len, reverse=True)
    return rf"(?i:{'|'.join(words)})\.?"


def normalize(word: str) -> str:
    """Return a word as the dictionaries have it."""
    return word.lower().rstrip(".")


def _list_names(contexts: Mapping[str, Mapping[str, Mapping[int, str]]]) -> set[str]:
    return {
        normalize(name)
        for widths in contexts.values()
        for by_number in widths.values()
        for name in by_number.values()
        if len(name) > 1
    }


def _list_forms(contexts: Mapping[str, Mapping[str, Mapping[int, str]]], numbers: Mapping[str, int]) -> dict[str, int]:
    """Return the words that the conversion understands: wide and short names, their first letters, without accents."""
    names = _list_names(contexts)
    names |= numbers.keys()
    names |= {name[:length] for name in names for length in _CUT_LENGTHS if len(name) > length}
    names |= {_remove_accents(name) for name in names}
    forms = {}
    for name in names:
        if name.replace("-", "").isalpha():
            try:
                forms[name] = calendar_names.find_name(numbers, name)
            except ValueError:
                continue
    return forms


def _remove_accents(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))

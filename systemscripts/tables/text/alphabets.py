"""Statistics of the non-ASCII letters of each language, and the legacy encodings of each language.

letters.json: language -> letter -> its share of a thousand non-ASCII letters, then the letters that commonly precede
and follow it (^ for the start of a word, $ for its end). Counted over the names of countries, languages, scripts,
months, days and units in Unicode's CLDR 46, and completed with the exemplar set of each language.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

LETTERS_FILE = Path(__file__).with_name("letters.json")
# language -> its most common ideographs or syllables, from the same names and from frequency lists of newspapers
CHARACTERS_FILE = Path(__file__).with_name("common_characters.json")
# Languages whose names and words appear in the files of all others.
WORLDWIDE = ("French", "Spanish", "German", "Portuguese")
_WESTERN = (
    *WORLDWIDE, "Italian", "Dutch", "Swedish", "Danish", "Norwegian", "Finnish", "Icelandic", "Catalan", "Irish",
    "Albanian",
)  # fmt: skip
_CENTRAL = (
    "Czech", "Slovak", "Polish", "Hungarian", "Romanian", "Croatian", "Slovenian", "Albanian", *WORLDWIDE,
)  # fmt: skip
_TURKISH = ("Turkish", *WORLDWIDE)
_BALTIC = ("Latvian", "Lithuanian", "Estonian", *WORLDWIDE)
_CYRILLIC = ("Russian", "Ukrainian", "Bulgarian", "Serbian", "Belarusian")
# ASCII letters that hardly any word of the language has: k in Spanish, v in Polish.
UNUSUAL_LETTERS = {
    "Albanian": "w", "Catalan": "kwy", "Croatian": "qwxy", "Czech": "qwx", "Danish": "qwxz", "Estonian": "qwxy",
    "Finnish": "qwxz", "Hungarian": "qwx", "Icelandic": "cqwz", "Irish": "jkqvwxyz", "Italian": "jkwxy",
    "Latvian": "qwxy", "Lithuanian": "qwx", "Norwegian": "qwxz", "Polish": "qvx", "Portuguese": "kwy",
    "Romanian": "qwy", "Slovak": "qwx", "Slovenian": "qwxy", "Spanish": "kw", "Swedish": "qw", "Turkish": "jqwx",
}  # fmt: skip
# Python's name -> how much rarer than Windows-1252 it is in today's files (natural logarithm), and its languages.
LEGACY_ENCODINGS: dict[str, tuple[float, tuple[str, ...]]] = {
    "cp1252": (0.0, _WESTERN),
    "iso8859-15": (-4.0, _WESTERN),
    "cp850": (-3.5, _WESTERN),
    "mac-roman": (-4.0, _WESTERN),
    "cp1250": (-2.0, _CENTRAL),
    "iso8859-2": (-2.5, _CENTRAL),
    "cp852": (-4.5, _CENTRAL),
    "cp1254": (-3.5, _TURKISH),
    "cp857": (-5.5, _TURKISH),
    "cp1257": (-3.0, _BALTIC),
    "iso8859-13": (-6.0, _BALTIC),
    "cp775": (-7.0, _BALTIC),
    "cp1258": (-6.0, ("Vietnamese",)),
    "cp1251": (-2.5, _CYRILLIC),
    "koi8-u": (-6.5, _CYRILLIC),
    "cp866": (-6.5, _CYRILLIC),
    "iso8859-5": (-7.0, _CYRILLIC),
    "mac-cyrillic": (-7.0, _CYRILLIC),
    "cp1253": (-3.0, ("Greek",)),
    "iso8859-7": (-3.5, ("Greek",)),
    "cp737": (-6.0, ("Greek",)),
    "cp1255": (-3.0, ("Hebrew",)),
    "cp862": (-7.0, ("Hebrew",)),
    "cp1256": (-3.0, ("Arabic", "Persian")),
    "cp874": (-3.0, ("Thai",)),
}
# Encodings with two bytes for most letters -> how much rarer than Windows-1252 they are, and their language.
WIDE_ENCODINGS: dict[str, tuple[float, str]] = {
    "gb18030": (-3.0, "Chinese"),
    "big5hkscs": (-3.5, "Traditional Chinese"),
    "cp932": (-3.0, "Japanese"),
    "euc-jp": (-4.0, "Japanese"),
    "cp949": (-3.0, "Korean"),
}


@cache
def read_letters() -> dict[str, dict[str, tuple[int, str, str]]]:
    """Return for each language its non-ASCII letters: share of a thousand, common letters before and after."""
    letters: dict[str, dict[str, tuple[int, str, str]]] = json.loads(LETTERS_FILE.read_text(encoding="utf-8"))
    return letters


@cache
def read_common_characters() -> dict[str, frozenset[str]]:
    """Return the ideographs or syllables that make up most of a Chinese, Japanese or Korean text, by language."""
    by_language = json.loads(CHARACTERS_FILE.read_text(encoding="utf-8"))
    return {language: frozenset(characters) for language, characters in by_language.items()}

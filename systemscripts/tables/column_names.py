"""Turn the headers that clients write into column names that PostgreSQL accepts unchanged."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from systemscripts.tables import lineage

# PostgreSQL truncates longer identifiers without an error (PostgreSQL docs, 4.1.1 Identifiers and Key Words).
MAX_NAME_BYTES = 63
# 32 bits: two headers of one file hardly ever share a hash.
HASH_LETTERS = 8

# PostgreSQL docs, 5.5 System Columns. oid was one until version 11.
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid", "oid"})
RESERVED_SUFFIX = "_column"
WORDS_FOR_SIGNS = {"%": "percent", "#": "number", "$": "dollar", "&": "and", "+": "plus", "€": "euro", "£": "pound"}

# Letters that Unicode does not decompose (NFKD does not change them).
PLAIN_SPELLINGS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ı": "i"}
)


def make_column_names(headers: Iterable[str], known: Mapping[str, str] | None = None) -> list[str]:
    """Turn the headers of one file into column names: valid, unique, and the same for the same header in every file.

    If headers of one file differ only in punctuation (`E Mail`, `E-Mail`), the one with the least punctuation gets the
    name and the others get the name with a hash of their text, in any order. Only the name of a true duplicate depends
    on other headers: it is the first free one of `_2`, `_3` ... A blank header becomes `col_` with its position from 0.
    `known`: `map_spellings` of an earlier file of the import, for tables where such headers were numbered.
    """
    headers = list(headers)
    bases = [_make_base_name(header) or f"col_{position}" for position, header in enumerate(headers)]
    if len(set(bases)) < len(bases):
        bases = _tell_spellings_apart(headers, bases, known or {})
    taken = set(bases)
    last_numbers: dict[str, int] = {}
    names = []
    for base in bases:
        if base in last_numbers:
            name, last_numbers[base] = _number_name(base, last_numbers[base] + 1, taken)
        else:
            name, last_numbers[base] = base, 1
        taken.add(name)
        names.append(name)
    return names


def find_similar_headers(headers: Sequence[str]) -> list[str]:
    """Return the headers that differ from another header of the file only in punctuation."""
    spellings: dict[str, set[str]] = {}
    for header in headers:
        spellings.setdefault(_make_base_name(header), set()).add(_normalize_spelling(header))
    return [header for header in headers if (base := _make_base_name(header)) and len(spellings[base]) > 1]


def _tell_spellings_apart(headers: list[str], bases: list[str], known: Mapping[str, str]) -> list[str]:
    """Return a base name for each header. Headers that share a base but are spelt differently get different ones."""
    spellings: dict[str, set[str]] = {}
    for header, base in zip(headers, bases, strict=True):
        spellings.setdefault(base, set()).add(_normalize_spelling(header))
    own_bases: dict[tuple[str, str], str] = {}
    for base, variants in spellings.items():
        earlier_names = {spelling: known.get(spelling, "") for spelling in variants}
        were_numbered = all(re.fullmatch(rf"{re.escape(base)}(_\d+)?", name) for name in earlier_names.values())
        if were_numbered and len(set(earlier_names.values())) == len(variants):
            own_bases |= {(base, spelling): name for spelling, name in earlier_names.items()}
            continue
        for spelling in sorted(variants, key=_rank_by_punctuation)[1:]:
            own_bases[base, spelling] = _append_hash(base, spelling)
    return [
        own_bases.get((base, _normalize_spelling(header)), base) for header, base in zip(headers, bases, strict=True)
    ]


def map_spellings(columns: Mapping[str, str]) -> dict[str, str]:
    """Turn column -> header of an earlier file into the `known` of `make_column_names`."""
    return {_normalize_spelling(header): column for column, header in columns.items()}


def _normalize_spelling(header: str) -> str:
    """Return a header without case and outer spaces. Headers that still differ are not true duplicates."""
    return " ".join(unicodedata.normalize("NFC", header).casefold().split())


def _rank_by_punctuation(spelling: str) -> tuple[int, str]:
    """Return a sort key that puts headers with little punctuation first."""
    return sum(not (letter.isalnum() or letter.isspace()) for letter in spelling), spelling


def _number_name(base: str, number: int, taken: set[str]) -> tuple[str, int]:
    """Return the first of base_2, base_3 ... from `number` on that is free, and its number."""
    while True:
        suffix = f"_{number}"
        name = _truncate(base, MAX_NAME_BYTES - len(suffix)) + suffix
        if name not in taken:
            return name, number
        number += 1


def _make_base_name(header: str) -> str:
    """Return the name of one header regardless of the others, or an empty text if it has no letter or digit."""
    words = "".join(f" {WORDS_FOR_SIGNS[sign]} " if sign in WORDS_FOR_SIGNS else sign for sign in header)
    name = re.sub(r"_+", "_", _simplify_letters(words)).strip("_")
    if name[:1].isdigit():
        name = f"_{name}"
    if name in SYSTEM_COLUMNS or name in lineage.RESERVED_NAMES:
        name += RESERVED_SUFFIX
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    # The hash is of the cleaned name, so that case and punctuation are ignored in long headers as in short ones.
    return _append_hash(name, name)


def _append_hash(name: str, text: str) -> str:
    """Return a name, shortened to fit, with a hash of `text`."""
    text_hash = hashlib.sha256(text.encode()).hexdigest()[:HASH_LETTERS]
    return f"{_truncate(name, MAX_NAME_BYTES - HASH_LETTERS - 1).rstrip('_')}_{text_hash}"


def _simplify_letters(text: str) -> str:
    """Return lower case without accents on Latin letters. Other scripts remain, anything else becomes an underscore."""
    letters = []
    for letter in unicodedata.normalize("NFC", text).translate(PLAIN_SPELLINGS):
        parts = unicodedata.normalize("NFKD", letter)
        plain = "".join(part for part in parts if part.isascii() and part.isalnum())
        if plain:
            letters.append(plain.lower())
        elif _belongs_to_word(letter):
            letters.append(unicodedata.normalize("NFC", letter.lower()))
        else:
            letters.append("_")
    return "".join(letters)


def _belongs_to_word(letter: str) -> bool:
    """Return whether this is a letter, a digit or a vowel sign of any script. A Latin accent alone is not."""
    if letter.isalnum():
        return True
    return unicodedata.category(letter) in ("Mc", "Mn") and not unicodedata.name(letter, "").startswith("COMBINING")


def _truncate(name: str, size: int) -> str:
    """Return at most `size` bytes of a name, and only whole letters."""
    return name.encode()[:size].decode(errors="ignore")

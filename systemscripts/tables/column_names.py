"""Headers as clients write them -> names PostgreSQL takes without surprises."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# PostgreSQL cuts identifiers silently at NAMEDATALEN - 1 bytes (PostgreSQL docs, 4.1.1 Identifiers and Key Words).
MAX_NAME_BYTES = 63
HASH_LETTERS = 8

# PostgreSQL docs, 5.5 System Columns; oid was one until version 11.
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid", "oid"})
SOURCE_SHEET = "source_sheet"  # where all sheets of a workbook become one table
LINEAGE_COLUMNS = frozenset({"dataset_id", "source_row", SOURCE_SHEET, "row_hash"})
RESERVED_SUFFIX = "_column"

SIGN_WORDS = {"%": "percent", "#": "number", "$": "dollar", "&": "and", "+": "plus", "€": "euro", "£": "pound"}

# Letters that Unicode does not decompose (NFKD leaves them whole).
LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH", "ı": "i"}
)


def make_column_names(headers: Iterable[str], known: Mapping[str, str] | None = None) -> list[str]:
    """Turn the headers of one file into column names: valid, unique, and the same for the same header in every file.

    Where headers of one file differ in nothing but punctuation (`E Mail`, `E-Mail`), the plainest has the name and each
    other one has it with a hash of its text, in whatever order they stand. Only a true duplicate looks at its
    neighbours: it takes the first free of `_2`, `_3` ... Positions count from 0. known: `known_spellings` of an earlier
    file of the import, for tables where such headers were numbered.
    """
    headers = list(headers)
    bases = [_base_name(header) or f"col_{position}" for position, header in enumerate(headers)]
    if len(set(bases)) < len(bases):
        bases = _tell_spellings_apart(headers, bases, known or {})
    taken = set(bases)
    last: dict[str, int] = {}  # number that a base was given
    names = []
    for base in bases:
        name, last[base] = _numbered(base, last[base] + 1, taken) if base in last else (base, 1)
        taken.add(name)
        names.append(name)
    return names


def find_similar_headers(headers: Sequence[str]) -> list[str]:
    """Return the headers that differ from another one of the file in nothing but punctuation."""
    spellings: dict[str, set[str]] = {}
    for header in headers:
        spellings.setdefault(_base_name(header), set()).add(_spelling(header))
    return [header for header in headers if (base := _base_name(header)) and len(spellings[base]) > 1]


def _tell_spellings_apart(headers: list[str], bases: list[str], known: Mapping[str, str]) -> list[str]:
    """Give headers that share a base but are spelt differently bases of their own."""
    spellings: dict[str, set[str]] = {}
    for header, base in zip(headers, bases, strict=True):
        spellings.setdefault(base, set()).add(_spelling(header))
    own: dict[tuple[str, str], str] = {}
    for base, spelt in spellings.items():
        before = {spelling: known.get(spelling, "") for spelling in spelt}
        were_numbered = all(re.fullmatch(rf"{re.escape(base)}(_\d+)?", name) for name in before.values())
        if were_numbered and len(set(before.values())) == len(spelt):
            own |= {(base, spelling): name for spelling, name in before.items()}
            continue
        for spelling in sorted(spelt, key=_plainness)[1:]:
            own[base, spelling] = f"{_cut(base, MAX_NAME_BYTES - HASH_LETTERS - 1).rstrip('_')}_{_hash(spelling)}"
    return [own.get((base, _spelling(header)), base) for header, base in zip(headers, bases, strict=True)]


def map_spellings(columns: Mapping[str, str]) -> dict[str, str]:
    """Turn column -> header of an earlier file into what `column_names` takes as known."""
    return {_spelling(header): column for column, header in columns.items()}


def _spelling(header: str) -> str:
    """A header without case and spaces at its ends: two that still differ are not the same header twice."""
    return " ".join(unicodedata.normalize("NFC", header).casefold().split())


def _plainness(spelling: str) -> tuple[int, str]:
    """Sort headers with little punctuation first."""
    return sum(not (letter.isalnum() or letter.isspace()) for letter in spelling), spelling


def _numbered(base: str, number: int, taken: set[str]) -> tuple[str, int]:
    """Return the first of base_2, base_3 ... from `number` on that is free, and its number."""
    while True:
        suffix = f"_{number}"
        name = _cut(base, MAX_NAME_BYTES - len(suffix)) + suffix
        if name not in taken:
            return name, number
        number += 1


def _base_name(header: str) -> str:
    """The name of one header, whatever stands beside it; empty when no letter or digit is left."""
    words = "".join(f" {SIGN_WORDS[sign]} " if sign in SIGN_WORDS else sign for sign in header)
    name = re.sub(r"_+", "_", _plain_letters(words)).strip("_")
    if name[:1].isdigit():
        name = f"_{name}"
    if name in SYSTEM_COLUMNS or name in LINEAGE_COLUMNS:
        name += RESERVED_SUFFIX
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    # Hashed after cleaning, so that case and punctuation matter no more in a long header than in a short one.
    return f"{_cut(name, MAX_NAME_BYTES - HASH_LETTERS - 1).rstrip('_')}_{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LETTERS]


def _plain_letters(text: str) -> str:
    """Lower case; accents off Latin letters; letters of other scripts kept; everything else an underscore."""
    letters = []
    for letter in unicodedata.normalize("NFC", text).translate(LETTERS):
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
    """A letter or digit of another script, or a vowel sign of one; a lone Latin accent is none."""
    if letter.isalnum():
        return True
    return unicodedata.category(letter) in ("Mc", "Mn") and not unicodedata.name(letter, "").startswith("COMBINING")


def _cut(name: str, size: int) -> str:
    """At most `size` bytes, never half a letter."""
    return name.encode()[:size].decode(errors="ignore")

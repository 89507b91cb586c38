"""Names that nearly match a pattern: as another system, a browser or a packer writes the name that is expected."""

from __future__ import annotations

import re
import unicodedata

from systemscripts.bounded_patterns import compile_pattern

# a browser or file manager marks a second copy before the ending: (1), _1, - Copy
_COPY_MARK = re.compile(r"(?: ?\([0-9]{1,3}\)|[_ -][0-9]{1,2}| ?- ?(?:Copy|Kopie)(?: ?\([0-9]{1,3}\))?)(?=(?:\.\w+)*$)")
_PACKED = re.compile(r"\.(?:gz|gzip|zip|bz2|xz|zst|7z)$", re.IGNORECASE)
_BLANKS = re.compile(r"\s+|%20|\+")


def is_near(name: str, pattern: str) -> bool:
    """Return whether a name that a pattern does not match would with other case, without a copy mark or unpacked."""
    return matches_any(list_variants(name), pattern)


def matches_any(variants: set[str], pattern: str) -> bool:
    """Return whether a pattern matches one of the variants of a name, whatever its case."""
    near = compile_pattern(pattern, re.IGNORECASE)
    return any(near.fullmatch(variant) for variant in variants)


def is_plain(name: str) -> bool:
    """Return whether a name has no blanks, and no letters that can be written in two ways."""
    return name.isascii() and not _BLANKS.search(name)


def list_variants(name: str) -> set[str]:
    """Return a name as it may have been before it was packed, copied or typed; case is left to the comparison."""
    variants = {unicodedata.normalize("NFC", name).strip()}
    variants |= {_PACKED.sub("", variant) for variant in variants}
    variants |= {_COPY_MARK.sub("", variant) for variant in variants}
    variants |= {_BLANKS.sub("_", variant) for variant in variants} | {_BLANKS.sub("", variant) for variant in variants}
    return variants

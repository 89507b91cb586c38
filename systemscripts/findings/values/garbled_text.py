"""Text that was read in another encoding than it was written in, told by its letters."""

from __future__ import annotations

import re

# Encodings in which UTF-8 is read by mistake; of each the result can be turned back.
_MISTAKEN = ("cp1252", "latin-1", "mac_roman", "cp437", "cp850", "cp1250", "cp1251", "cp1254", "iso8859-15")
REPLACEMENT = "\ufffd"
# Of a letter of two bytes or more each byte was read as a letter of its own, none of them ASCII.
_SEVERAL_FOREIGN = re.compile(r"[^\x00-\x7f]{2}")
# A question mark, control character or typographic sign between letters: DOS text read as Windows text, lost letters
_BETWEEN_LETTERS = re.compile(
    "[A-Za-z][?\x80-\x9f\u201e\u201d\u201c\u201a\u0192\u2026\u2020\u2021\u02c6\u2030\u2039\u2122\u203a\u00a4"
    "\u00a2\u00a3"
    "\u221a\u2248\u2206\u2264\u2265\u00ac\u2510\u251c\u255d\u00b3\u207f\u03c3\u2500-\u257f][a-z]"
)


def looks_garbled(value: str) -> bool:
    """Whether a text looks like one that was read in another encoding than its own."""
    if REPLACEMENT in value:
        return True
    if value.isascii():
        # in addresses of the web a question mark begins the parameters
        return bool(re.search("[A-Za-z]\\?[a-z]", value)) and not re.search("://|www\\.|[=@/]", value)
    if any("\x80" <= character <= "\x9f" for character in value) or _BETWEEN_LETTERS.search(value):
        return True
    if not _SEVERAL_FOREIGN.search(value):
        return False
    for encoding in _MISTAKEN:
        try:
            restored = value.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        if restored != value:
            return True
    return False

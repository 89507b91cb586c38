"""Texts that mean no value: proposed as `null` only where they alone keep a column from a type."""

from __future__ import annotations

import re

NULL_MARKS = frozenset({
    "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "?", "\\N", "(null)", "<null>",
    *("n/a", "N/A", "#N/A", "#NA", "#NV", "NA", "na", "n.a.", "N.A.", "k.A.", "n.b.", "n.v.t."),
    *("NULL", "null", "Null", "None", "none", "NONE", "nil", "NIL", "nan", "NaN", "NAN", "NaT"),
    # amounts of nothing in Excel's format for accounts
    *("$-", "$ -", "€ -", "- €", "-€", "£-", "£ -"),
    # dates of SAP and MySQL that were never entered
    *("00.00.0000", "00/00/0000", "0000-00-00", "0000-00-00 00:00:00", "00000000"),
})  # fmt: skip
MARKS_PATTERN = "|".join(map(re.escape, sorted(NULL_MARKS, key=lambda mark: (-len(mark), mark))))
# finds each mark in a column whose values each end with a line feed, also between blanks
FIND_MARKS = re.compile(rf"^[^\S\n]*+({MARKS_PATTERN})[^\S\n]*+$", re.MULTILINE)


def is_mark(text: str) -> bool:
    """Return whether a text means no value where it is the only thing that is not of a type."""
    return text.strip() in NULL_MARKS

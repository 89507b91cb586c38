"""Check date formats of the configuration, such as `dd/MM/yyyy HH:mm`, and read texts by them.

The fields are those of Unicode TR 35 (date field symbols): yyyy yy MM dd HH mm ss SSS. T, Z, other characters and text
in single quotes mean themselves. A text with a missing digit is never read as another date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

ReadMoment = Callable[[str], datetime]

# For each field the number of digits, as a regular expression: next to another field, and elsewhere.
FIELDS = {
    "yyyy": ("{4}", "{4}"),
    "yy": ("{2}", "{2}"),
    "MM": ("{2}", "{1,2}"),
    "dd": ("{2}", "{1,2}"),
    "HH": ("{2}", "{1,2}"),
    "mm": ("{2}", "{2}"),
    "ss": ("{2}", "{2}"),
    "SSS": ("{3}", "{1,6}"),
}
_LITERAL_LETTERS = ("T", "Z")
_PART = re.compile(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z]")
_NEEDED_BY = {"dd": "MM", "mm": "HH", "ss": "mm", "SSS": "ss"}
_ORDER = ("yyyy", "MM", "dd", "HH", "mm", "ss")
_ABSENT = {"yyyy": 1900, "MM": 1, "dd": 1}
# As in POSIX and in Python's strptime, 69 to 99 mean 1969 to 1999 and 00 to 68 mean 2000 to 2068.
FIRST_YEAR_OF_1900S = 69
# A year such as 0026 is a typing error.
FIRST_YEAR = 1000
_PYTHON_FIELDS = {"%Y": "yyyy", "%y": "yy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss", "%f": "SSS"}


class UnfitMomentError(ValueError):
    """The text has the right form but cannot be stored as a date or time. The message continues after the text."""


def split_format(pattern: str) -> list[str]:
    """Split a format into fields and literals. Quoted literals keep their quotes, which tells them from fields."""
    return [part.group() for part in _PART.finditer(pattern)]


def unquote_literal(part: str) -> str:
    """Return the text that a literal part of a format means."""
    return part.strip("'") or "'"


def find_fault(pattern: str, needs: str = "yyyy") -> str:
    """Return what is wrong with a format and which one is probably meant, or "". `needs`: a required field."""
    reason = _find_reason(pattern, needs)
    if not reason:
        return ""
    suggestion = _guess_format(pattern)
    if _find_reason(suggestion, needs):
        suggestion = "HH:mm" if needs == "HH" else "yyyy-MM-dd or dd/MM/yyyy HH:mm"
    return f"{pattern!r} is not a date format ({reason}); write {suggestion}"


def make_reader(pattern: str, exact: bool = False) -> ReadMoment:
    """Return a function that reads a text by a format: a datetime without time zone, or in UTC if the format has Z.

    `exact`: every field must have all its digits. The function raises ValueError if the text does not match.
    """
    parts = split_format(pattern)
    fields = [part for part in parts if part in FIELDS]
    expression = re.compile("".join(_make_expression(parts, position, exact) for position in range(len(parts))))
    zone = UTC if "Z" in parts else None

    def read_text(text: str) -> datetime:
        match = expression.fullmatch(text)
        if match is None:
            raise ValueError(text)
        values = dict(zip(fields, match.groups(), strict=True))
        if "yy" in values:
            values["yyyy"] = ("20" if int(values["yy"]) < FIRST_YEAR_OF_1900S else "19") + values["yy"]
        if int(values.get("yyyy", FIRST_YEAR)) < FIRST_YEAR:
            raise UnfitMomentError(f"has the year {values['yyyy']}; the first valid year is {FIRST_YEAR}")
        numbers = [int(values.get(field, _ABSENT.get(field, 0))) for field in _ORDER]
        return datetime(*numbers, int(values.get("SSS", "0").ljust(6, "0")), tzinfo=zone)  # type: ignore[arg-type,misc]

    return read_text


def _make_expression(parts: list[str], position: int, exact: bool) -> str:
    part = parts[position]
    if part not in FIELDS:
        return re.escape(unquote_literal(part))
    if exact:
        return f"([0-9]{{{len(part)}}})"
    neighbours = parts[max(position - 1, 0) : position] + parts[position + 1 : position + 2]
    return f"([0-9]{FIELDS[part][not any(other in FIELDS for other in neighbours)]})"


def _find_reason(pattern: str, needs: str) -> str:
    parts = split_format(pattern)
    fields = [part for part in parts if part in FIELDS]
    unknown = dict.fromkeys(part for part in parts if part not in FIELDS and _has_letters(part))
    if unknown:
        return f"{', '.join(unknown)} {'are not fields' if len(unknown) > 1 else 'is not a field'}"
    if "%" in pattern:
        return "% is not allowed"
    twice = [field for field in dict.fromkeys(fields) if fields.count(field) > 1]
    if twice or {"yyyy", "yy"} <= set(fields):
        return f"{', '.join(twice) or 'the year'} appears twice"
    for field in fields:
        if _NEEDED_BY.get(field, field) not in fields:
            return f"it has {field} without {_NEEDED_BY[field]}"
    if needs == "yyyy" and not {"yyyy", "yy"} & set(fields):
        return "it has no year"
    if "MM" not in fields and "HH" in fields and needs == "yyyy":
        return "it has a time without a day"
    return "it has no HH" if needs not in ("yyyy", *fields) else ""


def _has_letters(part: str) -> bool:
    """Return whether a part of a format consists of letters that must be a field."""
    return part[0].isascii() and part[0].isalpha() and part not in _LITERAL_LETTERS


def _guess_format(pattern: str) -> str:
    """Return the format that is probably meant: with the letters of other systems, and m as months or minutes."""
    for theirs, ours in _PYTHON_FIELDS.items():
        pattern = pattern.replace(theirs, ours)
    parts: list[str] = []
    for run in split_format(pattern):
        letter, before = run[0].lower(), next((part for part in reversed(parts) if part in FIELDS), "")
        if not _has_letters(run):
            parts.append(run)
        elif letter == "y":
            parts.append("yy" if len(run) == 2 else "yyyy")
        elif letter == "m":
            parts.append("mm" if before == "HH" else "MM")
        elif letter == "s":
            parts.append("SSS" if before == "ss" else "ss")
        elif letter in "dh":
            parts.append(letter.replace("h", "H") * 2)
    return "".join(parts).strip()

"""Date formats as configurations write them, such as `dd/MM/yyyy HH:mm`: what is one, and how a text is read by it.

The letters are those of Unicode TR 35 (date field symbols): yyyy yy MM dd HH mm ss SSS. T and Z stand for themselves,
as does whatever is not a letter, or stands between single quotes. A text that lacks a digit is not another date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

ReadMoment = Callable[[str], datetime]

# of each field: the digits where a digit stands beside it, and the digits elsewhere, in the words of an expression
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
# POSIX: 69 to 99 are of the last century, 00 to 68 of this one; what Python's strptime does, too
FIRST_YEAR_OF_1900S = 69
# Four digits that begin with 0 are a typing error (0026), not antiquity.
FIRST_YEAR = 1000
_PYTHON_FIELDS = {"%Y": "yyyy", "%y": "yy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss", "%f": "SSS"}


class UnfitMomentError(ValueError):
    """A text has the form of a date or time, but is none that can be kept; the message says why, after the text."""


def split_format(pattern: str) -> list[str]:
    """Cut a format into fields and literals; what stands in quotes keeps them, so that it is not taken for a field."""
    return [part.group() for part in _PART.finditer(pattern)]


def unquote_literal(part: str) -> str:
    """Return the text that a part of a format which is no field stands for."""
    return part.strip("'") or "'"


def find_fault(pattern: str, needs: str = "yyyy") -> str:
    """Say what is wrong with a format and which one is meant, or nothing; `needs`: the field it cannot do without."""
    reason = _reason(pattern, needs)
    if not reason:
        return ""
    meant = _nearest(pattern)
    if _reason(meant, needs):
        meant = "HH:mm" if needs == "HH" else "yyyy-MM-dd or dd/MM/yyyy HH:mm"
    return f"{pattern!r} is not a date format ({reason}); write {meant}"


def make_reader(pattern: str, exact: bool = False) -> ReadMoment:
    """Return the function that reads a text by a format, as a moment without zone, or with UTC where the format has Z.

    `exact`: every field has all its digits. The function raises ValueError.
    """
    parts = split_format(pattern)
    fields = [part for part in parts if part in FIELDS]
    expression = re.compile("".join(_expression(parts, position, exact) for position in range(len(parts))))
    zone = UTC if "Z" in parts else None

    def read(text: str) -> datetime:
        match = expression.fullmatch(text)
        if match is None:
            raise ValueError(text)
        values = dict(zip(fields, match.groups(), strict=True))
        if "yy" in values:
            values["yyyy"] = ("20" if int(values["yy"]) < FIRST_YEAR_OF_1900S else "19") + values["yy"]
        if int(values.get("yyyy", FIRST_YEAR)) < FIRST_YEAR:
            raise UnfitMomentError(f"is of the year {values['yyyy']}, years begin at {FIRST_YEAR}")
        numbers = [int(values.get(field, _ABSENT.get(field, 0))) for field in _ORDER]
        return datetime(*numbers, int(values.get("SSS", "0").ljust(6, "0")), tzinfo=zone)  # type: ignore[arg-type,misc]

    return read


def _expression(parts: list[str], position: int, exact: bool) -> str:
    part = parts[position]
    if part not in FIELDS:
        return re.escape(unquote_literal(part))
    if exact:
        return f"([0-9]{{{len(part)}}})"
    neighbours = parts[max(position - 1, 0) : position] + parts[position + 1 : position + 2]
    return f"([0-9]{FIELDS[part][not any(other in FIELDS for other in neighbours)]})"


def _reason(pattern: str, needs: str) -> str:
    runs = split_format(pattern)
    unknown = [
        run
        for run in runs
        if run[0].isascii() and run[0].isalpha() and run not in FIELDS and run not in _LITERAL_LETTERS
    ]
    fields = [run for run in runs if run in FIELDS]
    if unknown:
        return f"{', '.join(dict.fromkeys(unknown))} {'mean' if len(set(unknown)) > 1 else 'means'} nothing here"
    if "%" in pattern:
        return "% means nothing here"
    twice = [field for field in dict.fromkeys(fields) if fields.count(field) > 1]
    if twice or {"yyyy", "yy"} <= set(fields):
        return f"{', '.join(twice) or 'the year'} stands in it twice"
    for field in fields:
        if _NEEDED_BY.get(field, field) not in fields:
            return f"it has {field} without {_NEEDED_BY[field]}"
    if needs == "yyyy" and not {"yyyy", "yy"} & set(fields):
        return "it has no year"
    if "MM" not in fields and "HH" in fields and needs == "yyyy":
        return "it has a time without a day"
    return "it has no HH" if needs not in ("yyyy", *fields) else ""


def _nearest(pattern: str) -> str:
    """Return the format that is probably meant: letters of other systems, months and minutes by where they stand."""
    for theirs, ours in _PYTHON_FIELDS.items():
        pattern = pattern.replace(theirs, ours)
    found: list[str] = []
    for run in split_format(pattern):
        letter, before = run[0].lower(), next((part for part in reversed(found) if part in FIELDS), "")
        if not (run[0].isascii() and run[0].isalpha()) or run in _LITERAL_LETTERS:
            found.append(run)
        elif letter == "y":
            found.append("yy" if len(run) == 2 else "yyyy")
        elif letter == "m":
            found.append("mm" if before == "HH" else "MM")
        elif letter == "s":
            found.append("SSS" if before == "ss" else "ss")
        elif letter in "dh":
            found.append(letter.replace("h", "H") * 2)
    return "".join(found).strip()

"""Check date formats of the configuration, such as `dd/MM/yyyy HH:mm`; date_reader reads texts by them.

The fields are those of Unicode TR 35 (date field symbols). T, Z, other characters and text in single quotes mean
themselves.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class DateField:
    """What a field of a format reads: a `part` of a moment, as digits or (without) as a name or offset."""

    part: str
    # number of digits as a regular expression: next to another field of digits, and elsewhere
    beside: str = ""
    alone: str = ""


FIELDS = {
    "yyyy": DateField("year", "{4}", "{4}"),
    "yy": DateField("year", "{2}", "{2}"),
    # the year to which a week belongs
    "YYYY": DateField("week year", "{4}", "{4}"),
    "YY": DateField("week year", "{2}", "{2}"),
    "Q": DateField("quarter", "", "{1}"),
    "ww": DateField("week", "{2}", "{1,2}"),
    "w": DateField("week", "", "{1,2}"),
    "MMMM": DateField("month"),
    "MMM": DateField("month"),
    "MM": DateField("month", "{2}", "{1,2}"),
    "M": DateField("month", "", "{1,2}"),
    "dd": DateField("day", "{2}", "{1,2}"),
    "d": DateField("day", "", "{1,2}"),
    "EEEE": DateField("weekday"),
    "EEE": DateField("weekday"),
    "HH": DateField("hour", "{2}", "{1,2}"),
    "H": DateField("hour", "", "{1,2}"),
    "hh": DateField("hour of half", "{2}", "{1,2}"),
    "h": DateField("hour of half", "", "{1,2}"),
    "mm": DateField("minute", "{2}", "{2}"),
    "ss": DateField("second", "{2}", "{2}"),
    **{"S" * digits: DateField("fraction", f"{{{digits}}}", "{1,9}") for digits in range(1, 10)},
    "a": DateField("half"),
    "XXX": DateField("offset"),
    "XX": DateField("offset"),
    "X": DateField("offset"),
}
NAME_FIELDS = {"MMMM", "MMM", "EEEE", "EEE", "a"}
_LITERAL_LETTERS = ("T", "Z")
_PART = re.compile(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z]")
# part -> one of these must be there too, with the field to name
_NEEDED_BY = {
    "day": (("month",), "MM"),
    "quarter": (("year",), "yyyy"),
    "week": (("week year",), "YYYY"),
    "weekday": (("day",), "dd"),
    "minute": (("hour", "hour of half"), "HH"),
    "second": (("minute",), "mm"),
    "fraction": (("second",), "ss"),
    "offset": (("hour", "hour of half"), "HH"),
    "hour of half": (("half",), "a"),
    "half": (("hour of half",), "hh"),
}
# as Python's strftime and other systems write them
_FOREIGN_FIELDS = {
    "%Y": "yyyy", "%y": "yy", "%m": "MM", "%B": "MMMM", "%b": "MMM", "%d": "dd", "%A": "EEEE", "%a": "EEE",
    "%H": "HH", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "SSSSSS", "%p": "a", "%z": "XXX", "AM/PM": "a", "tt": "a",
}  # fmt: skip


def split_format(pattern: str) -> list[str]:
    """Split a format into fields and literals. Quoted literals keep their quotes, which tells them from fields."""
    return [part.group() for part in _PART.finditer(pattern)]


def unquote_literal(part: str) -> str:
    """Return the text that a literal part of a format means."""
    return part.strip("'") or "'"


def list_parts(pattern: str) -> list[str]:
    """Return the parts of a moment that a format reads: year, month, fraction ..."""
    return [FIELDS[part].part for part in split_format(pattern) if part in FIELDS]


def has_names(pattern: str) -> bool:
    """Return whether a format reads names, which belong to a language."""
    return bool(NAME_FIELDS & set(split_format(pattern)))


def find_fault(pattern: str, needs: str = "yyyy", has_zone: bool = False) -> str:
    """Return what is wrong with a format and which one is probably meant, or "".

    `needs`: yyyy, or HH for a time of day. `has_zone`: it may have an offset.
    """
    reason = _find_reason(pattern, needs, has_zone)
    if not reason:
        return ""
    suggestion = _guess_format(pattern)
    if _find_reason(suggestion, needs, has_zone):
        suggestion = "HH:mm" if needs == "HH" else "yyyy-MM-dd or dd/MM/yyyy HH:mm"
    return f"{pattern!r} is not a date format ({reason}); write {suggestion}"


def _find_reason(pattern: str, needs: str, has_zone: bool) -> str:
    split = split_format(pattern)
    # elsewhere YYYY is yyyy as other systems write it
    week_years = () if {"w", "ww"} & set(split) else ("YYYY", "YY")
    unknown = dict.fromkeys(part for part in split if (part not in FIELDS or part in week_years) and _has_letters(part))
    if unknown:
        return f"{', '.join(unknown)} {'are not fields' if len(unknown) > 1 else 'is not a field'}"
    if "%" in pattern:
        return "% is not allowed"
    parts = list_parts(pattern)
    twice = [part for part in dict.fromkeys(parts) if parts.count(part) > 1]
    if twice or {"hour", "hour of half"} <= set(parts):
        return f"the {(twice or ['hour'])[0]} appears twice"
    for pair in itertools.pairwise(split):
        if all(map(_is_number, pair)) and (narrow := [part for part in pair if not FIELDS[part].beside]):
            return f"{narrow[0]} needs a separator beside it"
    for part in parts:
        others, field = _NEEDED_BY.get(part, ((part,), ""))
        if not set(others) & set(parts):
            own = next(name for name in split if name in FIELDS and FIELDS[name].part == part)
            return f"it has {own} without {field}"
    if "offset" in parts and not has_zone:
        return "an offset needs the type timestamptz"
    has_hour = bool({"hour", "hour of half"} & set(parts))
    if needs == "HH":
        return "" if has_hour else "it has no HH"
    if not {"year", "week year"} & set(parts):
        return "it has no year"
    if len(periods := [part for part in parts if part in ("month", "quarter", "week")]) > 1:
        return f"it has a {periods[0]} and a {periods[1]}"
    return "it has a time without a day" if has_hour and "month" not in parts else ""


def _is_number(part: str) -> bool:
    return part in FIELDS and bool(FIELDS[part].alone)


def _has_letters(part: str) -> bool:
    """Return whether a part of a format consists of letters that must be a field."""
    return part[0].isascii() and part[0].isalpha() and part not in _LITERAL_LETTERS


def _guess_format(pattern: str) -> str:
    """Return the format that is probably meant: with the letters of other systems, and m as months or minutes."""
    for theirs, ours in _FOREIGN_FIELDS.items():
        pattern = pattern.replace(theirs, ours)
    split = split_format(pattern)
    has_week = bool({"w", "ww"} & set(split))
    has_half = any(part in ("a", "A") for part in split)
    parts: list[str] = []
    for run in split:
        before = next((FIELDS[part].part for part in reversed(parts) if part in FIELDS), "")
        is_week = has_week and run[0] in "YyWw"
        guessed = run.upper() if is_week and run[0] in "Yy" else run if is_week else _guess_field(run, before, has_half)
        parts.append(guessed if _has_letters(run) else run)
    return "".join(parts).strip()


def _guess_field(run: str, before: str, has_half: bool) -> str:
    """Return the field that a run of letters probably means; `before`: the part that the field before it reads."""
    letter = run[0].lower()
    if letter == "m":
        return "mm" if before.startswith("hour") else run.upper() if len(run) in (3, 4) else "MM"
    if letter == "h":
        return "hh" if has_half else "HH"
    if letter == "s":
        return "SSS" if before == "second" else "ss"
    if letter == "e" or (letter == "d" and len(run) > 2):
        return "EEEE" if len(run) > 3 else "EEE"
    simple = {
        "y": "yy" if len(run) == 2 else "yyyy",
        "q": "Q",
        "d": "d" if run == "d" else "dd",
        "a": "a",
        "z": "XXX",
        "x": "XXX",
    }
    return simple.get(letter, "")

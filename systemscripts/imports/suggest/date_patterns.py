"""Formats of dates and times as regular expressions that know the length of months and leap years."""

from __future__ import annotations

from itertools import pairwise

from systemscripts.dates import date_formats
from systemscripts.imports.suggest import calendar_words
from systemscripts.imports.suggest.value_spellings import BLANK

_ALL, _LONG = frozenset(range(1, 13)), frozenset({1, 3, 5, 7, 8, 10, 12})
_LEAP, _LEAP_BUT_00 = "(?:[02468][048]|[13579][26])", "(?:0[48]|[2468][048]|[13579][26])"
# of any year and of leap years; without looking ahead, which DuckDB's expressions do not know
_YEARS = {
    "yyyy": ("[1-9][0-9]{3}", f"(?:[1-9][0-9]{_LEAP_BUT_00}|(?:[2468][048]|[13579][26])00)"),
    "yy": ("[0-9]{2}", _LEAP),
}
# other years in a run of digits are more likely numbers
_COMPACT_YEARS = _YEARS | {"yyyy": ("(?:19|20)[0-9]{2}", f"(?:(?:19|20){_LEAP_BUT_00}|2000)")}
# days, months that have them, whether only in leap years
_CASES = (
    ("(?:0?[1-9]|1[0-9]|2[0-8])", _ALL, False),
    ("(?:29|30)", _ALL - {2}, False),
    ("31", _LONG, False),
    ("29", frozenset({2}), True),
)
# fields of a day; those of the time of day never depend on it
_DAY_FIELDS = frozenset({"yyyy", "yy", "MMMM", "MMM", "MM", "M", "dd", "d", "EEEE", "EEE"})
_ZONE = "(?:Z|UTC|GMT|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
# up to nine digits, of which those after six must be zeros
_FRACTION = "[0-9]{1,6}0{0,3}+"
_CLOCK = {
    "HH": "(?:[01]?[0-9]|2[0-3])", "H": "(?:[01]?[0-9]|2[0-3])", "hh": "(?:0?[1-9]|1[0-2])", "h": "(?:0?[1-9]|1[0-2])",
    "mm": "[0-5][0-9]", "ss": "[0-5][0-9]", "a": rf"[AaPp](?:\.{BLANK}?)?[Mm]\.?",
    "X": _ZONE, "XX": _ZONE, "XXX": _ZONE,
}  # fmt: skip
ISO_DAY, ISO_TIME = "yyyy-MM-dd", rf"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,]{_FRACTION})?)?"
ISO_ZONE = f" ?{_ZONE.replace('UTC|GMT|', '')}"


def build_pattern(format_: str, language: str = "en", is_padded: bool = False) -> str:
    """Return the pattern of the values that a format reads; `is_padded`: day and month always have two digits."""
    parts = date_formats.split_format(format_)
    last = max((index for index, part in enumerate(parts) if part in _DAY_FIELDS), default=-1)
    clock = "".join(_build_part(part, False) for part in parts[last + 1 :])
    if last < 0:
        return clock
    is_compact = any(first in _DAY_FIELDS and second in _DAY_FIELDS for first, second in pairwise(parts))
    if is_compact:
        clock = clock.replace("[01]?", "[01]")
    days = (_build_day(parts[: last + 1], language, is_padded or is_compact, is_compact, *case) for case in _CASES)
    return f"(?:{'|'.join(days)}){clock}"


def _build_day(
    parts: list[str], language: str, is_padded: bool, is_compact: bool, day: str, months: frozenset[int], is_leap: bool
) -> str:
    texts = []
    for part in parts:
        if part in _YEARS:
            texts.append((_COMPACT_YEARS if is_compact else _YEARS)[part][is_leap])
        elif part in ("dd", "d"):
            texts.append(day.replace("0?", "0") if is_padded else day)
        elif part in ("MM", "M"):
            texts.append(_build_month(months, is_padded))
        elif part in ("MMM", "MMMM"):
            texts.append(calendar_words.build_pattern(calendar_words.list_months(language), months))
        elif part in ("EEE", "EEEE"):
            texts.append(calendar_words.build_pattern(calendar_words.list_weekdays(language), range(7)))
        else:
            texts.append(_build_part(part, True))
    return "".join(texts)


def _build_month(months: frozenset[int], is_padded: bool) -> str:
    zero = "0" if is_padded else "0?"
    ones, tens = sorted(month for month in months if month < 10), sorted(month - 10 for month in months if month > 9)
    texts = [f"{zero}[{''.join(map(str, ones))}]"] if ones else []
    texts += [f"1[{''.join(map(str, tens))}]"] if tens else []
    return f"(?:{'|'.join(texts)})"


def _build_part(part: str, is_day: bool) -> str:
    if part.startswith("S"):
        return _FRACTION
    if part in _CLOCK and not is_day:
        return _CLOCK[part]
    if part.isspace():
        return f"{BLANK}++"
    text = date_formats.unquote_literal(part)
    return "".join(
        rf"\{char}" if not char.isalnum() and char.isascii() and not char.isspace() else char for char in text
    )

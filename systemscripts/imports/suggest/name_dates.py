"""Find the dates in a file name, in any usual spelling, with the formats by which they can be read.

Which of day and month comes first cannot always be told from one name: then a date has two formats.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from systemscripts.dates import date_reader
from systemscripts.imports.suggest.month_names import find_languages

# Two digits are taken for a year only if it is near: otherwise any six digits might be a date.
YEARS_BACK, YEARS_AHEAD = 10, 1
# Older dates are in the rows of files, not in their names.
FIRST_YEAR = 1970
_SEPARATOR = r"(?P<sep>[-_. ])"
_NUMBERS = re.compile(rf"(?P<a>\d{{1,4}}){_SEPARATOR}(?P<b>\d{{1,2}})(?P=sep)(?P<c>\d{{2}}|\d{{4}})(?!\d)")
_YEAR_AND_MONTH = re.compile(rf"\d{{4}}{_SEPARATOR}?\d{{2}}(?!\d)")
_MONTH_AND_YEAR = re.compile(rf"(?<![^\W_])(?P<month>\d{{1,2}}){_SEPARATOR}\d{{4}}(?!\d)")
_DIGITS = re.compile(r"\d+")
# digits without separators -> formats
_COMPACT = {
    4: ["yyyy"],
    6: ["yyyyMM", "yyMMdd", "ddMMyy", "MMddyy", "MMyyyy"],
    8: ["yyyyMMdd", "ddMMyyyy", "MMddyyyy"],
    12: ["yyyyMMddHHmm", "ddMMyyyyHHmm"],
    14: ["yyyyMMddHHmmss", "ddMMyyyyHHmmss", "MMddyyyyHHmmss"],
    17: ["yyyyMMddHHmmssSSS"],
}
_WORD = r"(?P<month>[^\W\d_]{3,}\.?)"
_GAP = r"(?P<gap{}>[-_. ]|, |\. |)"
_NAMED = [
    re.compile(expression)
    for expression in (
        rf"(?P<d>\d{{1,2}}){_GAP.format(1)}{_WORD}{_GAP.format(2)}(?P<year>\d{{4}}|\d{{2}})(?!\d)",
        rf"{_WORD}{_GAP.format(1)}(?P<d>\d{{1,2}})(?P<gap2>, ?|[-_. ])(?P<year>\d{{4}})(?!\d)",
        rf"(?P<year>\d{{4}}){_GAP.format(1)}{_WORD}{_GAP.format(2)}(?P<d>\d{{1,2}})(?!\d)",
        rf"{_WORD}{_GAP.format(1)}(?P<year>\d{{4}}|\d{{2}})(?!\d)",
        rf"(?P<year>\d{{4}}){_GAP.format(1)}{_WORD}",
    )
]
_WEEK_WORDS = "calendar ?week|week|kalenderwoche|woche|kw|cw|wk|semaine|semana|settimana|sem|uge|vecka|tydzie[nń]|w"
_WEEK = rf"(?P<word>(?i:{_WEEK_WORDS})[-_. ]?)(?P<w>\d{{1,2}})"
_QUARTER = r"(?P<word>(?i:quarter|quartal|trimestre|trim|kwartaal|kwarta[lł]|kvartal|qtr|q|t)[-_. ]?)(?P<q>[1-4])"
_YEAR_FIRST = r"(?P<year>\d{4})(?P<gap>[-_. ]?)"
_YEAR_LAST = r"(?P<gap>[-_. ]?(?:of )?)(?P<year>\d{4}|\d{2})(?!\d)"
_PERIODS = [
    re.compile(expression)
    for part in (_WEEK, _QUARTER)
    for expression in (rf"{_YEAR_FIRST}{part}(?!\d)", rf"{part}{_YEAR_LAST}")
] + [re.compile(r"(?P<q>[1-4])(?P<word>[Qq])(?P<gap>[-_. ]?)(?P<year>\d{4}|\d{2})(?!\d)")]
# a time of day below the day: what is between them, and the time
_TIME = re.compile(
    r"(?P<gap>T|[-_. ]| at |_at_|)(?P<time>(?P<h>[01]\d|2[0-3])(?P<sep>[-_.: h]?)[0-5]\d"
    r"(?:(?P<seconds>(?P=sep)[0-5]\d)(?P<fraction>\.?\d{3})?)?)(?P<zone>Z?)(?!\d)"
)


@dataclass(frozen=True)
class NameDate:
    """A date in a name: where it stands, the formats that read it, the likeliest first, and its first day."""

    begin: int
    end: int
    text: str
    formats: tuple[str, ...]
    day: date

    @property
    def period(self) -> str:
        """Return what the date is: a day, month, week, quarter or year."""
        fields = {"d": "day", "w": "week", "Q": "quarter", "M": "month"}
        return next(
            (period for letter, period in fields.items() if letter in _remove_literals(self.formats[0])), "year"
        )


def find_dates(name: str, today: date) -> list[NameDate]:
    """Return the dates in a name, from left to right."""
    dates, position = [], 0
    while position < len(name):
        name_date = _find_at(name, position, today)
        if name_date:
            dates.append(name_date)
        position = name_date.end if name_date else position + 1
    return dates


def _find_at(name: str, position: int, today: date) -> NameDate | None:
    """Return the longest date that begins at a position, with its time of day."""
    readings: dict[int, list[tuple[str, date]]] = {}
    for end, pattern in _propose_formats(name, position):
        day = read_day(name[position:end], pattern) if _is_whole(name, position, end) else None
        if day and _is_plausible(day, pattern, today):
            readings.setdefault(end, []).append((pattern, day))
    if not readings:
        return None
    end = max(readings)
    ranked = sorted(readings[end], key=lambda reading: _rank(reading[0], reading[1], today))
    first, day = ranked[0]
    doubts = [
        other for other, other_day in ranked
        if other_day != day and _is_near(other_day, today) and _is_usual(other) == _is_usual(first)
    ]  # fmt: skip
    result = NameDate(position, end, name[position:end], (first, *doubts), day)
    return _add_time(name, result, today) if result.period == "day" and "H" not in _remove_literals(first) else result


def _rank(pattern: str, day: date, today: date) -> tuple[bool, bool, int]:
    """Return what sorts the readings of a text: whole years come before those of two digits, then what is near."""
    return not _is_usual(pattern), "yyyy" not in pattern.lower(), abs((day - today).days)


def _is_usual(pattern: str) -> bool:
    """Return whether a format is usual where it is used: with points the day comes first."""
    return "." not in pattern or pattern[0] == "d"


def _is_near(day: date, today: date) -> bool:
    return today.year - YEARS_BACK <= day.year <= today.year + YEARS_AHEAD


def _is_plausible(day: date, pattern: str, today: date) -> bool:
    """Return whether a number of this form is rather a date than another number."""
    if pattern == "yyyy":
        return FIRST_YEAR <= day.year <= today.year + YEARS_AHEAD
    if "yyyy" in pattern.lower():
        return FIRST_YEAR <= day.year <= today.year + YEARS_BACK
    return _is_near(day, today)


def _propose_formats(name: str, position: int) -> Iterator[tuple[int, str]]:
    """Yield the end and the format of everything at a position that may be a date."""
    if match := _NUMBERS.match(name, position):
        yield from (
            (match.end(), pattern) for pattern in _list_orders(match["a"], match["b"], match["c"], match["sep"])
        )
    if match := _YEAR_AND_MONTH.match(name, position):
        yield match.end(), f"yyyy{match['sep'] or ''}MM"
    if match := _MONTH_AND_YEAR.match(name, position):
        yield match.end(), f"{'MM' if match['month'][0] == '0' else 'M'}{match['sep']}yyyy"
    if match := _DIGITS.match(name, position):
        yield from ((match.end(), pattern) for pattern in _COMPACT.get(len(match[0]), ()))
    for expression in _NAMED:
        if match := expression.match(name, position):
            yield match.end(), _rewrite(match)
    for expression in _PERIODS:
        if match := expression.match(name, position):
            yield match.end(), _rewrite(match)


def _list_orders(first: str, second: str, third: str, separator: str) -> Iterator[str]:
    """Yield the formats of three numbers; a number below ten that is not written 09 shows that zeros are left out."""
    if len(first) == 4:
        yield separator.join(("yyyy", "M" * len(second), "d" * len(third)))
        return
    if len(first) > 2:
        return
    # only a zero shows that there are always two digits
    length = 2 if first[0] == "0" or second[0] == "0" else 1
    day, month, year = "d" * length, "M" * length, "y" * len(third)
    yield separator.join((day, month, year))
    yield separator.join((month, day, year))
    if len(first) == len(third) == 2:
        yield separator.join(("yy", "M" * len(second), "dd"))


def _rewrite(match: re.Match[str]) -> str:
    """Return the format of what was matched: its groups as fields, everything else as it is."""
    values, text, position = match.groupdict(), "", match.start()
    is_week = "w" in values
    for group in sorted((name for name, value in values.items() if value), key=match.start):
        value, begin = values[group] or "", match.start(group)
        text += _quote(match.string[position:begin])
        position = match.end(group)
        if group == "year":
            text += ("Y" if is_week else "y") * len(value)
        elif group == "month":
            text += "MMM"
        elif group == "q":
            text += "Q"
        elif group in ("d", "w"):
            # 5 and 05 are read alike where no zero shows that there are always two digits
            text += group * (2 if value.startswith("0") or _is_beside_digits(match, group) else 1)
        else:
            text += _quote(value)
    return text


def _is_beside_digits(match: re.Match[str], group: str) -> bool:
    before, after = match.string[: match.start(group)][-1:], match.string[match.end(group) :][:1]
    return before.isdigit() or after.isdigit()


def _quote(text: str) -> str:
    """Return a text as literal of a format: its letters in quotes."""
    return re.sub(r"[^\W\d_]+(?:[ ]+[^\W\d_]+)*|\d+", lambda letters: f"'{letters[0]}'", text)


def _add_time(name: str, name_date: NameDate, today: date) -> NameDate:
    """Return a date with the time of day that follows it, if one does."""
    match = _TIME.match(name, name_date.end)
    if match is None or not _is_whole(name, name_date.begin, match.end()):
        return name_date
    other = _find_at(name, match.start("time"), today)
    # the second day of a period
    if other and other.end > match.end():
        return name_date
    is_touching, is_bare = not match["gap"], not match["sep"] and not match["seconds"]
    # four digits such as 0042 are a number that counts files
    if is_touching or (is_bare and match["gap"] != "T" and match["h"] == "00") or (match["sep"] == " " and is_bare):
        return name_date
    if match["h"] == "00" and not match["sep"] and match["gap"] != "T":
        return name_date
    separator = "'h'" if match["sep"] == "h" else match["sep"]
    time = f"HH{separator}mm" + (f"{separator}ss" if match["seconds"] else "")
    fraction = match["fraction"] or ""
    time += ("." if fraction.startswith(".") else "") + ("SSS" if fraction else "")
    gap = match["gap"] if match["gap"] == "T" else _quote(match["gap"])
    formats = tuple(f"{pattern}{gap}{time}{match['zone']}" for pattern in name_date.formats)
    return replace(name_date, end=match.end(), text=name[name_date.begin : match.end()], formats=formats)


def exchange_day_and_month(pattern: str) -> str:
    """Return a format with day and month exchanged."""
    return re.sub("d+|M+", lambda field: field[0].translate(str.maketrans("dM", "Md")), pattern)


def _remove_literals(pattern: str) -> str:
    return re.sub("'[^']*'", "", pattern)


def _is_whole(name: str, begin: int, end: int) -> bool:
    """Return whether a text is not a part of a longer number, and its words not parts of longer words."""
    borders = ((name[:begin][-1:], name[begin]), (name[end - 1], name[end:][:1]))
    return not any(
        (left.isdigit() and right.isdigit()) or (left.isalpha() and right.isalpha()) for left, right in borders
    )


@functools.cache
def read_day(text: str, pattern: str) -> date | None:
    """Return the day that a text means by a format, in the language of its month; None if it does not fit."""
    word = re.search(r"[^\W\d_]{3,}", text) if "MMM" in pattern else None
    for language in find_languages(word[0]) if word else ("en",):
        try:
            return date_reader.make_reader(pattern, True, language)(text).date()
        except ValueError:
            continue
    return None

"""Dates and times as people write them: every order and separator, names of months, half days, offsets.

The shape of a value (where it has digits, names and separators) gives the formats that may have written it. Where day
and month could change places, each order is a spelling of its own: the whole column decides, or nothing does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from systemscripts.dates import date_reader
from systemscripts.imports.suggest import calendar_words, clock_forms, date_patterns
from systemscripts.imports.suggest.clock_forms import Clock
from systemscripts.imports.suggest.header_words import is_birth, is_duration, is_moment
from systemscripts.imports.suggest.value_spellings import BLANK, Spelling

_NAME = r"[^\W\d_]{2,}\.?"
# what stands between the fields of a day; nothing only beside a name
_MARK = rf"{BLANK}*[-/.,]{BLANK}*|\.?{BLANK}+(?:de{BLANK}+|of{BLANK}+)?|(?<=[^\W\d_])|(?=[^\W\d_])"
_DAY = (
    rf"(?:(?P<weekday>[^\W\d_]{{2,}}(?:-[^\W\d_]+)?\.?)(?P<mark0>,?{BLANK}+(?:den{BLANK}+)?))?"
    rf"(?P<first>[0-9]{{1,4}}|{_NAME})(?P<mark1>{_MARK})(?P<second>[0-9]{{1,2}}|{_NAME})(?P<mark2>{_MARK})"
    rf"(?P<third>[0-9]{{4}}|[0-9]{{1,2}}|{_NAME})(?P<end>\.?|{BLANK}г\.)"
)
_COMPACT = r"(?P<compact>[0-9]{8}(?:T?[0-9]{4}(?:[0-9]{2})?)?|[0-9]{6})(?P<utc>Z)?"
_PARTS = ("first", "second", "third")
_MOMENT = re.compile(rf"(?:{_DAY}|{_COMPACT})(?:{clock_forms.JOIN}{clock_forms.CLOCK})?")
# so many values tell whether a column may have dates at all
_QUICK_LOOK = 40
# enough to tell a right order of days from a wrong one
_MAX_WEEKDAYS = 100
# unusual orders count only where the usual ones fit fewer of the first values
_MIN_USUAL_SHARE = 0.9
# as POSIX: 69 to 99 are 1969 to 1999
_PIVOT = 69
# days vary more than years, by this factor
_DAY_FACTOR = 2
# what the parts of a day may be: usual orders, and those that count only where no usual one fits
_ORDERS: dict[tuple[str, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {
    ("number", "number", "year"): (("dMy", "Mdy"), ()),
    ("year", "number", "number"): (("yMd",), ("ydM",)),
    ("number", "number", "number"): (("dMy", "Mdy", "yMd"), ()),
    ("name", "number", "year"): (("Mdy",), ()),
    ("name", "number", "number"): (("Mdy",), ()),
    ("number", "name", "year"): (("dMy",), ()),
    ("number", "name", "number"): (("dMy",), ("yMd",)),
    ("year", "name", "number"): (("yMd",), ()),
    ("year", "number", "name"): (("ydM",), ()),
}
_SHORT_YEAR_DIGITS, _DAY_DIGITS = 6, 8
_COMPACTS = {
    6: ("yyMMdd", "ddMMyy", "MMddyy"), 8: ("yyyyMMdd", "ddMMyyyy", "MMddyyyy"), 12: ("yyyyMMddHHmm",),
    13: ("yyyyMMddTHHmm",), 14: ("yyyyMMddHHmmss",), 15: ("yyyyMMddTHHmmss",),
}  # fmt: skip


@dataclass(frozen=True)
class _Shape:
    """The form of a day: the kinds of its three parts, and what stands before, between and after them."""

    parts: tuple[str, ...]
    marks: tuple[str, ...]
    compact: int = 0

    @property
    def has_weekday(self) -> bool:
        """Return whether the name of the weekday comes first."""
        return bool(self.marks) and bool(self.marks[0])


def list_spellings(sample: Sequence[str], header: str) -> list[Spelling]:
    """Return the dates and times that the values of a column may be; the usual order first."""
    if not _is_worth_matching(sample):
        return []
    matches = [match for match in map(_MOMENT.fullmatch, sample) if match is not None]
    if 2 * len(matches) > len(sample):
        by_shape: dict[_Shape, list[re.Match[str]]] = {}
        for match in matches:
            by_shape.setdefault(_find_shape(match), []).append(match)
        shape, group = max(by_shape.items(), key=lambda item: len(item[1]))
        return _list_moments(shape, group, header) if 2 * len(group) > len(sample) else []
    times = [match for match in map(clock_forms.TIME.fullmatch, sample) if match is not None and match["zone"] is None]
    return _list_times(times) if 2 * len(times) > len(sample) and not is_duration(header) else []


def _is_worth_matching(sample: Sequence[str]) -> bool:
    """Return whether some values of a few have the form of a date or time: most columns are text."""
    few = sample[:: max(1, len(sample) // _QUICK_LOOK)]
    return 4 * sum(1 for value in few if _MOMENT.fullmatch(value) or clock_forms.TIME.fullmatch(value)) >= len(few)


def _find_shape(match: re.Match[str]) -> _Shape:
    if match["compact"]:
        return _Shape((), ("Z",) if match["utc"] else (), len(match["compact"]))
    parts = tuple(_find_part_type(match[name]) for name in _PARTS)
    marks = [match["mark0"] or "", match["mark1"], match["mark2"], match["end"]]
    # the point of an abbreviation belongs to the name: 5 Jan. 2026
    return _Shape(parts, tuple(clock_forms.BLANKS.sub(" ", mark) for mark in marks))


def _find_part_type(text: str) -> str:
    if not text[0].isdecimal():
        return "name"
    return "year" if len(text) == 4 else "number" if len(text) < 3 else "other"


def _list_moments(shape: _Shape, group: list[re.Match[str]], header: str) -> list[Spelling]:
    clocks, type_name = clock_forms.choose_clocks(group)
    if shape.compact:
        return _list_compact(shape, clocks, type_name, group, header)
    if _is_iso(shape, clocks, group):
        return [_build_iso_spelling(type_name, None in clocks)]
    usual, unusual = _choose_orders(shape, group)
    if not usual + unusual:
        return []
    has_names = "name" in shape.parts or shape.has_weekday
    languages = _find_languages(shape, group) if has_names else [""]
    spellings = []
    for language in languages:
        build = partial(
            _build_spelling, clocks=clocks, type_name=type_name, group=group, header=header, language=language
        )
        likely = [build(_write_day(shape, order, group)) for order in usual]
        spellings += likely
        if not any(_fits_most(spelling, group) for spelling in likely):
            spellings += [build(_write_day(shape, order, group)) for order in unusual]
    return [one for one in spellings if _is_right_weekday(one, group)] if shape.has_weekday else spellings


def _fits_most(spelling: Spelling, group: list[re.Match[str]]) -> bool:
    """Return whether a usual order fits, apart from dirt, so that no other one is worth a thought."""
    return sum(spelling.tests.one.fullmatch(match[0]) is not None for match in group) >= _MIN_USUAL_SHARE * len(group)


def _is_right_weekday(spelling: Spelling, group: list[re.Match[str]]) -> bool:
    """Return whether most days are on the weekday that is written before them: of two orders only one is so."""
    formats, language = spelling.declared["formats"], str(spelling.declared.get("language", "en"))
    first = str(formats[0] if isinstance(formats, list) else formats)
    read, right = date_reader.make_reader(first, language=language), 0
    for match in group[:_MAX_WEEKDAYS]:
        with suppress(ValueError):
            right += bool(read(match[0]))
    return 2 * right > min(len(group), _MAX_WEEKDAYS)


def _list_compact(
    shape: _Shape, clocks: list[Clock | None], type_name: str, group: list[re.Match[str]], header: str
) -> list[Spelling]:
    """Return the spellings of days without separators; only a header tells six digits from a number."""
    days = _COMPACTS[shape.compact]
    if not is_moment(header):
        days = () if shape.compact == _SHORT_YEAR_DIGITS else days[:1]
    if shape.compact > _DAY_DIGITS:
        type_name = "timestamptz" if shape.marks else "timestamp"
        days = tuple(day + "XXX" * len(shape.marks) for day in days)
    return [_build_spelling(day, clocks, type_name, group, header) for day in days]


def _choose_orders(shape: _Shape, group: list[re.Match[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the orders of day, month and year that are usual for a shape, and those that are not."""
    usual, unusual = _ORDERS.get(shape.parts, ((), ()))
    if shape.parts == ("number", "number", "number"):
        first, last = (len({match[name] for match in group}) for name in ("first", "third"))
        if _DAY_FACTOR * last <= first or shape.marks[1] == ".":
            usual, unusual = tuple(order for order in usual if order != "yMd"), (*unusual, "yMd")
        elif _DAY_FACTOR * first <= last:
            usual, unusual = ("yMd",), (*unusual, "dMy", "Mdy")
    return usual, unusual


def _find_languages(shape: _Shape, group: list[re.Match[str]]) -> list[str]:
    """Return one language for each meaning of the names."""
    months = [
        name for name, part_type in zip(("first", "second", "third"), shape.parts, strict=True) if part_type == "name"
    ]
    words = Counter(match[months[0]] for match in group) if months else Counter[str]()
    weekdays = Counter(match["weekday"] for match in group) if shape.has_weekday else Counter[str]()
    return calendar_words.find_languages(words, weekdays)


def _write_day(shape: _Shape, order: str, group: list[re.Match[str]]) -> str:
    """Return the format of the day for an order such as dMy."""
    texts = []
    for position, (letter, part_type) in enumerate(zip(order, shape.parts, strict=True)):
        name = _PARTS[position]
        if letter == "y":
            text = "yyyy" if part_type == "year" else "yy"
        elif part_type == "name":
            text = "MMM" if all(len(match[name].rstrip(".")) <= 4 for match in group) else "MMMM"
        else:
            text = letter if any(len(match[name]) == 1 for match in group) else letter * 2
        # the point of an abbreviated name belongs to the name
        mark = shape.marks[position + 1]
        texts += [
            text,
            clock_forms.quote_literal(mark.removeprefix(".") if part_type == "name" and len(mark) > 1 else mark),
        ]
    return ("EEEE" + clock_forms.quote_literal(shape.marks[0]) if shape.has_weekday else "") + "".join(texts)


def _build_spelling(
    day: str, clocks: list[Clock | None], type_name: str, group: list[re.Match[str]], header: str, language: str = ""
) -> Spelling:
    formats = [day + (clock_forms.write_clock(clock, group) if clock else "") for clock in clocks]
    declared: dict[str, object] = {"type": type_name, "formats": formats[0] if len(formats) == 1 else formats}
    notes = []
    if language not in ("", "en"):
        declared["language"] = language
    if "yy" in day and "yyyy" not in day:
        # no one is born in the future
        declared["pivot"] = datetime.now(UTC).year % 100 + 1 if is_birth(header) else _PIVOT
        notes.append(f"two-digit years from {declared['pivot']} on are 19yy")
    pattern = "|".join(date_patterns.build_pattern(text, language or "en") for text in formats)
    name = f"{type_name} {' or '.join(formats)}" + (f" ({language})" if language else "")
    return Spelling(name, pattern, declared, "; ".join(notes), goes_first=True)


def _is_iso(shape: _Shape, clocks: list[Clock | None], group: list[re.Match[str]]) -> bool:
    """Return whether the conversion reads the values without a format."""
    if shape.parts != ("year", "number", "number") or shape.marks != ("", "-", "-", ""):
        return False
    if any(
        clock and (clock.join not in ("T", " ") or clock.half_blank is not None or clock.colon + clock.suffix != ":")
        for clock in clocks
    ):
        return False
    padded = all(
        len(match["second"]) == len(match["third"]) == 2 and len(match["hour"] or "00") == 2 for match in group
    )
    return padded and not any(match["zone"] in ("UTC", "GMT") for match in group)


def _build_iso_spelling(type_name: str, is_day_alone: bool) -> Spelling:
    pattern = date_patterns.build_pattern(date_patterns.ISO_DAY, is_padded=True)
    if type_name != "date":
        clock = f"[ T]{date_patterns.ISO_TIME}" + (date_patterns.ISO_ZONE if type_name == "timestamptz" else "")
        pattern += f"(?:{clock})?" if is_day_alone else clock
    return Spelling(type_name, pattern, {"type": type_name})


def _list_times(group: list[re.Match[str]]) -> list[Spelling]:
    """Return the spelling of times of day."""
    counts = Counter((match["seconds"] is not None, match["point"], clock_forms.find_ends(match)[0]) for match in group)
    clocks = [Clock("", has_seconds, point, half, None) for (has_seconds, point, half), _ in counts.most_common(2)]
    if all(clock.half_blank is None for clock in clocks) and all(len(match["hour"]) == 2 for match in group):
        return [Spelling("time", date_patterns.ISO_TIME, {"type": "time"})]
    formats = [clock_forms.write_clock(clock, group) for clock in clocks]
    declared: dict[str, object] = {"type": "time", "formats": formats[0] if len(formats) == 1 else formats}
    pattern = "|".join(map(date_patterns.build_pattern, formats))
    return [Spelling(f"time {' or '.join(formats)}", pattern, declared)]

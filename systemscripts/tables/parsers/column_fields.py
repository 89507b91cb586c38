"""Turns whole columns of stored values into CSV fields, uniform columns at once, the others cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import mul

from systemscripts.tables.parsers import xml_text
from systemscripts.tables.parsers.python_value_text import format_duration
from systemscripts.tables.parsers.row_chunk import quote_fields
from systemscripts.tables.parsers.xlsx_cell_text import DAY_MILLISECONDS, MAX_DAY, Converter, Format, format_number

Fields = Callable[[Sequence[bytes]], list[bytes]]

# Numbers that are stored as their shortest text: integers, and decimals of up to 15 digits (IEEE 754 keeps those).
# |(?!) ends a failed iteration: Python before 3.11.5 does not restore its start (cpython issue 106052).
SURE = rb"(?!-0\n)-?(?=[\d.]{1,16}\n|\d+\n)(?:0|[1-9]\d*+)(?:\.\d++(?<=[1-9])|(?!))?+"
SURE_COLUMN = re.compile(rb"(?:(?:%s|(?!))?+\n|(?!))*+" % SURE)
NOT_DECIMAL = b"0123456789.-\n"
# an integer that a float may not represent exactly
ROUNDED = re.compile(r"\d{16}\.0\n")
# With more, the cache is cleared, so that memory stays flat.
MAX_CACHED_VALUES = 100_000
BOOLEANS = {b"": b"", b"1": b"true", b"0": b"false", b"true": b"true", b"false": b"false"}


class CachedConverter(dict[bytes, bytes]):
    """A cache of converted values by stored value: dates and codes repeat."""

    def __init__(self, convert: Converter) -> None:
        super().__init__({b"": b""})
        self._convert = convert

    def __missing__(self, value: bytes) -> bytes:
        text = self._convert(value.decode().strip()).encode()
        self[value] = text
        return text

    def convert(self, values: Sequence[bytes]) -> list[bytes]:
        """Return the CSV fields of one column."""
        if len(self) > MAX_CACHED_VALUES:
            self.clear()
            self[b""] = b""
        return list(map(self.__getitem__, values))


def format_numbers(values: Sequence[bytes]) -> list[bytes]:
    """Return numbers as their shortest text; integers as they are stored."""
    column = b"\n".join(values) + b"\n"
    if SURE_COLUMN.fullmatch(column):
        return list(values)
    if not column.translate(None, NOT_DECIMAL):
        return _format_floats(values) or list(map(_format_number, values))
    return list(map(_format_number, values))


def _format_floats(values: Sequence[bytes]) -> list[bytes]:
    """Convert all values by floats at once (0.1 + 0.2 is stored with 17 digits); [] where that would change one."""
    if b"" in values:
        texts = [repr(float(value)) if value else "" for value in values]
    else:
        texts = list(map(repr, map(float, values)))
    column = "\n".join(texts) + "\n"
    if "e" in column:
        return []
    if ".0\n" in column:
        if "-0.0\n" in column or ROUNDED.search(column):
            return []
        column = column.replace(".0\n", "\n")
    return column.encode().split(b"\n")[:-1]


def _format_number(value: bytes) -> bytes:
    if not value or (value.isdigit() and value[0] != 48):
        return value
    return format_number(value.decode().strip()).encode()


class DateTimeConverter:
    """Converts dates with times: nearly every value is different, but days and times of day repeat."""

    def __init__(self, number_format: Format) -> None:
        self._format = number_format
        self._days = _Days(number_format)
        self._clock = _Clock()

    def convert(self, values: Sequence[bytes]) -> list[bytes]:
        """Return the CSV fields of one column."""
        days, clock = self._days, self._clock
        try:
            moments = map(round, map(mul, map(float, values), repeat(DAY_MILLISECONDS)))
            return [days[moment // DAY_MILLISECONDS] + clock[moment % DAY_MILLISECONDS] for moment in moments]
        # a blank, or not a day of the calendar
        except ValueError:
            return [self._format.format_number(value.decode()).encode() if value else b"" for value in values]


class _Days(dict[int, bytes]):
    """Day number -> its text and a space. Raises ValueError for a number that is not shown as a date."""

    def __init__(self, number_format: Format) -> None:
        super().__init__()
        self._format = number_format

    def __missing__(self, day: int) -> bytes:
        if not 0 < day <= MAX_DAY:
            raise ValueError(day)
        self[day] = self._format.format_number(str(day)).partition(" ")[0].encode() + b" "
        return self[day]


class _Clock(dict[int, bytes]):
    """Time of day in milliseconds -> its text; only whole seconds are cached."""

    def __missing__(self, milliseconds: int) -> bytes:
        text = format_duration(milliseconds).encode()
        if not milliseconds % 1000:
            self[milliseconds] = text
        return text


def format_booleans(values: Sequence[bytes]) -> list[bytes]:
    """Return true or false for each stored boolean."""
    return [BOOLEANS.get(value, b"true") for value in values]


def format_texts(values: Sequence[bytes]) -> list[bytes]:
    """Return texts from their XML form."""
    return quote_fields(xml_text.decode_texts(tuple(values)))


def make_string_lookup(strings: Sequence[bytes]) -> Fields:
    """Return a function from indexes of shared strings to their CSV fields; it raises IndexError for a missing one."""

    def fields(values: Sequence[bytes]) -> list[bytes]:
        if b"-" in b"".join(values):
            # Python would count from the end.
            raise IndexError("a negative string index")
        if b"" in values:
            return [strings[int(value)] if value else b"" for value in values]
        return list(map(strings.__getitem__, map(int, values)))

    return fields

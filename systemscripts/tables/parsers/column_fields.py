"""Whole columns of stored values -> CSV fields. What most columns hold is seen at once; the rest cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import mul

from systemscripts.tables.parsers import xml_text
from systemscripts.tables.parsers.cell_text import format_duration
from systemscripts.tables.parsers.row_chunk import quote_fields
from systemscripts.tables.parsers.xlsx_formats import DAY_MILLISECONDS, MAX_DAY, Converter, Format, format_number

Fields = Callable[[Sequence[bytes]], list[bytes]]

# Numbers whose text is their shortest already: integers, and decimals of no more than 15 digits (IEEE 754 keeps those).
# |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
SURE = rb"(?!-0\n)-?(?=[\d.]{1,16}\n|\d+\n)(?:0|[1-9]\d*+)(?:\.\d++(?<=[1-9])|(?!))?+"
SURE_COLUMN = re.compile(rb"(?:(?:%s|(?!))?+\n|(?!))*+" % SURE)
NOT_DECIMAL = b"0123456789.-\n"
ROUNDED = re.compile(r"\d{16}\.0\n")  # an integer that may not survive being a float
MAX_CACHED_VALUES = 100_000  # converted values; beyond that all are forgotten, and memory stays flat
BOOLEANS = {b"": b"", b"1": b"true", b"0": b"false", b"true": b"true", b"false": b"false"}


class CachedConverter(dict[bytes, bytes]):
    """Converted values by stored ones: dates and codes repeat."""

    def __init__(self, convert: Converter) -> None:
        super().__init__({b"": b""})
        self._convert = convert

    def __missing__(self, value: bytes) -> bytes:
        text = self._convert(value.decode().strip()).encode()
        self[value] = text
        return text

    def fields(self, values: Sequence[bytes]) -> list[bytes]:
        """The fields of one column."""
        if len(self) > MAX_CACHED_VALUES:
            self.clear()
            self[b""] = b""
        return list(map(self.__getitem__, values))


def format_numbers(values: Sequence[bytes]) -> list[bytes]:
    """Numbers by their shortest text; integers as the file holds them."""
    column = b"\n".join(values) + b"\n"
    if SURE_COLUMN.fullmatch(column):
        return list(values)
    if not column.translate(None, NOT_DECIMAL):
        return _format_floats(values) or list(map(_format_number, values))
    return list(map(_format_number, values))


def _format_floats(values: Sequence[bytes]) -> list[bytes]:
    """All values by way of floats at once (0.1 + 0.2 is stored with 17 digits); nothing when that harms one of them."""
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
    """Dates with times: nearly every value is another one, but days and times of day repeat."""

    def __init__(self, number_format: Format) -> None:
        self._format = number_format
        self._days = _Days(number_format)
        self._clock = _Clock()

    def fields(self, values: Sequence[bytes]) -> list[bytes]:
        """The fields of one column."""
        days, clock = self._days, self._clock
        try:
            moments = map(round, map(mul, map(float, values), repeat(DAY_MILLISECONDS)))
            return [days[moment // DAY_MILLISECONDS] + clock[moment % DAY_MILLISECONDS] for moment in moments]
        except ValueError:  # a blank, or no day of the calendar
            return [self._format.number(value.decode()).encode() if value else b"" for value in values]


class _Days(dict[int, bytes]):
    """The text of a day's number, with a space after it. Raises ValueError for what is shown without a date."""

    def __init__(self, number_format: Format) -> None:
        super().__init__()
        self._format = number_format

    def __missing__(self, day: int) -> bytes:
        if not 0 < day <= MAX_DAY:
            raise ValueError(day)
        self[day] = self._format.number(str(day)).partition(" ")[0].encode() + b" "
        return self[day]


class _Clock(dict[int, bytes]):
    """The text of a time of day in milliseconds; those of whole seconds are kept."""

    def __missing__(self, milliseconds: int) -> bytes:
        text = format_duration(milliseconds).encode()
        if not milliseconds % 1000:
            self[milliseconds] = text
        return text


def format_booleans(values: Sequence[bytes]) -> list[bytes]:
    """true and false."""
    return [BOOLEANS.get(value, b"true") for value in values]


def format_texts(values: Sequence[bytes]) -> list[bytes]:
    """Texts as they stand in the XML."""
    return quote_fields(xml_text.decode_texts(tuple(values)))


def make_string_lookup(strings: Sequence[bytes]) -> Fields:
    """Numbers of shared strings; `strings` are ready fields. Raises IndexError for one that there is not."""

    def fields(values: Sequence[bytes]) -> list[bytes]:
        if b"-" in b"".join(values):
            raise IndexError("a negative number of a string")  # Python would count from the end
        if b"" in values:
            return [strings[int(value)] if value else b"" for value in values]
        return list(map(strings.__getitem__, map(int, values)))

    return fields

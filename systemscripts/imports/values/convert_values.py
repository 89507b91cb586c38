"""Convert a value to its declared type: to the text that PostgreSQL stores, or a reason that the client understands.

Every function here takes the text as it is in the file and returns PostgreSQL's spelling; it raises ValueError with the
reason. Nothing is guessed: what only PostgreSQL accepts (`today`, `1_000`, `0x1F`, NaN, infinity) is not a number or
date here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import dates_and_times

Convert = Callable[[str], str]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMERIC = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_GROUPED = r"[+-]?[0-9]{{1,3}}(?:{0}[0-9]{{3}})+"
# PostgreSQL manual, table 8.2
_LIMITS = {"integer": 2**31, "bigint": 2**63}
BIGINT_DIGITS = 19
# what programs write between thousands where a blank is declared
_BLANKS = " \u00a0\u202f\u2009"
_TRUE, _FALSE = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0"}
# one @, no blanks, dots only between parts: addresses that mail servers accept, not all that RFC 5321 allows
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)


def make_converter(column: Column, zone: ZoneInfo | None) -> Convert | None:
    """Return the function for a declared column, None if text is stored unchanged; `zone`: of times without one."""
    makers: dict[str, Callable[[], Convert | None]] = {
        "text": lambda: None,
        "integer": lambda: _make_integer_converter(column),
        "bigint": lambda: _make_integer_converter(column),
        "numeric": lambda: _make_numeric_converter(column),
        "boolean": lambda: _convert_boolean,
        **dict.fromkeys(
            ("date", "time", "timestamp", "timestamptz"), lambda: dates_and_times.make_converter(column, zone)
        ),
        "text[]": lambda: _make_array_converter(column.separator),
    }
    return makers[column.type]()


def make_comparer(type_name: str) -> Callable[[str], Hashable]:
    """Return the function that makes equal values of a type equal, however they are written: 1, 01, +1 and 1.0.

    The function raises ValueError or ArithmeticError for a text that is not of the type.
    """
    if type_name in ("integer", "bigint", "numeric"):
        return Decimal
    return datetime.fromisoformat if type_name in ("timestamp", "timestamptz") else str


def is_email(text: str) -> bool:
    """Return whether a text looks like one deliverable address."""
    return _EMAIL.fullmatch(text) is not None and len(text.partition("@")[0]) <= 64 and len(text) <= 254


def _make_number_cleaner(column: Column) -> Convert:
    """Return the function that replaces the declared thousands and decimal marks of a number."""
    mark, point = column.thousands, column.decimal
    if mark is None and point is None:
        return str.strip
    grouped = re.compile(_GROUPED.format(re.escape(mark)) + r"(?![0-9])") if mark else None

    def plain(text: str) -> str:
        text = text.strip()
        if mark is not None and mark in _BLANKS:
            text = re.sub(f"[{_BLANKS}]", mark, text)
        whole, found_point, fraction = text.partition(point or ".")
        if mark is not None and mark in whole:
            if grouped is None or not grouped.fullmatch(whole):
                raise ValueError(f"{text!r} has its thousands marks in the wrong places")
            whole = whole.replace(mark, "")
        if point not in (None, ".") and "." in whole + fraction:
            raise ValueError(f"{text!r} has a point where the decimal mark is {point!r}")
        return whole + ("." + fraction if found_point else "")

    return plain


def _make_integer_converter(column: Column) -> Convert:
    plain, limit = _make_number_cleaner(column), _LIMITS[column.type]

    def convert(text: str) -> str:
        number = plain(text)
        if not _INTEGER.fullmatch(number):
            raise ValueError(f"{text!r} is not a whole number")
        if len(number) > 9 and (len(number.lstrip("+-0")) > BIGINT_DIGITS or not -limit <= int(number) < limit):
            raise ValueError(f"{text!r} is too large for {column.type}")
        return number

    return convert


def _make_numeric_converter(column: Column) -> Convert:
    plain = _make_number_cleaner(column)

    def convert(text: str) -> str:
        number = plain(text)
        if not _NUMERIC.fullmatch(number):
            raise ValueError(f"{text!r} is not a number")
        if column.scale is not None:
            _check_digits(text, Decimal(number), column.scale, column.max_digits - column.scale)
        return number

    return convert


def _check_digits(text: str, number: Decimal, scale: int, before: int) -> None:
    """Raise ValueError when a number has more digits than its type stores; trailing zeros do not count."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # it is not NaN
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    if number and exponent + zeros < -scale:
        raise ValueError(f"{text!r} has more than {scale} digits after the point")
    if number and number.adjusted() >= before:
        raise ValueError(f"{text!r} has more than {before} digits before the point")


def is_empty(text: str, column: Column, null: frozenset[str]) -> bool:
    """Return whether a text means no value; blanks around it count in text only, and never satisfy `required`."""
    if text in null:
        return True
    stripped = text.strip()
    return stripped in null if column.type != "text" else column.required and not stripped


def _convert_boolean(text: str) -> str:
    word = text.strip().lower()
    if word in _TRUE:
        return "true"
    if word in _FALSE:
        return "false"
    raise ValueError(f"{text!r} is neither true nor false")


def _make_array_converter(separator: str) -> Convert:
    def convert(text: str) -> str:
        values = [value.strip() for value in text.split(separator)]
        quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values if value)
        return "{" + ",".join(quoted) + "}"

    return convert

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
from systemscripts.imports.values import dates_and_times, number_spellings

Convert = Callable[[str], str]

# PostgreSQL manual, table 8.2
_LIMITS = {"integer": 2**31, "bigint": 2**63}
BIGINT_DIGITS = 19
_TRUE, _FALSE = ("true", "t", "yes", "y", "on", "1"), ("false", "f", "no", "n", "off", "0")
# one @, no blanks, dots only between parts: addresses that mail servers accept, not all that RFC 5321 allows
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)


def make_converter(column: Column, zone: ZoneInfo | None) -> Convert | None:
    """Return the function for a declared column, None if text is stored unchanged; `zone`: of times without one.

    A value that the column maps is replaced first, without the blanks around it unless it is text.
    """
    makers: dict[str, Callable[[], Convert | None]] = {
        "text": lambda: None,
        "integer": lambda: _make_integer_converter(column),
        "bigint": lambda: _make_integer_converter(column),
        "numeric": lambda: _make_numeric_converter(column),
        "boolean": lambda: _make_boolean_converter(column),
        **dict.fromkeys(
            ("date", "time", "timestamp", "timestamptz"), lambda: dates_and_times.make_converter(column, zone)
        ),
        "text[]": lambda: _make_array_converter(column.separator),
    }
    convert, mapped = makers[column.type](), column.values
    if not mapped:
        return convert
    if convert is None:
        return lambda text: mapped.get(text, text)
    return lambda text: convert(mapped.get(text, mapped.get(text.strip(), text)))


def make_comparer(type_name: str) -> Callable[[str], Hashable]:
    """Return the function that makes equal values of a type equal, however they are written: 1, 01, +1 and 1.0.

    The function raises ValueError or ArithmeticError for a text that is not of the type.
    """
    if type_name in ("integer", "bigint", "numeric"):
        return Decimal
    return datetime.fromisoformat if type_name in ("timestamp", "timestamptz") else str


def is_email(text: str) -> bool:
    """Return whether a text looks like one deliverable address."""
    return len(text) <= 254 and len(text.partition("@")[0]) <= 64 and _EMAIL.fullmatch(text) is not None


def _make_integer_converter(column: Column) -> Convert:
    spelling, limit = number_spellings.build_spelling(column), _LIMITS[column.type]

    def convert(text: str) -> str:
        number = spelling.read(text, "a whole number")
        if len(number) > 9 and (len(number.lstrip("+-0")) > BIGINT_DIGITS or not -limit <= int(number) < limit):
            raise ValueError(f"{text!r} is too large for {column.type}")
        return number

    return convert


def _make_numeric_converter(column: Column) -> Convert:
    spelling = number_spellings.build_spelling(column)

    def convert(text: str) -> str:
        number = spelling.read(text, "a number")
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


def _make_boolean_converter(column: Column) -> Convert:
    declared = [*column.true_words, *column.false_words]
    true_words, false_words = (column.true_words, column.false_words) if declared else (_TRUE, _FALSE)
    stored = {word.strip().casefold(): "true" for word in true_words}
    stored |= {word.strip().casefold(): "false" for word in false_words}
    reason = f"is not one of {', '.join(map(repr, declared))}" if declared else "is neither true nor false"

    def convert(text: str) -> str:
        try:
            return stored[text.strip().casefold()]
        except KeyError:
            raise ValueError(f"{text!r} {reason}") from None

    return convert


def _make_array_converter(separator: str) -> Convert:
    def convert(text: str) -> str:
        values = [value.strip() for value in text.split(separator)]
        quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values if value)
        return "{" + ",".join(quoted) + "}"

    return convert

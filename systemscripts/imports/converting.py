"""One value as its declared type: the text PostgreSQL stores, or a reason that a client understands.

Every function here takes the text as it stands in the file and returns PostgreSQL's spelling; it raises ValueError with
the reason. Nothing is guessed: PostgreSQL's own conveniences (`today`, `1_000`, `0x1F`, NaN, infinity) are no numbers
or dates here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from systemscripts.configuration.schema import Column
from systemscripts.datasets.identity import strptime_format

Convert = Callable[[str], str]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMERIC = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_GROUPED = r"[+-]?[0-9]{{1,3}}(?:{0}[0-9]{{3}})+"
_LIMITS = {"integer": 2**31, "bigint": 2**63}  # PostgreSQL manual, table 8.2
_TRUE, _FALSE = {"true", "t", "yes", "y", "on", "1"}, {"false", "f", "no", "n", "off", "0"}
# one @, no blanks, dots only between parts: what mail servers deliver to, not all that RFC 5321 allows
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)


def converter(column: Column, zone: ZoneInfo | None) -> Convert | None:
    """The function for a declared column, None where the text is stored as it is; `zone`: of times without one."""
    makers: dict[str, Callable[[], Convert | None]] = {
        "text": lambda: None,
        "integer": lambda: _whole_number(column),
        "bigint": lambda: _whole_number(column),
        "numeric": lambda: _number(column),
        "boolean": lambda: _boolean,
        "date": lambda: _moment(column, "a date", _as_date),
        "time": lambda: _moment(column, "a time", lambda moment: moment.time().isoformat()),
        "timestamp": lambda: _moment(column, "a date and time", _as_timestamp),
        "timestamptz": lambda: _moment(column, "a date and time", lambda moment: _as_timestamptz(moment, zone)),
        "text[]": lambda: _array(column.separator),
    }
    return makers[column.type]()


def comparable(kind: str) -> Callable[[str], Hashable]:
    """Return what turns a stored text of a type into what equals other spellings of the value: 1 is 01, +1 and 1.0.

    The function raises ValueError or ArithmeticError for a text that is not of the type.
    """
    if kind in ("integer", "bigint", "numeric"):
        return Decimal
    return datetime.fromisoformat if kind in ("timestamp", "timestamptz") else str


def is_email(text: str) -> bool:
    """Whether a text looks like one deliverable address."""
    return _EMAIL.fullmatch(text) is not None and len(text.partition("@")[0]) <= 64 and len(text) <= 254


def _plain_number(column: Column) -> Convert:
    """Take the declared thousands and decimal marks out of a number."""
    mark, point = column.thousands, column.decimal
    if mark is None and point is None:
        return str.strip
    grouped = re.compile(_GROUPED.format(re.escape(mark)) + r"(?![0-9])") if mark else None

    def plain(text: str) -> str:
        text = text.strip()
        whole, found_point, fraction = text.partition(point or ".")
        if mark is not None and mark in whole:
            if grouped is None or not grouped.fullmatch(whole):
                raise ValueError(f"{text!r} has its thousands marks in the wrong places")
            whole = whole.replace(mark, "")
        if point not in (None, ".") and "." in whole + fraction:
            raise ValueError(f"{text!r} has a point where the decimal mark is {point!r}")
        return whole + ("." + fraction if found_point else "")

    return plain


def _whole_number(column: Column) -> Convert:
    plain, limit = _plain_number(column), _LIMITS[column.type]

    def convert(text: str) -> str:
        number = plain(text)
        if not _INTEGER.fullmatch(number):
            raise ValueError(f"{text!r} is not a whole number")
        if len(number) > 9 and not -limit <= int(number) < limit:
            raise ValueError(f"{text!r} is too large for {column.type}")
        return number

    return convert


def _number(column: Column) -> Convert:
    plain = _plain_number(column)

    def convert(text: str) -> str:
        number = plain(text)
        if not _NUMERIC.fullmatch(number):
            raise ValueError(f"{text!r} is not a number")
        if column.scale is not None:
            _demand_digits(text, Decimal(number), column.scale, column.width - column.scale)
        return number

    return convert


def _demand_digits(text: str, number: Decimal, scale: int, before: int) -> None:
    """Raise ValueError when a number has more digits than there is room for; zeros at its end do not count."""
    if number.normalize().as_tuple().exponent < -scale:  # type: ignore[operator]  # it is no NaN
        raise ValueError(f"{text!r} has more than {scale} digits after the point")
    if number and number.adjusted() >= before:
        raise ValueError(f"{text!r} has more than {before} digits before the point")


def _boolean(text: str) -> str:
    word = text.strip().lower()
    if word in _TRUE:
        return "true"
    if word in _FALSE:
        return "false"
    raise ValueError(f"{text!r} is neither true nor false")


def _moment(column: Column, what: str, write: Callable[[datetime], str]) -> Convert:
    readers = [_reader(pattern) for pattern in column.formats] or [_read_iso(column.type)]
    expected = " or ".join(column.formats) or {"date": "yyyy-MM-dd", "time": "HH:mm:ss"}.get(
        column.type, "yyyy-MM-dd HH:mm:ss"
    )

    def convert(text: str) -> str:
        stripped = text.strip()
        for read in readers:
            try:
                return write(read(stripped))
            except ValueError:
                continue
        raise ValueError(f"{text!r} is not {what} of the form {expected}")

    return convert


_DIGITS = {"yyyy": "4", "MM": "1,2", "dd": "1,2", "HH": "1,2", "mm": "2", "ss": "2"}
_ORDER = ("yyyy", "MM", "dd", "HH", "mm", "ss")
_ABSENT = {"MM": 1, "dd": 1}


def _reader(pattern: str) -> Callable[[str], datetime]:
    """Read one date format; the usual fields by one expression, far quicker than strptime, which does the rest."""
    parts = re.findall(r"yyyy|MM|dd|HH|mm|ss|yy|SSS|.", pattern, re.DOTALL)
    usual = [part for part in parts if part in _DIGITS]
    if len(set(usual)) != len(usual) or any(part in ("yy", "SSS") for part in parts) or "yyyy" not in usual:
        wanted = strptime_format(pattern)
        return lambda text: datetime.strptime(text, wanted)  # noqa: DTZ007 - the type decides about the zone
    expression = "".join(f"([0-9]{{{_DIGITS[part]}}})" if part in _DIGITS else re.escape(part) for part in parts)
    found = re.compile(expression)
    groups = [usual.index(part) + 1 if part in usual else 0 for part in _ORDER]
    absent = [_ABSENT.get(part, 0) for part in _ORDER]

    def read(text: str) -> datetime:
        match = found.fullmatch(text)
        if match is None:
            raise ValueError(text)
        numbers = [int(match[group]) if group else value for group, value in zip(groups, absent, strict=True)]
        return datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - the type decides about the zone

    return read


def _read_iso(kind: str) -> Callable[[str], datetime]:
    def read(text: str) -> datetime:
        if kind == "time":
            return datetime.combine(date(2000, 1, 1), time.fromisoformat(text))
        if len(text) < 10 or text[4] != "-":  # fromisoformat also takes 20260105 and week dates
            raise ValueError(text)
        return datetime.fromisoformat(text)

    return read


def _as_date(moment: datetime) -> str:
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise ValueError("a time of day in a date")
    return moment.date().isoformat()


def _as_timestamp(moment: datetime) -> str:
    if moment.tzinfo is not None:
        raise ValueError("a time zone where none is declared")
    return moment.isoformat(" ")


def _as_timestamptz(moment: datetime, zone: ZoneInfo | None) -> str:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return moment.isoformat(" ")


def _array(separator: str) -> Convert:
    def convert(text: str) -> str:
        values = [value.strip() for value in text.split(separator)]
        quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values if value)
        return "{" + ",".join(quoted) + "}"

    return convert

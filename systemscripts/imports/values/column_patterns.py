"""Check and convert a whole column at once: one pattern for the usual form of its type.

One regular expression over the joined column is many times faster than a function called for each value. A pattern is
narrower than its type: a column that does not match is converted value by value. What a pattern cannot detect
(31 February) PostgreSQL refuses, and then the block is converted value by value too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from systemscripts.configuration.column_schema import Column
from systemscripts.dates import date_formats
from systemscripts.imports.values import number_spellings

# |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
_FIELDS = {
    "yyyy": "[1-9][0-9][0-9][0-9]",
    "MM": "(?:0[1-9]|1[0-2])",
    "dd": "(?:0[1-9]|[12][0-9]|3[01])",
    "HH": "(?:[01][0-9]|2[0-3])",
    "mm": "[0-5][0-9]",
    "ss": "[0-5][0-9]",
}
_DATE = "{yyyy}-{MM}-{dd}".format_map(_FIELDS)
# without 24:00 and :60, which PostgreSQL accepts
_TIME = "{HH}:{mm}(?::{ss}|(?!))?+".format_map(_FIELDS)
# numbers of so many digits never exceed their type (PostgreSQL manual, table 8.2)
SAFE_DIGITS = {"integer": 9, "bigint": 18}
_PLAIN = {
    "text": r"[^\n]*+",
    "integer": rf"[+-]?[0-9]{{1,{SAFE_DIGITS['integer']}}}+",
    "bigint": rf"[+-]?[0-9]{{1,{SAFE_DIGITS['bigint']}}}+",
    "numeric": r"[+-]?[0-9]++(?:\.[0-9]++|(?!))?+",
    "boolean": r"(?:true|false)",
    "date": _DATE,
    "time": _TIME,
    "timestamp": f"{_DATE}[ T]{_TIME}",
}
# of the words of a boolean, which only PostgreSQL itself reads
_SERVER_BOOLEAN = r"(?:true|false|TRUE|FALSE|True|False|[tTfFyYnN01]|[Yy]es|[Nn]o|YES|NO|[Oo]n|[Oo]ff|ON|OFF)"
_WORD = r"[A-Za-z0-9]++(?:[_+-][A-Za-z0-9]++|(?!))*+"
# at most 40 + 1 + 3 * 63 + 20 letters, which is less than an address may have
_LABEL = r"[A-Za-z0-9]{1,20}+(?:-[A-Za-z0-9]{1,20}+){0,2}"
_EMAIL = rf"(?=[^@\n]{{1,40}}@){_WORD}(?:\.{_WORD}|(?!))*+@(?:{_LABEL}\.){{1,3}}[A-Za-z]{{2,20}}"
# Formats of dates that the server reads if it knows whether the day or the month comes first.
_SERVER_DATES = {
    "DMY": re.compile(r"dd([./-])MM\1yyyy(?: HH:mm(?::ss)?)?"),
    "MDY": re.compile(r"MM([/-])dd\1yyyy(?: HH:mm(?::ss)?)?"),
}


@dataclass(frozen=True)
class ColumnPattern:
    """The pattern of a joined column, each value ended by a line break, and the conversion to PostgreSQL's spelling."""

    whole: re.Pattern[str]
    # converts one value
    rewrite: Callable[[str], str] | None = None
    # converts the whole joined column
    rewrite_column: Callable[[str], str] | None = None
    nulls: re.Pattern[str] | None = None

    def apply(self, values: Sequence[str]) -> list[str] | None:
        """Return the column as PostgreSQL reads it, "" for no value; None if a value has another form."""
        joined = "\n".join(values)
        if joined.count("\n") != len(values) - 1 or not self.whole.fullmatch(f"{joined}\n"):
            return None
        if self.nulls is not None:
            joined = self.nulls.sub("", joined)
        if self.rewrite_column is not None:
            joined = self.rewrite_column(joined)
        values = joined.split("\n")
        if self.rewrite is None:
            return values
        # each distinct value only once, because dates repeat
        written = {value: self.rewrite(value) if value else "" for value in set(values)}
        return list(map(written.__getitem__, values))


def build_pattern(column: Column, null: frozenset[str]) -> ColumnPattern | None:
    """Return the pattern of a declared column, None if it has none; `null`: the texts that mean no value."""
    if needs_each_value(column):
        return None
    value, rewrite, rewrite_column = None, None, None
    if column.has_number_spelling:
        spelling = number_spellings.build_spelling(column, _find_max_digits(column), is_usual=True)
        value, rewrite_column = f"(?:{spelling.expression})", spelling.convert
    else:
        value, rewrite = _build_value_pattern(column)
    # a mark such as 9999 is not a value where one is required
    if value is None or (column.required and any(re.fullmatch(value, mark) for mark in null)):
        return None
    empty = sorted(map(re.escape, null), key=len, reverse=True)
    optional = "" if column.required else "|".join(["", *empty])
    whole = re.compile(rf"(?:(?:{value}{optional})\n|(?!))*+", re.MULTILINE)
    marks, around = "|".join(filter(None, empty)), f"{number_spellings.BLANK}*"
    nulls = re.compile(rf"^{around}(?:{marks}){around}$", re.MULTILINE) if marks and not column.required else None
    return ColumnPattern(whole, rewrite, rewrite_column, nulls)


def _find_max_digits(column: Column) -> int | None:
    """Return how many digits before the decimal mark every number of the type may have, None if there is no limit."""
    if column.type == "numeric":
        return None if column.scale is None else column.max_digits - column.scale
    return SAFE_DIGITS[column.type]


def needs_each_value(column: Column) -> bool:
    """Return whether the values of a column are looked up, compared or converted one by one."""
    checks = column.checks
    if column.default is not None or column.values or checks.regex or checks.range or checks.one_of or checks.lookup:
        return True
    return bool(column.true_words or column.false_words or (checks.email and column.type != "text"))


def build_value_pattern(column: Column) -> str | None:
    """Return the pattern of the values that PostgreSQL reads unchanged as a declared type, None if there is none."""
    if column.type == "boolean":
        return _SERVER_BOOLEAN
    if column.has_number_spelling or (column.formats and not find_day_order(column)):
        return None
    return _build_value_pattern(column)[0]


def find_day_order(column: Column) -> str:
    """Return the order in which the server must read the dates of a column, DMY or MDY; "" if it is not one of them."""
    if len(column.formats) != 1 or column.type not in ("date", "timestamp"):
        return ""
    return next((order for order, form in _SERVER_DATES.items() if form.fullmatch(column.formats[0])), "")


def _build_value_pattern(column: Column) -> tuple[str | None, Callable[[str], str] | None]:
    if column.type == "text":
        if column.required and not column.checks.email:
            # the null markers decide which text is empty
            return None, None
        return (_EMAIL if column.checks.email else _PLAIN["text"]), None
    if column.scale is not None:
        fraction = rf"(?:\.[0-9]{{1,{column.scale}}}+|(?!))?+" if column.scale else ""
        return rf"[+-]?[0-9]{{1,{column.max_digits - column.scale}}}+{fraction}", None
    if not column.formats:
        return _PLAIN.get(column.type), None
    if len(column.formats) == 1 and column.type in ("date", "timestamp"):
        return _build_date_pattern(column.formats[0], column.type)
    return None, None


def _build_date_pattern(pattern: str, type_name: str) -> tuple[str | None, Callable[[str], str] | None]:
    """Return a date format of two-digit fields as a pattern, and the conversion of such a text to an ISO date."""
    parts = date_formats.split_format(pattern)
    used = [part for part in parts if part in date_formats.FIELDS]
    # a time of day in a date needs the check of each value: PostgreSQL would drop it
    if not {"yyyy", "MM", "dd"} <= set(used) <= set(_FIELDS) or (type_name == "date" and "HH" in used):
        return None, None
    texts = [part if part in _FIELDS else date_formats.unquote_literal(part) for part in parts]
    ends = list(accumulate(map(len, texts)))
    slices = {part: slice(end - len(part), end) for part, end in zip(parts, ends, strict=True) if part in _FIELDS}
    year, month, day = (slices[part] for part in ("yyyy", "MM", "dd"))
    clock = [slices.get(part) for part in ("HH", "mm", "ss")]

    def rewrite(text: str) -> str:
        date = f"{text[year]}-{text[month]}-{text[day]}"
        return (
            f"{date} {':'.join(text[part_slice] if part_slice else '00' for part_slice in clock)}"
            if any(clock)
            else date
        )

    expression = "".join(_FIELDS.get(part) or re.escape(date_formats.unquote_literal(part)) for part in parts)
    return expression, rewrite

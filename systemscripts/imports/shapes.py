"""A whole column at once: whether every value has the usual shape of its type, and its rewriting for PostgreSQL.

One regular expression over the joined column is many times quicker than a function called for each value. A shape is
narrower than what the type allows: a column that does not fit it is converted value by value. What a shape cannot see
(31 February) PostgreSQL refuses, and then the block is converted value by value too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from systemscripts.configuration.schema import Column

# |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
_PLAIN = {
    "text": r"[^\n]*+",
    "integer": r"[+-]?[0-9]{1,9}+",
    "bigint": r"[+-]?[0-9]{1,18}+",
    "numeric": r"[+-]?[0-9]++(?:\.[0-9]++|(?!))?+",
    "boolean": r"(?:true|false)",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "time": r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}|(?!))?+",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}|(?!))?+",
}
_WORD = r"[A-Za-z0-9]++(?:[_+-][A-Za-z0-9]++|(?!))*+"
_EMAIL = (
    rf"(?=[^@\n]{{1,64}}@)(?=[^\n]{{6,254}}$){_WORD}(?:\.{_WORD}|(?!))*+@(?:[A-Za-z0-9-]{{1,62}}\.)+[A-Za-z]{{2,20}}"
)
_FIELDS = {"yyyy": "[0-9]{4}"} | dict.fromkeys(("MM", "dd", "HH", "mm", "ss"), "[0-9]{2}")


@dataclass(frozen=True)
class Shape:
    """The test of a joined column, and how a value of that shape becomes PostgreSQL's spelling."""

    whole: re.Pattern[str]
    rewrite: Callable[[str], str] | None = None
    nulls: re.Pattern[str] | None = None

    def apply(self, values: Sequence[str]) -> list[str] | None:
        """The column as PostgreSQL reads it, empty for no value; None when some value has another shape."""
        joined = "\n".join(values)
        if joined.count("\n") != len(values) - 1 or not self.whole.fullmatch(joined):
            return None
        if self.nulls is not None:
            joined = self.nulls.sub("", joined)
        values = joined.split("\n")
        if self.rewrite is None:
            return values
        written = {value: self.rewrite(value) if value else "" for value in set(values)}  # dates repeat
        return list(map(written.__getitem__, values))


def shape(column: Column, null: frozenset[str]) -> Shape | None:
    """The shape of a declared column, None where it has none; `null`: the texts that mean no value."""
    checks = column.checks
    if column.default is not None or column.values or checks.regex or checks.range or checks.one_of or checks.lookup:
        return None
    if column.decimal or column.thousands or (checks.email and column.type != "text"):
        return None
    value, rewrite = _value(column)
    if value is None:
        return None
    empty = sorted(map(re.escape, null), key=len, reverse=True)
    optional = "" if column.required else "|".join(["", *empty])
    whole = re.compile(rf"(?:(?:{value}{optional})(?:\n|\Z)|(?!))*+", re.MULTILINE)
    marks = [mark for mark in empty if mark]
    nulls = re.compile(rf"^(?:{'|'.join(marks)})$", re.MULTILINE) if marks and not column.required else None
    return Shape(whole, rewrite, nulls)


def _value(column: Column) -> tuple[str | None, Callable[[str], str] | None]:
    if column.type == "text":
        if column.required and not column.checks.email:
            return None, None  # which text is empty depends on the null markers
        return (_EMAIL if column.checks.email else _PLAIN["text"]), None
    if column.scale is not None:
        fraction = rf"(?:\.[0-9]{{1,{column.scale}}}+|(?!))?+" if column.scale else ""
        return rf"[+-]?[0-9]{{1,{column.width - column.scale}}}+{fraction}", None
    if not column.formats:
        return _PLAIN.get(column.type), None
    if len(column.formats) == 1 and column.type in ("date", "timestamp"):
        return _dated(column.formats[0])
    return None, None


def _dated(pattern: str) -> tuple[str | None, Callable[[str], str] | None]:
    """A date format of two-digit fields as an expression, and how a text of that form becomes an ISO date."""
    parts = re.findall(r"yyyy|MM|dd|HH|mm|ss|yy|SSS|.", pattern, re.DOTALL)
    used = [part for part in parts if part in _FIELDS]
    if "yy" in parts or "SSS" in parts or len(set(used)) != len(used) or not {"yyyy", "MM", "dd"} <= set(used):
        return None, None
    ends = list(accumulate(map(len, parts)))
    places = {part: slice(end - len(part), end) for part, end in zip(parts, ends, strict=True)}
    year, month, day = (places[part] for part in ("yyyy", "MM", "dd"))
    clock = [places.get(part) for part in ("HH", "mm", "ss")]

    def rewrite(text: str) -> str:
        date = f"{text[year]}-{text[month]}-{text[day]}"
        return f"{date} {':'.join(text[place] if place else '00' for place in clock)}" if any(clock) else date

    return "".join(_FIELDS.get(part, re.escape(part)) for part in parts), rewrite

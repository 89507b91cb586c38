"""The spellings of numbers that a column declares: one expression that they match, and their exact conversion.

A column is tested and converted by the same expression and the same replacements as a single value, so both ways give
the same result. Digits are never computed with: only marks, units and signs are replaced.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from systemscripts.configuration.column_schema import Column

# a tab, and all that Unicode calls a space (category Zs)
BLANK = r"[\t \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]"
_BLANKS = f"{BLANK}*"
_SIGN = "[+\u2212-]"
_EXPONENT = f"(?:[eE]{_SIGN}?[0-9]{{1,4}})?"
_WHOLE = re.compile("[+-]?[0-9]+")
_UNCHANGED = {"integer": _WHOLE, "bigint": _WHOLE, "numeric": re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")}
_SIGN_AFTER = re.compile(r"^(.+)([+-])$", re.MULTILINE)
_DIGITS = re.compile(r"^([+-]?)([0-9]+)$", re.MULTILINE)
_ANY_BLANK = re.compile(BLANK)


@dataclass(frozen=True)
class NumberSpelling:
    """The expression of one value, blanks around it included, and its conversion."""

    expression: str
    decimal: str
    # each character that may separate thousands; a blank stands for every blank
    thousands: str
    unit: re.Pattern[str] | None
    negative: tuple[str, ...]
    # what PostgreSQL reads unchanged, where nothing else is declared
    unchanged: re.Pattern[str] | None
    # how many of the last digits are decimals
    implied_decimals: int = 0

    def read(self, text: str, name: str) -> str:
        """Return a value as PostgreSQL writes numbers; raise ValueError if it is not `name`, such as a number."""
        stripped = text.strip()
        if self.unchanged is not None and self.unchanged.fullmatch(stripped):
            return stripped
        if not self.one.fullmatch(stripped):
            raise ValueError(self._explain_misfit(text, name))
        return self.convert(stripped)

    def convert(self, text: str) -> str:
        """Return a text that matches as PostgreSQL writes numbers; also several at once, each on a line of its own."""
        if self.unit is not None:
            text = self.unit.sub("", text)
        text = text.replace(" ", "") if text.isascii() else _ANY_BLANK.sub("", text.replace("\u2212", "-"))
        text = text.replace("\t", "")
        for mark in self.thousands.strip():
            text = text.replace(mark, "")
        if self.decimal != ".":
            text = text.replace(self.decimal, ".")
        if "brackets" in self.negative:
            # the unit before them is gone
            text = text.replace("(", "-").replace(")", "")
        text = _SIGN_AFTER.sub(r"\2\1", text) if "after" in self.negative else text
        return _DIGITS.sub(self._insert_point, text) if self.implied_decimals else text

    def _insert_point(self, match: re.Match[str]) -> str:
        digits = match[2].zfill(self.implied_decimals + 1)
        return f"{match[1]}{digits[: -self.implied_decimals]}.{digits[-self.implied_decimals :]}"

    @functools.cached_property
    def one(self) -> re.Pattern[str]:
        """Return the expression, compiled."""
        return re.compile(self.expression)

    def _explain_misfit(self, text: str, name: str) -> str:
        ungrouped = re.sub(_build_mark(self.thousands), "", text) if self.thousands else text
        if ungrouped != text and self.one.fullmatch(ungrouped):
            return f"{text!r} has its thousands marks in the wrong places"
        if self.implied_decimals and "." in text:
            return f"{text!r} has a point, although its last {self.implied_decimals} digits are declared as decimals"
        if self.decimal != "." and self.one.fullmatch(text.replace(".", self.decimal)):
            return f"{text!r} has a point where the decimal mark is {self.decimal!r}"
        return f"{text!r} is not {name}"


def build_spelling(column: Column, max_digits: int | None = None, is_usual: bool = False) -> NumberSpelling:
    """Return the spelling of the numbers of a column.

    `max_digits`: before the decimal mark. `is_usual`: without exponents, and at most as many decimals as the scale.
    """
    decimal = find_decimal_mark(column)
    thousands = _list_thousands_marks(column)
    number = _build_number(column, decimal, thousands, max_digits, is_usual)
    unit = _build_unit(column)
    expression = rf"{_BLANKS}(?:{_build_expression(number, column, unit)}){_BLANKS}"
    unchanged = None if column.has_number_spelling else _UNCHANGED[column.type]
    return NumberSpelling(
        expression, decimal, thousands, re.compile(unit) if unit else None, tuple(column.negative), unchanged,
        column.implied_decimals,
    )  # fmt: skip


def find_decimal_mark(column: Column) -> str:
    """Return the decimal mark of a column, declared or not."""
    return column.decimal or ("," if column.thousands == "." else ".")


def _list_thousands_marks(column: Column) -> str:
    """Return the characters that a declared thousands mark stands for; a blank stands for every blank."""
    if column.thousands is None or column.thousands.isspace():
        return column.thousands or ""
    return "'\u2019" if column.thousands in "'\u2019" else column.thousands


def _build_mark(thousands: str) -> str:
    return BLANK if thousands.isspace() else f"[{re.escape(thousands)}]"


def _build_number(column: Column, decimal: str, thousands: str, max_digits: int | None, is_usual: bool) -> str:
    """Return the expression of a number without sign and unit."""
    whole = f"[0-9]{{1,{max_digits + column.implied_decimals}}}" if max_digits else "[0-9]+"
    if column.implied_decimals:
        return whole
    if thousands:
        mark = _build_mark(thousands)
        groups, pairs = ("+", "+") if max_digits is None else _limit_groups(max_digits)
        forms = [f"[0-9]{{1,3}}(?:{mark}[0-9]{{3}}){groups}"]
        if thousands == ",":
            # as in India, which writes commas: 12,34,567
            forms.append(f"[0-9]{{1,2}}(?:,[0-9]{{2}}){pairs},[0-9]{{3}}")
        whole = f"(?:{'|'.join([*forms, whole])})"
    if column.type != "numeric":
        return whole
    point = re.escape(decimal)
    # where a sign may come after, 12,- is not a number but in some countries a price without cents
    shortest = 1 if is_usual or "after" in column.negative else 0
    longest = column.scale if is_usual and column.scale is not None else ""
    if longest == 0:
        return whole
    fraction = f"(?:{point}[0-9]{{{shortest},{longest}}})?"
    return f"(?:{whole}{fraction}|{point}[0-9]{{1,{longest}}}){'' if is_usual else _EXPONENT}"


def _limit_groups(max_digits: int) -> tuple[str, str]:
    """Return how often groups of three and of two digits may repeat without exceeding a number of digits."""
    return f"{{1,{max(1, max_digits // 3 - 1)}}}", f"{{1,{max(1, (max_digits - 5) // 2)}}}"


def _build_unit(column: Column) -> str:
    """Return the expression of the declared units, "" where none are; longer ones first."""
    if column.percent:
        return "%"
    return "|".join(map(_build_currency, sorted(column.currency, key=len, reverse=True)))


def _build_currency(text: str) -> str:
    # Rs.500 with a declared Rs would be half a rupee
    guard = r"(?![.,])" if text[-1].isalpha() else ""
    return f"(?i:{BLANK.join(map(re.escape, text.split()))}){guard}"


def _build_expression(number: str, column: Column, unit: str) -> str:
    """Return the expression of a number with its sign and unit, each at most once and in its declared places."""
    signed = f"{_SIGN}{_BLANKS}"
    if not unit:
        forms = [number, f"{signed}{number}"]
        amount = number
    else:
        before, after = f"(?:{unit}){_BLANKS}", f"{_BLANKS}(?:{unit})"
        amount = f"(?:{_build_amount(number, column, unit)})"
        forms = [amount, f"{signed}{amount}", f"{before}{signed}{number}"]
    if "after" in column.negative:
        forms[0] = f"{amount}(?:{_BLANKS}{_SIGN})?"
        if unit:
            forms.append(f"{number}{_BLANKS}{_SIGN}{after}")
    if "brackets" in column.negative:
        forms.append(rf"\({_BLANKS}{amount}{_BLANKS}\)")
        if unit:
            bracketed = rf"\({_BLANKS}{number}{_BLANKS}\)"
            forms += [f"{before}{bracketed}", f"{bracketed}{after}"]
    return "|".join(forms)


def _build_amount(number: str, column: Column, unit: str) -> str:
    """Return the expression of a number with its unit before or after, or both: $5 USD."""
    forms = [f"{number}(?:{_BLANKS}(?:{unit}))?", f"(?:{unit}){_BLANKS}{number}"]
    codes = [_build_currency(text) for text in column.currency if any(map(str.isalpha, text))]
    signs = [_build_currency(text) for text in column.currency if not any(map(str.isalpha, text))]
    if codes and signs:
        forms.insert(1, f"(?:{'|'.join(signs)}){_BLANKS}{number}{_BLANKS}(?:{'|'.join(codes)})")
    return "|".join(forms)

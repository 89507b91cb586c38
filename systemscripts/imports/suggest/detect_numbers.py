"""Numbers as people write them: marks, blanks, signs, brackets, currencies, percent.

The first values of a column show which affixes it has; every pair of marks that they allow is a spelling of its own,
from the narrowest (whole numbers) to the widest. Two of them read 1.234: what decides is the rest of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from systemscripts.imports.suggest.currencies import are_different, is_currency
from systemscripts.imports.suggest.value_spellings import BLANK, Spelling

# a number with what stands before and after it; blanks and apostrophes are marks only between digits
_PARTS = re.compile(
    rf"(?P<before>[^0-9]*?)(?P<number>[.,]?[0-9](?:(?:[.,'\u2019]|{BLANK}+)?[0-9])*[.,]?)"
    r"(?P<exponent>[eE][+-]?[0-9]{1,3})?(?P<after>[^0-9]*)"
)
_SIGN = "[+\u2212-]"
_BLANKS = f"{BLANK}*+"
_SIGNS = re.compile(rf"{BLANK}|{_SIGN}|[%()]")
# mark between thousands, mark before decimals
_MARKS = ((None, "."), (None, ","), (",", "."), (".", ","), (" ", ","), (" ", "."), ("'", "."), ("'", ","))
_MARK_PATTERNS = {" ": BLANK, "'": "['\u2019]", ".": r"\.", ",": ","}
_MARK_NAMES = {" ": "blank", "'": "apostrophe", ".": "point", ",": "comma"}
# so many values tell whether a column may have numbers at all: most columns are text
_QUICK_LOOK = 40
# whole numbers with this many digits fit the type, whatever their value; longer ones are codes
_MAX_DIGITS = {"integer": 9, "bigint": 18, "whole": 18, "numeric": 18}
# types that read fewer values come first
_TYPES = ("integer", "bigint", "whole", "numeric")


@dataclass(frozen=True)
class _Style:
    """How numbers of a column are written; `type` whole: a numeric without decimals."""

    type: str = "numeric"
    thousands: str | None = None
    decimal: str = "."
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    # one unit before and another after the same number: $5 USD
    is_on_both_sides: bool = False
    percent: bool = False
    negative: tuple[str, ...] = ()
    exponent: bool = False

    def includes(self, other: _Style) -> bool:
        """Return whether this style reads every value of another one, as the same number."""
        if _TYPES.index(self.type) < _TYPES.index(other.type) or other.thousands not in (None, self.thousands):
            return False
        return other.type != "numeric" or self.decimal == other.decimal

    def build_pattern(self) -> str:
        """Return the pattern of one value."""
        number, sign = self._build_number_pattern(), f"(?:{_SIGN}{_BLANKS})?"
        # Rs.500 has the unit Rs. and not a number .500
        has_letters = any(unit[-1].isalpha() for unit in self.before)
        headed = self._build_number_pattern(is_digit_first=True) if has_letters else number
        before, after = (_build_unit_pattern(units) for units in (self.before, self.after))
        head, tail = f"{before}{_BLANKS}" if before else "", f"{_BLANKS}{after}" if after else ""
        forms = [f"{sign}{number}(?:{tail})?" if tail else f"{sign}{number}"]
        if head:
            forms.append(f"(?:{_SIGN}{_BLANKS}{head}|{head}{sign}){headed}")
        if head and tail and self.is_on_both_sides:
            forms.append(f"{sign}{head}{headed}{tail}")
        if "after" in self.negative:
            forms.append(f"{number}{_BLANKS}{_SIGN}")
            forms += [f"{head}{headed}{_BLANKS}{_SIGN}"] if head else []
            forms += [f"{number}(?:{tail}{_BLANKS}{_SIGN}|{_BLANKS}{_SIGN}{tail})"] if tail else []
        if "brackets" in self.negative:
            forms.append(rf"\({number}\)")
            forms += [rf"\({head}{headed}\)", rf"{head}\({number}\)"] if head else []
            forms += [rf"\({number}{tail}\)", rf"\({number}\){tail}"] if tail else []
        return "|".join(forms)

    def _build_number_pattern(self, is_digit_first: bool = False) -> str:
        digits, decimal = _MAX_DIGITS[self.type], _MARK_PATTERNS[self.decimal]
        number = f"0|[1-9][0-9]{{0,{digits - 1}}}+"
        if self.thousands:
            mark = _MARK_PATTERNS[self.thousands]
            number = f"[1-9][0-9]{{0,2}}+(?:{mark}[0-9]{{3}}){{1,{digits // 3 - 1}}}+|{number}"
            if self.thousands == "," and self.decimal == ".":
                # of India: 12,34,567
                number = f"[1-9][0-9]?(?:,[0-9]{{2}}){{1,{digits // 2 - 2}}},[0-9]{{3}}|{number}"
        number = f"(?:{number})"
        if self.type == "numeric":
            # between a mark and a sign stand digits: 12.- is another spelling
            least = "+" if "after" in self.negative else "*"
            number = f"{number}(?:{decimal}[0-9]{least}+)?"
            number = number if is_digit_first else f"(?:{number}|{decimal}[0-9]++)"
        if self.exponent:
            number += "(?:[eE][+-]?[0-9]{1,3}+)?"
        return f"(?:%{_BLANKS}{number}|{number}(?:{_BLANKS}%)?)" if self.percent else number

    def build_declaration(self) -> dict[str, object]:
        """Return the declaration of a column in this style."""
        declared: dict[str, object] = {"type": "numeric" if self.type == "whole" else self.type}
        if self.type == "numeric" and self.decimal == ",":
            declared["decimal"] = ","
        if self.thousands:
            declared["thousands"] = self.thousands
        if units := list(dict.fromkeys(self.before + self.after)):
            declared["currency"] = units[0] if len(units) == 1 else units
        if self.percent:
            declared["percent"] = True
        if self.negative:
            declared["negative"] = self.negative[0] if len(self.negative) == 1 else list(self.negative)
        return declared

    def describe(self) -> str:
        """Return the style in words, as reasons name it."""
        parts = []
        if self.type == "numeric" and self.decimal == ",":
            parts.append("a comma before the decimals")
        if self.thousands:
            parts.append(f"{_MARK_NAMES[self.thousands]} between thousands")
        if units := dict.fromkeys(self.before + self.after):
            parts.append(" or ".join(units))
        parts += ["percent"] * self.percent
        parts += [{"brackets": "negative in brackets", "after": "sign after the number"}[way] for way in self.negative]
        name = self.build_declaration()["type"]
        if self.type == "whole":
            parts.append("no decimals")
        return f"{name}: {', '.join(parts)}" if parts else f"{name}"


def _build_unit_pattern(units: tuple[str, ...]) -> str:
    return f"(?i:{'|'.join(map(re.escape, sorted(units, key=len, reverse=True)))})" if units else ""


@dataclass
class _Affixes:
    """What stands around the numbers of a sample."""

    before: Counter[str]
    after: Counter[str]
    both_sides: int = 0
    percent: int = 0
    brackets: int = 0
    signs_after: int = 0
    exponents: int = 0
    # numbers with an exponent and a mark: without any, 12E4 is a code
    exact_exponents: int = 0
    marks: str = ""
    numbers: int = 0


def list_spellings(sample: Sequence[str]) -> list[Spelling]:
    """Return the spellings in which the values of a column may be numbers, narrow ones first."""
    few = sample[:: max(1, len(sample) // _QUICK_LOOK)]
    if 4 * _collect_affixes(few).numbers < len(few):
        return []
    seen = _collect_affixes(sample)
    if 2 * seen.numbers <= len(sample):
        return []
    negative = ("brackets",) * bool(seen.brackets) + ("after",) * bool(seen.signs_after)
    units = {*seen.before, *seen.after}
    general = _Style(
        before=tuple(seen.before), after=tuple(seen.after), percent=seen.percent > 0 and not units,
        is_on_both_sides=seen.both_sides > 0, negative=negative,
        exponent=seen.exact_exponents > 0,
    )  # fmt: skip
    has_unit = bool(units) or general.percent
    styles = []
    for thousands, decimal in _MARKS:
        if thousands is None or _is_mark_seen(thousands, seen.marks):
            types = [*(("whole",) if has_unit else ("integer", "bigint")), "numeric"]
            styles += [
                replace(general, type=name, thousands=thousands, decimal=decimal)
                for name in types
                if name == "numeric" or decimal == _find_other_mark(thousands)
            ]
    styles.sort(key=lambda style: (_TYPES.index(style.type), style.thousands is not None))
    return [_build_spelling(style, styles, are_different(units)) for style in styles]


def _find_other_mark(thousands: str | None) -> str:
    return "," if thousands == "." else "."


def _is_mark_seen(mark: str, marks: str) -> bool:
    return re.search(_MARK_PATTERNS[mark], marks) is not None


def _build_spelling(style: _Style, styles: list[_Style], has_several_currencies: bool) -> Spelling:
    wider = frozenset(other.describe() for other in styles if other != style and other.includes(style))
    declared, note = style.build_declaration(), ""
    if has_several_currencies:
        declared, note = {"type": "text"}, "several currencies in one column, which a number would lose"
    decimal = style.decimal if style.type == "numeric" else _find_other_mark(style.thousands) if style.thousands else ""
    is_known = style.thousands in (",", ".") or style.type == "numeric"
    return Spelling(style.describe(), style.build_pattern(), declared, note, wider, decimal=decimal if is_known else "")


def _collect_affixes(sample: Sequence[str]) -> _Affixes:
    seen, marks = _Affixes(Counter(), Counter()), set[str]()
    for value in sample:
        match = _PARTS.fullmatch(value)
        if match is None:
            continue
        before, after, number = match["before"], match["after"], match["number"]
        if number[0] in ".," and before and before[-1].isalpha():
            # Rs.500
            before, number = before + number[0], number[1:]
        head, tail = (_strip_signs(text) for text in (before, after))
        if (head and not is_currency(head)) or (tail and not is_currency(tail)):
            continue
        seen.numbers += 1
        marks |= set(number) - set("0123456789")
        seen.before[head] += 1
        seen.after[tail] += 1
        seen.both_sides += bool(head and tail)
        seen.percent += "%" in before + after
        seen.brackets += before.count("(") == after.count(")") == 1
        seen.signs_after += re.search(_SIGN, after) is not None
        seen.exponents += match["exponent"] is not None
        seen.exact_exponents += match["exponent"] is not None and not number.isdecimal()
    del seen.before[""], seen.after[""]
    seen.marks = "".join(marks)
    return seen


def _strip_signs(text: str) -> str:
    return _SIGNS.sub("", text) if text else ""

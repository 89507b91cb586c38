"""Codes: values that look like numbers but are none, stamps, and what texts are that have check digits or one form."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Sequence

from systemscripts.imports.suggest.header_words import is_code, is_moment, is_number
from systemscripts.imports.suggest.value_spellings import BLANK, Spelling

# numbers of one width are codes from this width on: a year has 4 digits, amounts and counters vary
_MIN_CODE_DIGITS = 8
# numbers with more digits fit no type of whole numbers
MAX_NUMBER_DIGITS = 18
# seconds and milliseconds since 1970, of 2001 to 2033
_STAMPS = {"seconds": "1[0-9]{9}", "milliseconds": "1[0-9]{12}"}
# days since 1900 as Excel counts them, of 1982 to 2064
_SERIAL = r"[345][0-9]{4}(?:\.[0-9]++)?"
_EAN_WIDTHS = (8, 12, 13, 14)
# a form is named if this share of the first values has it: the others may be dirt
_MIN_SHARE = 0.95
# of codes one in a hundred ends with two zeros
_ROUND_SHARE = 0.5
# so many values tell that a form is out of the question
_QUICK_LOOK = 20
_PHONE = rf"(?:\+|\(?0|\([2-9])(?:[-/.()]|{BLANK}|[0-9]){{6,24}}"
_TICKER = "[A-Z]{1,5}(?:[.-][A-Z]{1,2})?"
_BLANK = re.compile(BLANK)
_CHECKED = ("iban", "isin", "lei", "ean")


def list_spellings(sample: Sequence[str], header: str) -> list[Spelling]:
    """Return what the digits of a column are besides a number; codes stay text, stamps are numbers with a comment."""
    texts = [_BLANK.sub("", value) for value in sample]
    if _measure_share(texts, _matches(r"\+[0-9]{7,15}")) >= _MIN_SHARE:
        return [_build_text("phone numbers", rf"\+(?:{BLANK}*[0-9]){{7,15}}")]
    if is_moment(header) and (stamps := _list_stamps(sample)):
        return stamps
    digits = [text for text in texts if text.isascii() and text.isdecimal()]
    if any((text[0] == "0" and len(text) > 1) or len(text) > MAX_NUMBER_DIGITS for text in digits):
        longest = max(map(len, digits))
        name = "codes with leading zeros" if longest <= MAX_NUMBER_DIGITS else f"up to {longest} digits"
        return [_build_text(name, rf"[0-9](?:{BLANK}*[0-9])*")]
    if len(digits) < _MIN_SHARE * len(texts):
        return []
    if is_code(header):
        return [_build_text("codes by its name", rf"[0-9](?:{BLANK}*[0-9])*")]
    ((width, count),) = Counter(map(len, texts)).most_common(1)
    if count < len(texts) * _MIN_SHARE:
        return []
    pattern = rf"[0-9](?:{BLANK}*[0-9]){{{width - 1}}}"
    if width in _EAN_WIDTHS and _measure_share(texts, _load_check("ean")) >= _MIN_SHARE:
        return [_build_text("EAN with check digit", pattern)]
    if width >= _MIN_CODE_DIGITS and not is_number(header) and not _are_round(texts):
        units = [unit for unit, form in _STAMPS.items() if _measure_share(texts, _matches(form)) >= _MIN_SHARE]
        names = [f"codes of {width} digits each", *(f"or {unit} since 1970 (epoch)" for unit in units)]
        return [_build_text(" ".join(names), pattern)]
    return []


def describe_text(sample: Sequence[str]) -> str:
    """Return what the first values of a text column are, as far as their form or check digits tell; else ""."""
    for name in _CHECKED:
        if _measure_share(sample, _load_check(name)) >= _MIN_SHARE:
            return f"{name.upper()} with check digits"
    if _measure_share(sample, _matches(_PHONE)) >= _MIN_SHARE:
        return "phone numbers or the like"
    if len({*sample}) > 1 and _measure_share(sample, _matches(_TICKER)) >= _MIN_SHARE:
        return "short codes of capitals"
    return ""


def _list_stamps(sample: Sequence[str]) -> list[Spelling]:
    for unit, pattern in _STAMPS.items():
        if _measure_share(sample, _matches(pattern)) >= _MIN_SHARE:
            note = f"{unit} since 1970 (epoch) by its name and size; a timestamp needs a transform or a view"
            return [Spelling(f"bigint: {unit}", pattern, {"type": "bigint"}, note, goes_first=True)]
    if _measure_share(sample, _matches(_SERIAL)) >= _MIN_SHARE:
        has_time = any("." in value for value in sample)
        name = "numeric: days" if has_time else "integer: days"
        note = "Excel's count of days since 1900 by its name and size (46000 is 2025-12-09); send dates as text instead"
        return [Spelling(name, _SERIAL, {"type": name.partition(":")[0]}, note, goes_first=True)]
    return []


def _build_text(name: str, pattern: str) -> Spelling:
    return Spelling(name, pattern, {"type": "text"})


def _are_round(texts: Sequence[str]) -> bool:
    """Return whether half of the numbers end with zeros, as amounts and estimates do."""
    return _measure_share(texts, lambda text: text.endswith("00")) >= _ROUND_SHARE


def _measure_share(sample: Sequence[str], test: Callable[[str], bool]) -> float:
    """Return how many values pass a test; 0 where few of the first do, which is quick to tell."""
    first = sample[:_QUICK_LOOK]
    if 2 * sum(map(test, first)) < len(first):
        return 0
    return sum(map(test, sample)) / len(sample)


def _matches(pattern: str) -> Callable[[str], bool]:
    expression = re.compile(pattern)
    return lambda text: expression.fullmatch(text) is not None


def _load_check(name: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = importlib.import_module(f"stdnum.{name}").is_valid
    return check

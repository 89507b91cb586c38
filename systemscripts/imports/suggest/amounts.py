"""Read amounts in any spelling, to see whether they add up. What they are declared as is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

_CURRENCY = r"(?:[A-Z]{3}|[A-Z]{1,2}\$|kr\.?|Rs\.?|zł|[^\w\s.,()+'\u2019-]{1,2})"
_SIGN = r"(?:[-+\u2212(]\s*)?"
_AMOUNT = re.compile(
    rf"{_SIGN}(?:{_CURRENCY}\s*)?{_SIGN}(?P<digits>\d[\d.,'\u2019\s]*|[.,]\d+)[)-]?\s*(?:{_CURRENCY}|%)?\s*[)-]?"
)
# grouped by three, or the last two groups of Indian numbers
_GROUPED = {mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{2,3}})*") for mark in ",."}


def read_amounts(values: Sequence[str]) -> list[Decimal | None] | None:
    """Return the amounts of a column, None for what is empty or another text; None if most of them are not amounts.

    The column decides which of point and comma is the decimal mark: the reading that fits more of its values.
    """
    readings = [[_read_amount(value, mark) for value in values] for mark in ".,"]
    best = max(readings, key=lambda reading: len(reading) - reading.count(None))
    filled = sum(1 for value in values if value.strip())
    amounts = len(best) - best.count(None)
    return best if amounts and amounts >= filled / 2 else None


def _read_amount(value: str, decimal_mark: str) -> Decimal | None:
    match = _AMOUNT.fullmatch(value.strip())
    if match is None:
        return None
    other = "," if decimal_mark == "." else "."
    whole, _, fraction = re.sub(r"['\u2019\s]", "", match["digits"]).partition(decimal_mark)
    if not (fraction.isdigit() or not fraction) or (
        whole and not _GROUPED[other].fullmatch(whole) and not whole.isdigit()
    ):
        return None
    amount = Decimal(f"{whole.replace(other, '') or '0'}.{fraction or '0'}")
    is_negative = re.search(r"[-\u2212(]", value)
    return -amount if is_negative else amount

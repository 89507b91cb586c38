"""How a whole file writes numbers and dates: what decides where one column could be read in two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from systemscripts.imports.suggest.value_spellings import Spelling

_MARK_NAMES = {",": "commas", ".": "points"}


@dataclass(frozen=True)
class FileStyle:
    """What the columns of a file have in common; `decimal`: "" where that is not known."""

    decimal: str = ""
    # why that is the mark before decimals
    reason: str = ""
    # only the mark between fields tells it, no number
    is_guess: bool = False
    # orders of day and month, each with a column in which it is certain and whether that has points between them
    orders: tuple[tuple[str, str, bool], ...] = ()

    def choose(self, readings: list[Spelling]) -> tuple[list[Spelling], str]:
        """Return the readings of a column that agree with the rest of the file, the likely one first, and why."""
        if len(readings) < 2:
            return readings, ""
        agreeing = [one for one in readings if one.decimal and one.decimal == self.decimal]
        if agreeing and self.is_guess and not any(one.declared.get("thousands") == "." for one in agreeing):
            # 1,234 in a file with ; is likely a decimal, but some programs write ; beside 1,234.00
            return agreeing + [one for one in readings if one not in agreeing], self.reason
        if agreeing:
            return agreeing, self.reason
        for order, column, has_points in self.orders:
            if like := [one for one in readings if _find_order(one) == order]:
                others = [one for one in readings if one not in like]
                is_certain = order == "dMy" and has_points and all(map(_has_points, readings))
                return (like if is_certain else like + others), f"{column} has {order}"
        if self.decimal == "," and all(map(_has_points, readings)):
            day_first = [one for one in readings if _find_order(one) == "dMy"]
            return day_first or readings, f"day before month, as {self.reason}"
        return readings, ""

    def complete(self, spelling: Spelling) -> dict[str, object]:
        """Return the declaration with the decimal mark of the file where the column itself has no decimals yet."""
        declared = dict(spelling.declared)
        if declared["type"] == "numeric" and not spelling.decimal and self.decimal == ",":
            declared["decimal"] = ","
        return declared


def find_style(columns: Sequence[str], readings: Sequence[list[Spelling]], delimiter: str) -> FileStyle:
    """Return what the columns that can be read in one way only tell; `readings`: those of each column."""
    certain = [
        (column, readings_of_column[0])
        for column, readings_of_column in zip(columns, readings, strict=True)
        if len(readings_of_column) == 1
    ]
    orders = tuple((order, column, _has_points(one)) for column, one in certain if (order := _find_order(one)))
    columns_by_mark: dict[str, str] = {}
    for column, one in certain:
        if one.decimal:
            columns_by_mark.setdefault(one.decimal, column)
    if len(columns_by_mark) == 1:
        ((mark, column),) = columns_by_mark.items()
        return FileStyle(mark, f"{column} has decimal {_MARK_NAMES[mark]}", orders=orders)
    if not columns_by_mark and delimiter == ";":
        return FileStyle(",", "files with ; between fields have decimal commas", is_guess=True, orders=orders)
    return FileStyle(orders=orders)


def _has_points(spelling: Spelling) -> bool:
    """Return whether a date has points between day, month and year, as in countries with decimal commas."""
    return str(spelling.declared.get("formats", "")).count(".") > 1


def _find_order(spelling: Spelling) -> str:
    """Return the order of day, month and year in a date of digits, such as dMy, else ""."""
    formats = spelling.declared.get("formats", "")
    text = formats[0] if isinstance(formats, list) else str(formats)
    letters = "".join(dict.fromkeys(char for char in text.partition("H")[0] if char in "dMy"))
    return "" if "MMM" in text or len(letters) < 3 else letters

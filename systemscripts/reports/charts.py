"""Tables and small charts for mails: numbers for the templates, which draw them with what mail clients show.

Many mail clients drop inline SVG (caniemail.com, "Inline SVG"), none drops a table with coloured cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
WIDEST = 24  # blocks of the longest bar in a text
SAME_FROM = 3  # rows; in fewer a column of one value is no noise


@dataclass(frozen=True)
class Bar:
    """One bar: `percent` of the longest one."""

    label: str
    value: float
    percent: int
    shown: str

    @property
    def blocks(self) -> str:
        """The bar in a text."""
        return "\u2588" * max(round(self.percent * WIDEST / 100), 1 if self.value else 0)


def cell(value: Any) -> str:
    """A value for people: numbers with separators, times to the minute, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float | Decimal):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else " ".join(str(value).split())


def varying(rows: list[Row]) -> list[str]:
    """The columns worth a place in a table: those in which not every row says the same."""
    left_out = constant(rows)
    return [name for name in (rows[0] if rows else {}) if name not in left_out]


def constant(rows: list[Row]) -> Row:
    """The columns in which every row says the same, with what it says; the first column always stays."""
    if len(rows) < SAME_FROM:
        return {}
    names = list(rows[0])[1:]
    return {name: rows[0][name] for name in names if all(row[name] == rows[0][name] for row in rows)}


def bars(rows: list[Row], label: str, value: str) -> list[Bar]:
    """A bar for each row, from two of its columns."""
    values = [float(row[value] or 0) for row in rows]
    most = max(values, default=0.0)
    return [
        Bar(cell(row[label]), number, round(100 * number / most) if most else 0, cell(row[value] or 0))
        for row, number in zip(rows, values, strict=True)
    ]


def text_table(rows: list[Row]) -> str:
    """A table for a plain-text mail, numbers to the right."""
    names = varying(rows)
    lines = [names, *([cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
    right = [all(isinstance(row[name], int | float | Decimal | None) for row in rows) for name in names]
    return "\n".join(
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )

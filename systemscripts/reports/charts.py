"""Tables and small charts for mails: numbers that the templates draw with what mail clients support.

Many mail clients drop inline SVG (caniemail.com, "Inline SVG"), but none drops a table with coloured cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
# Blocks of the longest bar in a plain-text mail.
MAX_BAR_BLOCKS = 24
# In fewer rows, a column with only one value is not noise.
MIN_ROWS_TO_DROP_CONSTANTS = 3


@dataclass(frozen=True)
class Bar:
    """One bar: `percent` of the longest one."""

    label: str
    value: float
    percent: int
    shown: str

    @property
    def blocks(self) -> str:
        """The bar for a plain-text mail."""
        return "\u2588" * max(round(self.percent * MAX_BAR_BLOCKS / 100), 1 if self.value else 0)


def format_cell(value: Any) -> str:
    """Return a value for people: numbers with separators, times to the minute, "" for None."""
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


def list_varying(rows: list[Row]) -> list[str]:
    """Return the columns worth showing in a table: those whose rows differ."""
    left_out = find_constant(rows)
    return [name for name in (rows[0] if rows else {}) if name not in left_out]


def find_constant(rows: list[Row]) -> Row:
    """Return the columns with the same value in every row, with that value; never the first column."""
    if len(rows) < MIN_ROWS_TO_DROP_CONSTANTS:
        return {}
    names = list(rows[0])[1:]
    return {name: rows[0][name] for name in names if all(row[name] == rows[0][name] for row in rows)}


def build_bars(rows: list[Row], label: str, value: str) -> list[Bar]:
    """Return a bar for each row, from two of its columns."""
    values = [float(row[value] or 0) for row in rows]
    most = max(values, default=0.0)
    return [
        Bar(format_cell(row[label]), number, round(100 * number / most) if most else 0, format_cell(row[value] or 0))
        for row, number in zip(rows, values, strict=True)
    ]


def render_text_table(rows: list[Row]) -> str:
    """Return a table for a plain-text mail, with numbers aligned right."""
    names = list_varying(rows)
    lines = [names, *([format_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(names))]
    right = [all(isinstance(row[name], int | float | Decimal | None) for row in rows) for name in names]
    return "\n".join(
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )

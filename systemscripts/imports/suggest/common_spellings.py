"""Find how all numbers of a file are written: declared once for the import instead of in each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from systemscripts.imports.suggest.infer_types import Proposal

NUMBERS = ("integer", "bigint", "numeric")
MARKS = ("decimal", "thousands")
UNITS = ("currency", "negative")
# fewer columns are as short with their own declarations
MIN_COLUMNS = 3


def lift_spellings(columns: Sequence[Proposal]) -> tuple[dict[str, object], list[Proposal]]:
    """Return what most columns of numbers declare alike, and the columns without it.

    Marks are lifted only if no number has other ones, since they change what a number means.
    """
    numbers = [column for column in columns if column.declared["type"] in NUMBERS]
    common: dict[str, object] = {}
    marked = [column for column in numbers if any(key in column.declared for key in MARKS)]
    decimals = {_find_decimal(column) for column in numbers if column in marked or column.declared["type"] == "numeric"}
    thousands = {column.declared["thousands"] for column in marked if "thousands" in column.declared}
    if len(marked) >= MIN_COLUMNS and len(decimals) == 1 and len(thousands) <= 1:
        # a column of small numbers may have larger ones in the next file
        common |= {key: column.declared[key] for key in MARKS for column in marked if key in column.declared}
    for key in UNITS:
        values = [column.declared[key] for column in numbers if key in column.declared]
        if len(values) >= MIN_COLUMNS and all(value == values[0] for value in values):
            common[key] = values[0]
    return common, [_remove_keys(column, common) if column in numbers else column for column in columns]


def _find_decimal(column: Proposal) -> object:
    """Return the decimal mark of a column, also where only the other mark is declared."""
    return column.declared.get("decimal") or ("," if column.declared.get("thousands") == "." else ".")


def _remove_keys(column: Proposal, common: dict[str, object]) -> Proposal:
    kept = {key: value for key, value in column.declared.items() if key not in common or value != common[key]}
    return replace(column, declared=kept)

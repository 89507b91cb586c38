"""Rows of a table in which totals and notes may be, and the rules of skip_if that are proposed for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate

from systemscripts.imports.suggest.amounts import read_amounts
from systemscripts.imports.suggest.total_words import find_total_word, may_name_totals
from systemscripts.imports.values.skip_rows import compile_rules, find_rows_to_skip

# a cell is usually filled if it is in this share of the rows
USUALLY = 0.98
# so many last rows may be totals without a name, and notes
LAST_ODD_ROWS = 3
# subtotals within subtotals: since how many totals before
MAX_LEVELS = 20
# enough empty cells to tell a total from a record
MAX_EMPTY_COLUMNS = 3
# enough of a row to recognise it
MAX_SHOWN_CELLS = 4
# begins the reason of a row that may be a record
DOUBT = "called a total, but its amounts are not a sum"

Rule = dict[str, list[str]]


@dataclass(frozen=True)
class SkipProposal:
    """A proposed rule of skip_if with its reason, and the rows that it skips."""

    rule: Rule
    reason: str
    rows: frozenset[int]

    @property
    def is_sure(self) -> bool:
        """Return whether the rows are certainly not data; else a person must tell."""
        return not self.reason.startswith(DOUBT)


@dataclass
class ReportRows:
    """Some rows of a table, by columns; `lines`: of the file."""

    names: Sequence[str]
    headers: Sequence[str]
    columns: Sequence[Sequence[str]]
    lines: Sequence[int]

    @cached_property
    def count(self) -> int:
        return len(self.lines)

    @cached_property
    def usual(self) -> list[int]:
        """Return the columns that nearly every record fills; the last rows may be totals or notes."""
        records = [row for row in range(self.count) if row not in self.words]
        records = records[:-LAST_ODD_ROWS] if len(records) > 2 * LAST_ODD_ROWS else records
        allowed = (1 - USUALLY) * len(records)
        return [
            index
            for index, values in enumerate(self.columns)
            if sum(not values[row].strip() for row in records) <= allowed
        ]

    @cached_property
    def describing(self) -> list[int]:
        """Return the columns that nearly every record fills with something else than an amount."""
        return [index for index in self.usual if index not in self.amounts]

    @cached_property
    def words(self) -> dict[int, tuple[int, str]]:
        """Return the rows with a word for a total: the column of the word, and a pattern for it."""
        named: dict[int, tuple[int, str]] = {}
        for index, values in enumerate(self.columns):
            if not may_name_totals("\n".join(values)):
                continue
            patterns = {value: pattern for value in set(values) if (pattern := find_total_word(value))}
            if patterns:
                for row, value in enumerate(values):
                    if value in patterns and row not in named:
                        named[row] = (index, patterns[value])
        # what most rows have is a category
        return named if 2 * len(named) <= self.count else {}

    @cached_property
    def amounts(self) -> dict[int, list[Decimal | None]]:
        """Return the columns of amounts."""
        read = {index: read_amounts(values) for index, values in enumerate(self.columns)}
        return {index: amounts for index, amounts in read.items() if amounts is not None}

    @cached_property
    def sums(self) -> dict[int, list[Decimal]]:
        """Return for each column of amounts the sums of its records before each row, and of all."""
        return {
            index: list(
                accumulate(
                    (Decimal(0) if row in self.words else amount or Decimal(0) for row, amount in enumerate(amounts)),
                    initial=Decimal(0),
                )
            )
            for index, amounts in self.amounts.items()
        }

    @cached_property
    def begins(self) -> dict[int, list[int]]:
        """Return for each row that names a total where its summands may begin: after one of the last such rows."""
        ordered = sorted(self.words)
        return {
            row: [0, *(before + 1 for before in ordered[max(0, number - MAX_LEVELS) : number])]
            for number, row in enumerate(ordered)
        }

    def find_empty(self, row: int) -> list[int]:
        """Return the columns that are usually filled and empty in this row."""
        return [index for index in self.usual if not self.columns[index][row].strip()]

    def show(self, row: int) -> str:
        """Return a row as a person reads it."""
        cells = [values[row].strip() for values in self.columns if values[row].strip()]
        more = " ..." if len(cells) > MAX_SHOWN_CELLS else ""
        return f"row {self.lines[row]}: {' | '.join(cells[:MAX_SHOWN_CELLS])}{more}"


def find_skipped(rows: ReportRows, rule: Rule) -> set[int]:
    """Return the rows that a rule skips."""
    return find_rows_to_skip(rows.columns, compile_rules([rule], rows.names))

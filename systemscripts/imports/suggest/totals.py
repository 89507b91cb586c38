"""Find rows that are not data: totals, subtotals, repeated headers, notes. Propose rules of skip_if that skip them.

A word such as Total is not enough, since it may be the name of a client: its numbers must add up, or most of its row is
empty. A rule also asks for the cells that are empty in such rows and never in others, so that it drops no record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate

from systemscripts.imports.suggest.amounts import read_amounts
from systemscripts.imports.suggest.total_words import as_literal, find_total_word, may_name_totals
from systemscripts.imports.values.skip_rows import compile_rules, find_rows_to_skip

# in so many first rows, and in the last block, such rows are searched: reports with subtotals are made for people
FIRST_ROWS = 10_000
# a cell is usually filled if it is in this share of the rows
USUALLY = 0.98
# enough empty cells to tell a total from a record
MAX_EMPTY_COLUMNS = 3
# a total of fewer numbers may be one by chance
MIN_SUMMANDS = 3
# cents that are rounded in each summand
ROUNDING = Decimal("0.01")
# a rule with more texts than these would not fit the next file
MAX_TEXTS = 20
MAX_SHOWN_CELLS = 4

Rule = dict[str, list[str]]


@dataclass(frozen=True)
class SkipProposal:
    """A proposed rule of skip_if with its reason, and the rows that it skips."""

    rule: Rule
    reason: str
    rows: frozenset[int]


@dataclass
class _Rows:
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
        """Return the columns that nearly every row fills."""
        allowed = max(1, int((1 - USUALLY) * self.count)) + self._odd_rows
        return [index for index, values in enumerate(self.columns) if sum(not v.strip() for v in values) <= allowed]

    @cached_property
    def _odd_rows(self) -> int:
        """Return how many rows name a total: their cells do not count."""
        return len(self.words)

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
        return named

    @cached_property
    def amounts(self) -> dict[int, list[Decimal | None]]:
        """Return the columns of amounts."""
        read = {index: read_amounts(values) for index, values in enumerate(self.columns)}
        return {index: amounts for index, amounts in read.items() if amounts is not None}

    def find_empty(self, row: int) -> list[int]:
        """Return the columns that are usually filled and empty in this row."""
        return [index for index in self.usual if not self.columns[index][row].strip()]

    def show(self, row: int) -> str:
        """Return a row as a person reads it."""
        cells = [values[row].strip() for values in self.columns if values[row].strip()]
        more = " ..." if len(cells) > MAX_SHOWN_CELLS else ""
        return f"row {self.lines[row]}: {' | '.join(cells[:MAX_SHOWN_CELLS])}{more}"


def propose_rules(
    names: Sequence[str], headers: Sequence[str], columns: Sequence[Sequence[str]], lines: Sequence[int], at_end: bool
) -> list[SkipProposal]:
    """Return the rules that skip what is not data among some rows. `at_end`: the last row is the last of the file."""
    rows = _Rows(names, headers, columns, lines)
    if rows.count < 2 or len(names) < 2:
        return []
    proposals = [*_propose_headers(rows), *_propose_totals(rows, at_end)]
    if at_end:
        taken = frozenset().union(*(proposal.rows for proposal in proposals))
        proposals += _propose_unnamed_total(rows, taken)
        proposals += _propose_notes(rows, frozenset().union(*(proposal.rows for proposal in proposals)))
    return proposals


def _propose_headers(rows: _Rows) -> Iterable[SkipProposal]:
    """Yield the rule for a header that is repeated between the rows."""
    filled = [index for index, header in enumerate(rows.headers) if header.strip()][:MAX_EMPTY_COLUMNS]
    if len(filled) < 2:
        return
    rule = {rows.names[index]: [as_literal(rows.headers[index].strip())] for index in filled}
    if skipped := _find_skipped(rows, rule):
        yield SkipProposal(rule, f"the header again, {rows.show(min(skipped))}", frozenset(skipped))


def _propose_totals(rows: _Rows, at_end: bool) -> Iterable[SkipProposal]:
    """Yield the rules for the rows that name a total, and whose numbers are one or whose other cells are empty."""
    accepted = {row: reason for row in sorted(rows.words) if (reason := _explain_total(rows, row, at_end))}
    groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for row in accepted:
        empty = tuple(index for index in rows.find_empty(row) if index != rows.words[row][0])
        groups.setdefault((rows.words[row][0], empty[:MAX_EMPTY_COLUMNS]), []).append(row)
    for (word, empty), members in groups.items():
        patterns = list(dict.fromkeys(rows.words[row][1] for row in members))
        texts = list(dict.fromkeys(as_literal(rows.columns[word][row].strip()) for row in members))
        if not empty:
            # nothing else tells it from a record, so only these texts
            patterns = texts
        rule = {rows.names[word]: patterns, **{rows.names[index]: [""] for index in empty}}
        for candidate in (rule, rule | {rows.names[word]: texts}):
            skipped = _find_skipped(rows, candidate)
            if skipped <= accepted.keys() and len(candidate[rows.names[word]]) <= MAX_TEXTS:
                first = members[0]
                more = f" and {len(members) - 1} more" if len(members) > 1 else ""
                yield SkipProposal(candidate, f"{accepted[first]}, {rows.show(first)}{more}", frozenset(skipped))
                break


def _find_skipped(rows: _Rows, rule: Rule) -> set[int]:
    return find_rows_to_skip(rows.columns, compile_rules([rule], rows.names))


def _explain_total(rows: _Rows, row: int, at_end: bool) -> str:
    """Return why a row that names a total is one; "" if it may be a record."""
    if column := _find_sum(rows, row):
        return f"the sum of {column}"
    empty = rows.find_empty(row)
    is_sparse = 2 * len(empty) >= len(rows.usual) and len(empty) > 1
    is_last = at_end and all(later in rows.words for later in range(row, rows.count))
    if is_last and empty:
        return "a total without a sum of all rows"
    return "a subtotal" if is_sparse else ""


def _find_sum(rows: _Rows, row: int) -> str:
    """Return the column in which a row is the sum of all others, or of those since an earlier total; else ""."""
    for index, amounts in rows.amounts.items():
        total = amounts[row]
        if total is None or total == 0:
            continue
        records = [amount if other not in rows.words else None for other, amount in enumerate(amounts)]
        if _is_sum(total, [amount for amount in records if amount]):
            return rows.names[index]
        sums = list(accumulate((amount or Decimal(0) for amount in records), initial=Decimal(0)))
        begins = [0, *(other + 1 for other in rows.words if other < row)]
        if any(row - begin > 0 and _is_near(total, sums[row] - sums[begin], row - begin) for begin in begins):
            return rows.names[index]
    return ""


def _is_sum(total: Decimal, summands: list[Decimal]) -> bool:
    return len(summands) > 1 and _is_near(total, sum(summands, Decimal(0)), len(summands))


def _is_near(total: Decimal, computed: Decimal, summands: int) -> bool:
    """Return whether a total is a sum; those of rounded amounts may differ by some cents."""
    return abs(total - computed) <= min(ROUNDING * summands, abs(total) / 1000)


def _propose_unnamed_total(rows: _Rows, taken: frozenset[int]) -> Iterable[SkipProposal]:
    """Yield the rule for a last row without a word: its amounts are sums, and all that describes a record is empty."""
    row = rows.count - 1
    empty = rows.find_empty(row)
    describing = [index for index in rows.usual if index not in rows.amounts]
    sums = [
        index
        for index, amounts in rows.amounts.items()
        if amounts[row] and sum(1 for amount in amounts[:row] if amount) >= MIN_SUMMANDS
        and amounts[row] == sum((amount or Decimal(0) for amount in amounts[:row]), Decimal(0))
    ]  # fmt: skip
    if row in taken or not sums or not describing or not set(describing) <= set(empty):
        return
    rule = {rows.names[index]: [""] for index in empty}
    if _find_skipped(rows, rule) == {row}:
        names = ", ".join(rows.names[index] for index in sums[:3])
        yield SkipProposal(rule, f"the sum of {names} without a name, {rows.show(row)}", frozenset({row}))


def _propose_notes(rows: _Rows, taken: frozenset[int]) -> Iterable[SkipProposal]:
    """Yield a rule for each of the last rows in which a text stands alone where records fill at least three columns."""
    row = rows.count - 1
    while row > 0:
        filled = [index for index, values in enumerate(rows.columns) if values[row].strip()]
        others = [index for index in rows.usual if index not in filled]
        if row not in taken:
            if (
                len(filled) != 1
                or len(others) < 2
                or (filled[0] in rows.amounts and rows.amounts[filled[0]][row] is not None)
            ):
                return
            words = rows.columns[filled[0]][row].split()[:2]
            rule = {
                rows.names[filled[0]]: [f"{as_literal(' '.join(words))}*"],
                **{rows.names[index]: [""] for index in others},
            }
            skipped = _find_skipped(rows, rule)
            if skipped == {row}:
                yield SkipProposal(rule, f"a note, {rows.show(row)}", frozenset(skipped))
        row -= 1

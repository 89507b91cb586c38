"""Find totals and subtotals, with or without a word for them, and propose rules of skip_if.

A word such as Total is not enough, since it may be the name of a client: its numbers must add up, or nothing but the
word is there. A rule also asks for the cells that are empty in such rows and never in others: it drops no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from systemscripts.imports.suggest.report_rows import DOUBT, MAX_EMPTY_COLUMNS, ReportRows, SkipProposal, find_skipped
from systemscripts.imports.suggest.total_words import as_literal, is_balance

# In fewer rows any column may happen to be empty in the last one alone.
MIN_NAMED_ROWS = 5
# Smaller numbers add up by chance.
MIN_TOTAL = 6
# a total of fewer numbers may be one by chance
MIN_SUMMANDS = 3
# cents that are rounded in each summand
ROUNDING = Decimal("0.01")
# a rule with more texts than these would not fit the next file
MAX_TEXTS = 20


def propose_totals(rows: ReportRows, at_end: bool) -> Iterable[SkipProposal]:
    """Yield the rules for the rows that name a total, and whose numbers are one or whose other cells are empty."""
    accepted = {row: reason for row in sorted(rows.words) if (reason := _explain_total(rows, row, at_end))}
    groups: dict[tuple[int, tuple[int, ...], bool], list[int]] = {}
    for row in accepted:
        empty = tuple(index for index in rows.find_empty(row) if index != rows.words[row][0])
        group = (rows.words[row][0], empty[:MAX_EMPTY_COLUMNS], accepted[row] == DOUBT)
        groups.setdefault(group, []).append(row)
    for (word, empty, _), members in groups.items():
        patterns = list(dict.fromkeys(rows.words[row][1] for row in members))
        texts = list(dict.fromkeys(as_literal(rows.columns[word][row].strip()) for row in members))
        if not empty:
            # nothing else tells it from a record, so only these texts
            patterns = texts
        rule = {rows.names[word]: patterns, **{rows.names[index]: [""] for index in empty}}
        for candidate in (rule, rule | {rows.names[word]: texts}):
            skipped = find_skipped(rows, candidate)
            if skipped <= accepted.keys() and len(candidate[rows.names[word]]) <= MAX_TEXTS:
                first = members[0]
                more = f" and {len(members) - 1} more" if len(members) > 1 else ""
                yield SkipProposal(candidate, f"{accepted[first]}, {rows.show(first)}{more}", frozenset(skipped))
                break


def _explain_total(rows: ReportRows, row: int, at_end: bool) -> str:
    """Return why a row that names a total is one; "" if it may be a record."""
    word, pattern = rows.words[row]
    empty = rows.find_empty(row)
    others = [index for index in rows.describing if index != word]
    # Where nothing is empty, the total of all rows may be told, but no subtotal: it may be a category such as "all".
    if (empty or not others) and (column := _find_sum(rows, row, is_whole=not empty)):
        return f"the sum of {column}"
    has_amount = any(amounts[row] for amounts in rows.amounts.values())
    is_sparse = bool(set(others) & set(empty)) and 2 * len(set(others) & set(empty)) >= len(others)
    is_last = at_end and all(later in rows.words for later in range(row, rows.count))
    is_named = bool(empty) and "*" not in pattern and rows.count > MIN_NAMED_ROWS
    if is_last and others and set(others) <= set(empty) and is_balance(rows.columns[word][row]):
        return "a balance below all records"
    if (is_last and (is_sparse or is_named)) or (is_sparse and len(empty) > 1):
        return DOUBT if has_amount else "a total without amounts"
    return ""


def _find_sum(rows: ReportRows, row: int, is_whole: bool) -> str:
    """Return the first column in which a row is the sum of others, "" if it is none.

    `is_whole`: of all records, at an end of the file, and in most of its columns.
    """
    filled = [index for index, amounts in rows.amounts.items() if amounts[row]]
    sums = [index for index in filled if _is_sum(rows, row, index, is_whole)]
    return rows.names[sums[0]] if sums and (not is_whole or 2 * len(sums) >= len(filled)) else ""


def _is_sum(rows: ReportRows, row: int, index: int, is_whole: bool) -> bool:
    """Return whether an amount is the sum of all records, or of those since an earlier total."""
    total, sums = rows.amounts[index][row], rows.sums[index]
    assert total is not None
    records = rows.count - len(rows.words)
    if (
        records > 1
        and abs(total) >= MIN_TOTAL
        and (not is_whole or row in (0, rows.count - 1))
        and _is_near(total, sums[-1], records)
    ):
        return True
    begins = [] if is_whole else rows.begins[row]
    return any(row > begin and _is_near(total, sums[row] - sums[begin], row - begin) for begin in begins)


def _is_near(total: Decimal, computed: Decimal, summands: int) -> bool:
    """Return whether a total is a sum; those of rounded amounts may differ by some cents."""
    return abs(total - computed) <= min(ROUNDING * summands, abs(total) / 1000)


def propose_unnamed_total(rows: ReportRows, taken: frozenset[int]) -> Iterable[SkipProposal]:
    """Yield the rule for a last row without a word: its amounts are sums, and all that describes a record is empty."""
    row = rows.count - 1
    empty = rows.find_empty(row)
    sums = [
        index
        for index, amounts in rows.amounts.items()
        if amounts[row] and sum(1 for amount in amounts[:row] if amount) >= MIN_SUMMANDS
        and amounts[row] == sum((amount or Decimal(0) for amount in amounts[:row]), Decimal(0))
    ]  # fmt: skip
    if row in taken or not sums or not rows.describing or not set(rows.describing) <= set(empty):
        return
    rule = {rows.names[index]: [""] for index in empty}
    if find_skipped(rows, rule) == {row}:
        names = ", ".join(rows.names[index] for index in sums[:3])
        yield SkipProposal(rule, f"the sum of {names} without a name, {rows.show(row)}", frozenset({row}))

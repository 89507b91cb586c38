"""Find what reports print between and below their records: headers again, blank and ruled lines, notes, averages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from systemscripts.imports.suggest.report_rows import MAX_EMPTY_COLUMNS, ReportRows, Rule, SkipProposal, find_skipped
from systemscripts.imports.suggest.total_words import as_literal

_RULED = re.compile(r"[-=_*.~+|]{2,}")
# where records fill fewer columns, a text alone may be a record
MIN_OTHER_COLUMNS = 2


def propose_headers(rows: ReportRows) -> Iterable[SkipProposal]:
    """Yield the rule for a header that is repeated between the rows."""
    filled = [index for index, header in enumerate(rows.headers) if header.strip()][:MAX_EMPTY_COLUMNS]
    if len(filled) < 2:
        return
    rule = {rows.names[index]: [as_literal(rows.headers[index].strip())] for index in filled}
    if skipped := find_skipped(rows, rule):
        yield SkipProposal(rule, f"the header again, {rows.show(min(skipped))}", frozenset(skipped))


def propose_separators(rows: ReportRows) -> Iterable[SkipProposal]:
    """Yield the rules for rows without a value, and for lines drawn with hyphens."""
    if len(rows.usual) < MIN_OTHER_COLUMNS:
        return
    first, drawn = rows.columns[rows.usual[0]], set[tuple[str, ...]]()
    for row in [row for row, value in enumerate(first) if not value.strip() or _RULED.fullmatch(value.strip())]:
        cells = [values[row].strip() for values in rows.columns]
        if all(not cell or _RULED.fullmatch(cell) for cell in cells):
            drawn.add(tuple(cells))
    for line in sorted(drawn):
        rule = {rows.names[index]: [as_literal(line[index])] for index in rows.usual[: MAX_EMPTY_COLUMNS + 1]}
        skipped = find_skipped(rows, rule)
        if skipped:
            what = "a line" if any(line) else "a row without values"
            yield SkipProposal(rule, f"{what}, {rows.show(min(skipped))}", frozenset(skipped))


def propose_notes(rows: ReportRows, taken: frozenset[int], totals: frozenset[int]) -> Iterable[SkipProposal]:
    """Yield a rule for each last row that is a text alone, or below a total and empty where that is, like an average.

    `taken`: rows that other rules skip, `totals`: those of them that are totals.
    """
    for row in range(rows.count - 1, 0, -1):
        if row in taken:
            continue
        rule = _describe_note(rows, row) or _describe_row_below_total(rows, row, totals)
        if not rule:
            return
        skipped = find_skipped(rows, rule)
        if skipped == {row}:
            yield SkipProposal(rule, f"a note, {rows.show(row)}", frozenset(skipped))


def _describe_note(rows: ReportRows, row: int) -> Rule:
    """Return the rule for a row with one text where records fill at least three columns; {} for another row."""
    filled = [index for index, values in enumerate(rows.columns) if values[row].strip()]
    others = [index for index in rows.usual if index not in filled]
    if len(filled) != 1 or len(others) < MIN_OTHER_COLUMNS or _is_amount(rows, row, filled[0]):
        return {}
    words = rows.columns[filled[0]][row].split()[:2]
    text = {rows.names[filled[0]]: [f"{as_literal(' '.join(words))}*"]}
    return text | {rows.names[index]: [""] for index in others}


def _describe_row_below_total(rows: ReportRows, row: int, totals: frozenset[int]) -> Rule:
    """Return the rule for a row below a total that is empty where the total is; {} for another row."""
    above = max((total for total in totals if total < row), default=None)
    texts = [index for index in rows.usual if rows.columns[index][row].strip() and not _is_amount(rows, row, index)]
    if above is None or len(texts) != 1:
        return {}
    empty = [index for index in rows.find_empty(above) if index != texts[0]]
    if not empty or not set(empty) <= set(rows.find_empty(row)):
        return {}
    text = {rows.names[texts[0]]: [as_literal(rows.columns[texts[0]][row].strip())]}
    return text | {rows.names[index]: [""] for index in empty[:MAX_EMPTY_COLUMNS]}


def _is_amount(rows: ReportRows, row: int, index: int) -> bool:
    return index in rows.amounts and rows.amounts[index][row] is not None

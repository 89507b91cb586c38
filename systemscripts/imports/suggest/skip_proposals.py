"""Propose rules of skip_if for everything in a table that is not data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from systemscripts.imports.suggest import report_lines, totals
from systemscripts.imports.suggest.report_rows import ReportRows, SkipProposal

# in so many first rows, and in the last block, such rows are searched: reports with subtotals are made for people
FIRST_ROWS = 10_000


def propose_rules(
    names: Sequence[str], headers: Sequence[str], columns: Sequence[Sequence[str]], lines: Sequence[int], at_end: bool
) -> list[SkipProposal]:
    """Return the rules that skip what is not data among some rows. `at_end`: the last row is the last of the file."""
    rows = ReportRows(names, headers, columns, lines)
    if rows.count < 2 or len(names) < 2:
        return []
    proposals = [*report_lines.propose_headers(rows), *report_lines.propose_separators(rows)]
    taken = _join_rows(proposals)
    named = [proposal for proposal in totals.propose_totals(rows, at_end) if not proposal.rows <= taken]
    proposals += named
    if at_end:
        proposals += totals.propose_unnamed_total(rows, _join_rows(proposals))
        sure = _join_rows(proposal for proposal in named if proposal.is_sure)
        proposals += report_lines.propose_notes(rows, _join_rows(proposals), sure)
    return proposals


def _join_rows(proposals: Iterable[SkipProposal]) -> frozenset[int]:
    return frozenset().union(*(proposal.rows for proposal in proposals))

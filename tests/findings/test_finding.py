"""Findings: the worst of some decides, and what an operator accepted only informs."""

from __future__ import annotations

from systemscripts.findings.finding import Finding, find_worst, waive

MISSING = Finding("column_missing", "hold", "amount is missing", "amount")
CONSTANT = Finding("constant", "warn", "town has one value", "town")


def test_the_worst_severity_of_some_findings_decides() -> None:
    assert find_worst([]) is None
    assert find_worst([CONSTANT, MISSING]) == "hold"
    assert find_worst([CONSTANT, MISSING, Finding("header", "refuse", "another layout")]) == "refuse"


def test_an_accepted_finding_only_informs_and_no_other_one_does() -> None:
    waived = waive([MISSING, CONSTANT], frozenset({("column_missing", "amount")}))
    assert [finding.severity for finding in waived] == ["inform", "warn"]
    assert [finding.severity for finding in waive([MISSING], frozenset({("column_missing", "town")}))] == ["hold"]

"""One finding: which rule, how severe, about which column, in one sentence with both figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["refuse", "hold", "warn", "inform"]
WORST_FIRST: tuple[Severity, ...] = ("refuse", "hold", "warn", "inform")


@dataclass(frozen=True)
class Finding:
    """What one rule has found in one file.

    `rule`: the name by which `expect:` sets it (docs/findings.md). `text`: one sentence with both figures and samples,
    without the name of the file. `column`: the column of the target, where it is about one. `detail`: figures and
    proposals for programs, such as {"renamed_to": "Betrag", "score": 0.93}.
    """

    rule: str
    severity: Severity
    text: str
    column: str | None = None
    detail: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def subject(self) -> tuple[str, str | None]:
        """The rule and column, by which an acceptance waives and teaches."""
        return self.rule, self.column

    def with_severity(self, severity: Severity) -> Finding:
        """Return the same finding with another severity."""
        return replace(self, severity=severity)


def find_worst(findings: Iterable[Finding]) -> Severity | None:
    """Return the worst severity of some findings, None where there are none."""
    severities = {finding.severity for finding in findings}
    return next((severity for severity in WORST_FIRST if severity in severities), None)


def select(findings: Iterable[Finding], severity: Severity) -> list[Finding]:
    """Return the findings of one severity, in their order."""
    return [finding for finding in findings if finding.severity == severity]


def waive(findings: Iterable[Finding], waived: frozenset[tuple[str, str | None]]) -> list[Finding]:
    """Return the findings with those that an operator has accepted turned into information."""
    return [
        finding.with_severity("inform")
        if finding.subject in waived and finding.severity in ("hold", "warn")
        else finding
        for finding in findings
    ]


def join_texts(findings: Iterable[Finding]) -> str:
    """Return the texts of some findings as one line; columns that have the same against them are named together.

    `detail["group"]`: what several columns can have in common, such as "required columns are missing".
    """
    parts: dict[str, list[str]] = {}
    for finding in findings:
        group = finding.detail.get("group")
        parts.setdefault(group or finding.text, []).extend([str(finding.column)] if group else [])
    return "; ".join(f"{text}: {', '.join(columns)}" if columns else text for text, columns in parts.items())

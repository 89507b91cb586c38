"""Judge the values of a load by all rules: against what is usual, and against what acceptances have taught."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from systemscripts.configuration import ImportConfig
from systemscripts.findings import rules
from systemscripts.findings.finding import Finding, Severity
from systemscripts.findings.values.history import MIN_DATASETS, Past, find_levels, find_since
from systemscripts.findings.values.profile import ColumnProfile, Profiles

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class File:
    """What the rules know of the load at hand.

    `declared`: the columns that the configuration names. `is_whole`: false where a file holds only what changed; then
    its number of rows, sums and codes say nothing.
    """

    cursor: Cursor
    config: ImportConfig
    dataset_id: int
    label: str | None
    day: date | None
    today: date
    values: Profiles
    declared: frozenset[str]
    is_whole: bool

    @property
    def profiles(self) -> dict[str, ColumnProfile]:
        """The profiles by column, with those of whole rows and keys."""
        return self.values.by_name

    def list_columns(self) -> list[ColumnProfile]:
        """Return the profiles of its columns, in their order."""
        return [profile for profile in self.profiles.values() if profile.position]


@dataclass(frozen=True)
class Rule:
    """One rule: `judge` returns findings in a file beside the datasets that are usual, newest first.

    `needs_history`: asked only where there are enough of these. `is_for_whole`: off for files that hold only changes.
    """

    name: str
    judge: Callable[[File, list[Past]], Iterable[Finding]]
    needs_history: bool = True
    is_for_whole: bool = False


@functools.cache
def list_rules() -> tuple[Rule, ...]:
    """Return the rules of all modules of findings/rules."""
    listed: list[Rule] = []
    for module in sorted(pkgutil.iter_modules(rules.__path__), key=lambda module: module.name):
        listed += getattr(importlib.import_module(f"{rules.__name__}.{module.name}"), "RULES", ())
    return tuple(listed)


def judge_values(file: File, history: list[Past]) -> list[Finding]:
    """Return the findings of all rules, each as severe as the configuration and what is known allow."""
    findings: list[Finding] = []
    for rule in list_rules():
        if file.is_whole or not rule.is_for_whole:
            judged = _judge_rule(file, rule, history)
            findings += [settled for finding in judged if (settled := _settle(file, history, finding))]
    return findings


def _judge_rule(file: File, rule: Rule, history: list[Past]) -> list[Finding]:
    """Judge each column against all datasets; those with exceptions for the rule against each of their levels."""
    may_judge = not rule.needs_history or len(history) >= MIN_DATASETS
    findings = list(rule.judge(file, history)) if may_judge else []
    columns = {column for past in history for name, column in past.exceptions if name == rule.name}
    if not columns:
        return findings
    kept = [finding for finding in findings if finding.column not in columns]
    for column in columns:
        kept += _judge_levels(file, rule, history, column)
    return kept


def _judge_levels(file: File, rule: Rule, history: list[Past], column: str | None) -> list[Finding]:
    """Judge one column against each level that is usual or accepted; the first without a finding allows it."""
    levels, first = find_levels(history, rule.name, column), None
    for level in levels:
        datasets = level.datasets if len(level.datasets) >= MIN_DATASETS else level.datasets[:1] * MIN_DATASETS
        judged = [finding for finding in rule.judge(file, datasets) if finding.column == column]
        # what needs no history is exact: an acceptance allows the one file alone
        is_allowed = not judged or (not rule.needs_history and level.is_usual_now)
        if is_allowed:
            return [_note_accepted(first or judged[0], level.accepted)] if level.accepted and (first or judged) else []
        first = first or judged[0]
    if not levels and not rule.needs_history:
        return [finding for finding in rule.judge(file, history) if finding.column == column]
    return [first] if first else []


def _note_accepted(finding: Finding, accepted: int) -> Finding:
    text = f"{finding.text}; as accepted with dataset {accepted}"
    return replace(finding, severity="inform", text=text, detail={**finding.detail, "accepted": accepted})


def _settle(file: File, history: list[Past], finding: Finding) -> Finding | None:
    """Give a finding the severity that the configuration sets, else the one that it may have; None where it is off."""
    setting = file.config.expect.get_severity(finding.rule, finding.column)
    if setting == "off":
        return None
    if "accepted" in finding.detail:
        return finding
    severity: Severity = setting or _limit_severity(file, finding)
    since = find_since(history, finding.rule, finding.column) if severity == "warn" else None
    if since is None:
        return finding.with_severity(severity)
    text = f"{finding.text}; continues since {since}"
    return replace(finding, severity="inform", text=text, detail={**finding.detail, "since": since})


def _limit_severity(file: File, finding: Finding) -> Severity:
    """Without a schema everything only informs; what would hold a file does so for declared columns alone."""
    is_named = finding.column is None or finding.column in file.declared
    return finding.severity if file.declared and (is_named or finding.severity == "warn") else "inform"

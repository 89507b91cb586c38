"""The outcome of one file, and how the summary of a run shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from systemscripts.commands import format_command
from systemscripts.datasets import load_decision
from systemscripts.errors import BadDataError
from systemscripts.findings.finding import Finding, join_texts, select
from systemscripts.summary import Counts, Notice, Summary

# a message stays readable
MAX_NAMED_FILES = 10


@dataclass
class Outcome:
    """The outcome of one file."""

    name: str
    status: str
    dataset_id: int | None = None
    label: str | None = None
    date: str | None = None
    counts: Counts = field(default_factory=Counts)
    reason: str = ""
    warnings: list[Notice] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def add_outcome(summary: Summary, config_name: str, outcome: Outcome) -> None:
    """Add a file that an import has finished to the summary; a refused or held one is a problem."""
    summary.files += 1
    summary.counts.add(outcome.counts)
    summary.warn_all(outcome.warnings)
    summary.details += [f"{outcome.name}: {finding.text}" for finding in select(outcome.findings, "inform")]
    summary.rows.append(outcome_as_row(config_name, outcome))
    if outcome.status == "refused":
        summary.problem(f"{outcome.name} is refused: {outcome.reason}", BadDataError.exit_code)
    elif outcome.status == "held":
        subjects = sorted({f"{finding.rule} {finding.column or ''}" for finding in select(outcome.findings, "hold")})
        summary.held_datasets += [outcome.dataset_id] if outcome.dataset_id is not None else []
        group = f"{config_name} held: {', '.join(subjects)}"
        summary.problem_of_group(group, outcome, _describe_held, BadDataError.exit_code)


def _describe_held(held: list[Outcome]) -> str:
    """Return what files of one import that the same findings hold have against them, and the commands that decide."""
    first = held[0]
    if len(held) == 1:
        return f"{first.name} is held: {first.reason}"
    names = ", ".join(outcome.name for outcome in held[:MAX_NAMED_FILES])
    more = f" and {len(held) - MAX_NAMED_FILES} more" if len(held) > MAX_NAMED_FILES else ""
    return (
        f"{len(held)} files are held: {names}{more}; the first: {join_texts(select(first.findings, 'hold'))}; "
        f"{format_command('datasets', 'accept', first.dataset_id, '--same')},"
        f" or for each {load_decision.describe_held_steps('N')}"
    )


def outcome_as_row(config_name: str, outcome: Outcome) -> dict[str, Any]:
    """Return the outcome of a file as a row of the summary\'s table."""
    counts = outcome.counts
    return {
        "import": config_name,
        "file": outcome.name,
        "state": outcome.status,
        "dataset": outcome.dataset_id,
        "label": outcome.label,
        "date": outcome.date,
        "read": counts.read,
        "loaded": counts.loaded,
        "rejected": counts.rejected,
        "skipped": counts.skipped,
        "held": counts.held,
    }


def build_headline(summary: Summary, dry_run: bool) -> str:
    """Return how many files a run worked on, and what became of their rows."""
    if not summary.files and not summary.problems:
        return "nothing to do: no file waits"
    counts = summary.counts
    done = "dry run, nothing written: " if dry_run else ""
    held = f", {counts.held:,} held" if counts.held else ""
    return (
        f"{done}{summary.files} {'file' if summary.files == 1 else 'files'}: {counts.read:,} rows read, "
        f"{counts.loaded:,} loaded, {counts.rejected:,} rejected, {counts.skipped:,} skipped{held}"
    )

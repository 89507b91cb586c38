"""From a file to the YAML of its import: columns with proposed types, and why.

A type is proposed only when every value of the whole file has it, or all but a few (then an odd one is shown). Codes
stay text: leading zeros, more digits than a number holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from systemscripts.imports.suggest.column_profile import DATES, MAX_ODD_SHARE, NULL_MARKS, ColumnProfile


@dataclass(frozen=True)
class Proposal:
    """What a column should be declared as, and why."""

    column: str
    declared: dict[str, object]
    reason: str


def infer_type(column: str, seen: ColumnProfile) -> Proposal:
    """The type of one column by its evidence."""
    if not seen.values:
        return Proposal(column, {"type": "text"}, "text: always empty")
    if seen.zeros:
        return Proposal(column, {"type": "text"}, f"text: leading zeros in {seen.zeros:,} values")
    if seen.digits:
        return Proposal(column, {"type": "text"}, f"text: more than 18 digits in {seen.digits:,} values")
    kinds = [kind for kind, odd in (seen.kinds or {}).items() if odd <= seen.values * MAX_ODD_SHARE]
    for kind in ("integer", "bigint", "numeric", "boolean"):
        if kind in kinds:
            return Proposal(column, _build_declaration(kind, seen.marks), _explain_type(seen, kind))
    if dates := [kind for kind in kinds if kind in DATES]:
        return _infer_date(column, seen, dates)
    if "comma" in kinds:
        declared: dict[str, object] = {"type": "numeric", "decimal": ",", "thousands": "."}
        return Proposal(column, declared, "numeric: a comma before the decimals")
    return Proposal(column, {"type": "text"}, "text")


def _build_declaration(kind: str, marks: int) -> dict[str, object]:
    return {"type": kind} | ({"null": sorted(NULL_MARKS)} if marks else {})


def _explain_type(seen: ColumnProfile, kind: str) -> str:
    odd, text = (seen.kinds or {})[kind], kind
    if odd:
        value, line = seen.misfits[kind]
        text += f", {odd:,} of {seen.values:,} does not fit: {value!r} line {line:,}"
    if seen.marks:
        text += f", {seen.marks:,} marks such as '-' mean no value"
    return text


def _infer_date(column: str, seen: ColumnProfile, dates: list[str]) -> Proposal:
    kind = "timestamp" if "HH" in dates[0] else "date"
    declared = _build_declaration(kind, seen.marks)
    if not dates[0].startswith("yyyy-MM-dd"):
        declared["formats"] = dates[:1]
    reason = _explain_type(seen, dates[0]).replace(dates[0], kind, 1)
    if len(dates) > 1:
        reason += f"; AMBIGUOUS: reads as {' and as '.join(dates)}, ask the client"
    return Proposal(column, declared, reason)

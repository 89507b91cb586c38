"""Infer the types of columns from their profiles, with reasons.

A type is proposed only if every value of the whole file fits it, or all but a few (then a misfit is shown). Codes stay
text: values with leading zeros or more digits than a number can have.
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


def infer_type(column: str, profile: ColumnProfile) -> Proposal:
    """Return the proposed type of one column."""
    if not profile.values:
        return Proposal(column, {"type": "text"}, "text: always empty")
    if profile.zeros:
        return Proposal(column, {"type": "text"}, f"text: leading zeros in {profile.zeros:,} values")
    if profile.digits:
        return Proposal(column, {"type": "text"}, f"text: more than 18 digits in {profile.digits:,} values")
    types = [type_name for type_name, odd in (profile.types or {}).items() if odd <= profile.values * MAX_ODD_SHARE]
    for type_name in ("integer", "bigint", "numeric", "boolean"):
        if type_name in types:
            return Proposal(column, _build_declaration(type_name, profile.marks), _explain_type(profile, type_name))
    if dates := [type_name for type_name in types if type_name in DATES]:
        return _infer_date(column, profile, dates)
    if "comma" in types:
        declared: dict[str, object] = {"type": "numeric", "decimal": ",", "thousands": "."}
        return Proposal(column, declared, "numeric: a comma before the decimals")
    return Proposal(column, {"type": "text"}, "text")


def _build_declaration(type_name: str, marks: int) -> dict[str, object]:
    return {"type": type_name} | ({"null": sorted(NULL_MARKS)} if marks else {})


def _explain_type(profile: ColumnProfile, type_name: str) -> str:
    odd, text = (profile.types or {})[type_name], type_name
    if odd:
        value, line = profile.misfits[type_name]
        text += f", {odd:,} of {profile.values:,} does not fit: {value!r} line {line:,}"
    if profile.marks:
        text += f", {profile.marks:,} marks such as '-' mean no value"
    return text


def _infer_date(column: str, profile: ColumnProfile, dates: list[str]) -> Proposal:
    type_name = "timestamp" if "HH" in dates[0] else "date"
    declared = _build_declaration(type_name, profile.marks)
    if not dates[0].startswith("yyyy-MM-dd"):
        declared["formats"] = dates[:1]
    reason = _explain_type(profile, dates[0]).replace(dates[0], type_name, 1)
    if len(dates) > 1:
        reason += f"; AMBIGUOUS: reads as {' and as '.join(dates)}, ask the client"
    return Proposal(column, declared, reason)

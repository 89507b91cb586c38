"""Infer the declarations of columns from their profiles, with reasons.

A type is proposed only if at least 99 % of the whole file fit it; the others are counted and shown. Where two readings
fit equally well the rest of the file may decide about the decimal mark; else the reason says that it is ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from systemscripts.imports.suggest import detect_codes
from systemscripts.imports.suggest.column_profile import ColumnProfile
from systemscripts.imports.suggest.file_style import FileStyle, find_style
from systemscripts.imports.suggest.null_marks import is_mark
from systemscripts.imports.suggest.value_spellings import Spelling

_MAX_SHOWN_CHARACTERS = 40
# before what a client must be asked
_AMBIGUOUS = "AMBIGUOUS: "


@dataclass(frozen=True)
class Proposal:
    """What a column should be declared as, and why."""

    column: str
    declared: dict[str, object]
    reason: str

    @property
    def is_ambiguous(self) -> bool:
        """Return whether only the client can tell what the values mean."""
        return bool(self.question)

    @property
    def question(self) -> str:
        """Return what to ask the client about the values, "" if nothing."""
        return self.reason.partition(_AMBIGUOUS)[2]


def infer_columns(columns: Sequence[str], profiles: Sequence[ColumnProfile], delimiter: str = "") -> list[Proposal]:
    """Return the proposals for the columns of one file; `delimiter`: of its fields, "" where it has none."""
    readings = [list_readings(profile) for profile in profiles]
    style = find_style(columns, readings, delimiter)
    return [
        _infer_column(column, profile, possible, style)
        for column, profile, possible in zip(columns, profiles, readings, strict=True)
    ]


def list_readings(profile: ColumnProfile) -> list[Spelling]:
    """Return the narrowest spellings with the fewest exceptions: more than one if the values have several meanings."""
    fitting = profile.find_fitting()
    if (profile.zeros or profile.digits) and not any(one.goes_first for one in fitting):
        return []
    behind = {name for one in fitting if one.goes_first for name in one.wider}
    fitting = [one for one in fitting if one.goes_first or one.name not in behind]
    best = [one for one in fitting if profile.exceptions[one.name] == profile.exceptions[fitting[0].name]]
    return [one for one in best if not any(one.name in other.wider for other in best if other != one)]


def _infer_column(column: str, profile: ColumnProfile, readings: list[Spelling], style: FileStyle) -> Proposal:
    if not profile.values:
        return Proposal(column, {"type": "text"}, "text: always empty")
    if profile.zeros and not readings:
        return Proposal(column, {"type": "text"}, f"text: leading zeros in {profile.zeros:,} values")
    if profile.digits and not readings:
        return Proposal(column, {"type": "text"}, f"text: more than 18 digits in {profile.digits:,} values")
    if readings and readings[0].needs_empty and not profile.empty:
        readings = []
    if not readings:
        return Proposal(column, {"type": "text"}, _explain_text(profile))
    readings, why = style.choose(readings)
    chosen = readings[0]
    if chosen.is_text:
        return Proposal(column, {"type": "text"}, f"text: {chosen.note or chosen.name}")
    declared = style.complete(chosen)
    if profile.marks:
        declared["null"] = sorted(profile.marks)
    reason = "; ".join([_explain_spelling(profile, chosen), *filter(None, [chosen.note, why])])
    if len(readings) > 1:
        reason += f"; {_AMBIGUOUS}reads as {' and as '.join(one.name for one in readings)}, ask the client"
    return Proposal(column, declared, reason)


def _explain_spelling(profile: ColumnProfile, spelling: Spelling) -> str:
    text = spelling.name
    if profile.exceptions[spelling.name]:
        text += f", {_count_exceptions(profile, spelling)}"
    if profile.marks:
        marks = ", ".join(f"{mark!r} ({count:,})" for mark, count in profile.marks.most_common(3))
        text += f", no value: {marks}"
    return text


def _count_exceptions(profile: ColumnProfile, spelling: Spelling) -> str:
    count, shown = profile.exceptions[spelling.name], profile.shown[spelling.name]
    values = ", ".join(f"{_shorten(value)!r} line {line:,}" for line, value in shown)
    return f"{count:,} of {profile.values:,} {'does' if count == 1 else 'do'} not fit: {values}" + (
        " ..." if count > len(shown) else ""
    )


def _shorten(value: str) -> str:
    return value if len(value) <= _MAX_SHOWN_CHARACTERS else value[: _MAX_SHOWN_CHARACTERS - 3] + "..."


def _explain_text(profile: ColumnProfile) -> str:
    """Return what a text is; where most of it is of a type also which one, and what does not fit."""
    values = [value for value in profile.sample if not is_mark(value)]
    if not values:
        return "text: no value but " + ", ".join(map(repr, sorted(profile.marks)))
    counted = [one for name, one in (profile.spellings or {}).items() if profile.exceptions[name] and not one.is_text]
    if counted:
        best = min(counted, key=lambda one: profile.exceptions[one.name])
        return f"text: as {best.name} {_count_exceptions(profile, best)}"
    what = detect_codes.describe_text(values)
    return f"text: {what}" if what else "text"


def require_keys(proposals: Sequence[Proposal], keys: Sequence[str]) -> list[Proposal]:
    """Return the proposals with `required` for the columns of the key alone."""
    return [
        replace(one, declared=one.declared | {"required": True}) if one.column in keys else one for one in proposals
    ]

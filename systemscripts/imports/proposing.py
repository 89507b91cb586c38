"""From a file to the YAML of its import: columns with proposed types, and why.

A type is proposed only when every value of the whole file has it, or all but a few (then an odd one is shown). Codes
stay text: leading zeros, more digits than a number holds. A kind is tested on a
whole column at once; only where that fails is each value looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from systemscripts.errors import BadDataError
from systemscripts.imports import cutting
from systemscripts.tables import Table

ODD_SHARE = 0.001  # of the values: so many may not fit, and are shown
DATE_FORMATS = (
    "yyyy-MM-dd", "dd/MM/yyyy", "MM/dd/yyyy", "dd.MM.yyyy", "dd-MM-yyyy", "yyyy/MM/dd", "yyyyMMdd",
)  # fmt: skip
TIME_ENDINGS = ("", " HH:mm", " HH:mm:ss")
_NULL_MARKS = {"-", "n/a", "N/A", "NULL", "null", "NA", "#N/A", "nan", "NaN", "None", "."}
_BOOLEAN = {"true", "false", "yes", "no", "TRUE", "FALSE", "True", "False", "Yes", "No"}
_FIELD = {"yyyy": "[0-9]{4}", "MM": "(0[1-9]|1[0-2])", "dd": "(0[1-9]|[12][0-9]|3[01])", "HH": "([01][0-9]|2[0-3])",
          "mm": "[0-5][0-9]", "ss": "[0-5][0-9]"}  # fmt: skip


@dataclass
class Evidence:
    """What was seen of one column; `kinds` are those that are still possible."""

    values: int = 0
    empty: int = 0
    marks: int = 0
    zeros: int = 0
    digits: int = 0
    kinds: dict[str, int] | None = None  # kind -> values without it; None before the first block
    misfits: dict[str, tuple[str, int]] = field(default_factory=dict)  # kind -> first value without it, its line
    hashes: set[int] | None = field(default_factory=set)  # None once a value came twice

    @property
    def unique(self) -> bool:
        """Whether every row has a value and none comes twice."""
        return self.hashes is not None and not self.empty


@dataclass(frozen=True)
class Proposal:
    """What a column should be declared as, and why."""

    column: str
    declared: dict[str, object]
    reason: str


def _date_pattern(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"yyyy|MM|dd|HH|mm|ss|.", pattern, re.DOTALL)
    return re.compile("".join(_FIELD.get(part, re.escape(part)) for part in parts))


_DATES = {
    f"{day}{time}": _date_pattern(f"{day}{time}") for day in DATE_FORMATS for time in TIME_ENDINGS
} | {"yyyy-MM-ddTHH:mm:ss": _date_pattern("yyyy-MM-ddTHH:mm:ss")}  # fmt: skip


_KINDS = {
    "integer": re.compile(r"-?(?:0|[1-9][0-9]{0,8})"),
    "bigint": re.compile(r"-?(?:0|[1-9][0-9]{0,17})"),
    "numeric": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?"),
    "comma": re.compile(r"-?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?"),
    "boolean": re.compile("|".join(sorted(_BOOLEAN))),
    **_DATES,
}
_WHOLE = {
    kind: re.compile(rf"(?:(?:{pattern.pattern}|{'|'.join(map(re.escape, sorted(_NULL_MARKS)))})?(?:\n|\Z))*+")
    for kind, pattern in _KINDS.items()
}
_ZEROS = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_DIGITS = re.compile(r"^-?[0-9]{19,}$", re.MULTILINE)


def look(table: Table, columns: list[str], advance: Callable[[int], None]) -> tuple[list[Evidence], int]:
    """Look at every value of a table; returns the evidence for each column and the number of rows.

    Raises BadDataError when there is nothing, or the file breaks off.
    """
    if not columns:
        raise BadDataError("the file is empty, there is nothing to propose")
    evidence, rows = [Evidence() for _ in columns], 0
    for block in table.blocks():
        found = cutting.cut(block, table, len(columns))
        rows += len(found.lines)
        for number, values in enumerate(found.columns):
            if values:
                _see(evidence[number], values, found.lines)
        advance(len(block.records))
    return evidence, rows


def _see(seen: Evidence, values: Sequence[str], lines: Sequence[int]) -> None:
    empty = values.count("")
    seen.values, seen.empty = seen.values + len(values) - empty, seen.empty + empty
    if seen.hashes is not None:
        before = len(seen.hashes)
        seen.hashes.update(map(hash, values))
        if len(seen.hashes) != before + len(values):
            seen.hashes = None
    if seen.kinds is None:
        seen.kinds = dict.fromkeys(_possible(values), 0)
    if not seen.kinds:
        return
    joined = "\n".join(values)
    seen.marks += sum(map(values.count, _NULL_MARKS)) if any(mark in joined for mark in _NULL_MARKS) else 0
    seen.zeros += len(_ZEROS.findall(joined))
    seen.digits += len(_DIGITS.findall(joined))
    for kind in list(seen.kinds):
        if not _WHOLE[kind].fullmatch(joined):
            _count_misfits(seen, kind, values, lines)


def _possible(values: Sequence[str]) -> list[str]:
    """The kinds that half of the first values have: the others are not tried on the rest of the file."""
    sample = [value for value in values[:2000] if value and value not in _NULL_MARKS]
    return [
        kind
        for kind, pattern in _KINDS.items()
        if sample and sum(map(bool, map(pattern.fullmatch, sample))) * 2 > len(sample)
    ]


def _count_misfits(seen: Evidence, kind: str, values: Sequence[str], lines: Sequence[int]) -> None:
    assert seen.kinds is not None
    fits = _KINDS[kind].fullmatch
    odd = [place for place, value in enumerate(values) if value and value not in _NULL_MARKS and not fits(value)]
    if odd:
        seen.misfits.setdefault(kind, (values[odd[0]], lines[odd[0]]))
        seen.kinds[kind] += len(odd)
        if seen.kinds[kind] > max(seen.values * ODD_SHARE * 10, 10):
            del seen.kinds[kind]


def propose(column: str, seen: Evidence) -> Proposal:
    """The type of one column by its evidence."""
    if not seen.values:
        return Proposal(column, {"type": "text"}, "text: always empty")
    if seen.zeros:
        return Proposal(column, {"type": "text"}, f"text: leading zeros in {seen.zeros:,} values")
    if seen.digits:
        return Proposal(column, {"type": "text"}, f"text: more than 18 digits in {seen.digits:,} values")
    kinds = [kind for kind, odd in (seen.kinds or {}).items() if odd <= seen.values * ODD_SHARE]
    for kind in ("integer", "bigint", "numeric", "boolean"):
        if kind in kinds:
            return Proposal(column, _declared(kind, seen.marks), _reason(seen, kind))
    if dates := [kind for kind in kinds if kind in _DATES]:
        return _dated(column, seen, dates)
    if "comma" in kinds:
        declared: dict[str, object] = {"type": "numeric", "decimal": ",", "thousands": "."}
        return Proposal(column, declared, "numeric: a comma before the decimals")
    return Proposal(column, {"type": "text"}, "text")


def _declared(kind: str, marks: int) -> dict[str, object]:
    return {"type": kind} | ({"null": sorted(_NULL_MARKS)} if marks else {})


def _reason(seen: Evidence, kind: str) -> str:
    odd, text = (seen.kinds or {})[kind], kind
    if odd:
        value, line = seen.misfits[kind]
        text += f", {odd:,} of {seen.values:,} does not fit: {value!r} line {line:,}"
    if seen.marks:
        text += f", {seen.marks:,} marks such as '-' mean no value"
    return text


def _dated(column: str, seen: Evidence, dates: list[str]) -> Proposal:
    kind = "timestamp" if "HH" in dates[0] else "date"
    declared = _declared(kind, seen.marks)
    if not dates[0].startswith("yyyy-MM-dd"):
        declared["formats"] = dates[:1]
    reason = _reason(seen, dates[0]).replace(dates[0], kind, 1)
    if len(dates) > 1:
        reason += f"; AMBIGUOUS: reads as {' and as '.join(dates)}, ask the client"
    return Proposal(column, declared, reason)

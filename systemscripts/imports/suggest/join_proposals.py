"""Join what several files of one kind propose for a column: one declaration that fits all of them."""

from __future__ import annotations

import re

from systemscripts.imports.suggest.infer_types import Proposal

# each holds the values of those before it
_NUMBERS = ("integer", "bigint", "numeric")
_EMPTY = re.compile("text: (?:always empty|no value but)")


def join_proposals(first: Proposal, second: Proposal) -> Proposal:
    """Return the proposal for a column of two files; text where they contradict each other."""
    if first.declared == second.declared:
        return second if first.is_ambiguous else first
    for one, other in ((first, second), (second, first)):
        if _EMPTY.match(one.reason) or (one.is_ambiguous and not other.is_ambiguous and _has_same_type(one, other)):
            return other
    joined = _join_declarations(first.declared, second.declared)
    if joined is None:
        types = " and ".join(str(one.declared["type"]) for one in (first, second))
        return Proposal(first.column, {"type": "text"}, f"text: {types} in different files")
    wider = first if joined["type"] == first.declared["type"] else second
    return Proposal(first.column, joined, wider.reason)


def _has_same_type(one: Proposal, other: Proposal) -> bool:
    return one.declared["type"] == other.declared["type"]


def _join_declarations(first: dict[str, object], second: dict[str, object]) -> dict[str, object] | None:
    """Return the keys of both; None where a key has two values, except for numbers, of which one may be wider."""
    joined = {**first, **second}
    types = {first["type"], second["type"]}
    if types <= set(_NUMBERS):
        joined["type"] = max(types, key=_NUMBERS.index)
    elif len(types) > 1:
        return None
    marks: set[str] = set()
    for null in (first.get("null"), second.get("null")):
        marks |= set(null) if isinstance(null, list) else set()
    if marks:
        joined["null"] = sorted(marks)
    contradicting = [key for key in first.keys() & second.keys() - {"type", "null"} if first[key] != second[key]]
    # without a declared mark a point is the decimal mark
    is_mark_missing = ("decimal" in first) != ("decimal" in second) and "numeric" in (first["type"], second["type"])
    return None if contradicting or is_mark_missing else joined

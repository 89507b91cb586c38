"""The label of a file beside the other labels of its import: one that is nearly another, or the keys of another one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from systemscripts.findings.finding import Finding
from systemscripts.findings.rules.row_patterns import find_unique_columns
from systemscripts.findings.values import history as profiles_of_before
from systemscripts.findings.values.bounds import MIN_VALUES, format_share
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import KEY
from systemscripts.findings.values.sketch import Sketch, measure_overlap

# Shorter labels are codes, in which one letter is another thing.
MIN_LABEL_CHARACTERS = 4
OTHER_LIST_SHARE = 0.9
OWN_LIST_SHARE = 0.5


def judge_near(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a first file of a label that differs from a known one by case or one letter."""
    if history or not file.label:
        return
    known = profiles_of_before.list_known_labels(file.cursor, file.config.config_name)
    if file.label in known:
        return
    # labels that are near each other by nature, such as codes of sites
    are_codes = any(differs_by_one_letter(a, b) for a, b in itertools.combinations(known, 2))
    for label in known:
        is_respelled = "".join(label.split()).casefold() == "".join(file.label.split()).casefold()
        if is_respelled or (not are_codes and differs_by_one_letter(label, file.label)):
            text = f"{file.label!r} is a new label; is {label!r} meant?"
            yield Finding("label_near", "warn", text, None, {"near": label})
            return


def differs_by_one_letter(one: str, other: str) -> bool:
    """Whether two labels differ by one letter that is other, too many or missing; digits count as other things."""
    if min(len(one), len(other)) < MIN_LABEL_CHARACTERS or abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rests = (one[start:], other[start:])
    changed = rests[0][:1] + rests[1][:1]
    if not changed.isalpha() or (start and not one[start - 1].isalpha() and len(max(rests, key=len)) == 1):
        return False
    return rests[0][1:] == rests[1][1:] or rests[0][1:] == rests[1] or rests[0] == rests[1][1:]


def judge_other_keys(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a file with the keys of another label: at least nine tenths of its list, and under half of its own."""
    if not file.label:
        return
    names = [KEY] if KEY in file.profiles else find_unique_columns(history)
    others: dict[str, dict[str, Sketch | None]] | None = None
    for name in names:
        now = file.profiles.get(name)
        own = [past.profiles[name].sketch for past in history if name in past.profiles]
        if now is None or now.distinct_values < MIN_VALUES or not own:
            continue
        if max(measure_overlap(sketch, now.sketch) or 0.0 for sketch in own) >= OWN_LIST_SHARE:
            return
        if others is None:
            others = profiles_of_before.read_other_keys(file.cursor, file.config.config_name, file.label)
        for label, sketches in others.items():
            share = measure_overlap(sketches.get(name), now.sketch) or 0.0
            if share >= OTHER_LIST_SHARE:
                text = f"{format_share(share)} of the keys of {label!r} are in this file of {file.label!r}: mixed up?"
                yield Finding("keys_of_other_label", "warn", text, None, {"label": label, "share": share})
                return


RULES = (
    Rule("label_near", judge_near, needs_history=False),
    Rule("keys_of_other_label", judge_other_keys),
)

"""Columns of few values: codes that no file had before, that are written otherwise, or have changed places."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import DEVIATIONS, format_share, measure_deviation
from systemscripts.findings.values.compare import find_unseen, list_usually_known, measure_known, pair_columns
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import ColumnProfile
from systemscripts.findings.values.sketch import build_sketch, measure_overlap

# On more rows than this codes that were never seen are another list of codes.
MAX_NEW_SHARE = 0.20
# A list of codes has far fewer values than rows.
MAX_VALUES_PER_ROW = 0.4
# Where the same code is only written otherwise, a smaller share is plain enough.
MAX_RESPELLED_SHARE = 0.05
# Of a long list, where at least so many different values are known from file to file, hardly one is now.
USUALLY_KNOWN = 0.5
MAX_KNOWN_PART = 0.2
KNOWN_AGAIN = 0.7
# That other case makes the values known again is proof enough even where fewer recur.
MIN_KNOWN_TO_RESPELL = 0.15
# Standard deviations of chance by which a share of true must move.
CHANCE_DEVIATIONS = 5


def judge_new_codes(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of codes that no file had before, on more than a fifth of the rows."""
    for now, before in pair_columns(file, history):
        if not _is_code(now) or not all(_is_code(profile) for profile in before):
            continue
        tops = [profile.top_values for profile in (now, *before)]
        # what brings new values with every file is not a list of codes
        share, *past = (sum(find_unseen(tops[n], tops[n + 1 :]).values()) for n in range(len(before)))
        unseen, usual = list(find_unseen(tops[0], tops[1:])), max(past)
        if share <= MAX_NEW_SHARE or share <= 2 * usual:
            continue
        known = ", ".join(list(before[0].top_values or {})[:3])
        text = (
            f"{now.column_name}: {format_share(share)} of the values were never seen before ({', '.join(unseen[:3])}); "
            f"usual are {known}"
        )
        yield Finding("new_codes", "warn", text, now.column_name, {"share": share, "new": unseen[:20]})


def judge_new_list(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a long list of codes or names of which hardly one was known, where most always were."""
    for now, _, usual, known in _list_unknown(file, history, USUALLY_KNOWN):
        samples = ", ".join(list(file.values.counts[now.column_name])[:3])
        text = (
            f"{now.column_name}: {format_share(known)} of the different values are known ({samples}), "
            f"usually at least {format_share(usual)}"
        )
        yield Finding("new_codes", "warn", text, now.column_name, {"known": known, "usual": usual})


def _list_unknown(
    file: File, history: list[Past], least: float
) -> Iterator[tuple[ColumnProfile, list[ColumnProfile], float, float]]:
    """Return the columns of many texts of which hardly one is known, where always at least a share was; both shares."""
    for now, before in pair_columns(file, history):
        is_list = now.patterns is not None and all(profile.top_values is None for profile in (now, *before))
        if not is_list:
            continue
        usual = min(list_usually_known(before))
        if usual < least or (measure_overlap(now.sketch, before[0].sketch) or 0.0) >= usual * MAX_KNOWN_PART:
            continue
        known = measure_known(now.sketch, before)
        if known < usual * MAX_KNOWN_PART:
            yield now, before, usual, known


def judge_respelled_list(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a long list whose values are known only in other case."""
    for now, before, usual, _ in _list_unknown(file, history, MIN_KNOWN_TO_RESPELL):
        values = list(file.values.counts[now.column_name])
        for change in (str.lower, str.upper, str.title, str.strip):
            changed = build_sketch(map(change, values))
            if measure_known(changed, before) >= usual * KNOWN_AGAIN:
                text = f"{now.column_name}: the values are written otherwise than before ({', '.join(values[:3])})"
                yield Finding("codes_respelled", "warn", text, now.column_name)
                break


def judge_respelled(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of known codes that are written in other case, with blanks, or with other zeros before them."""
    for now, before in pair_columns(file, history):
        if not _is_code(now) or now.patterns is None or not all(_is_code(profile) for profile in before):
            continue
        known = {value for profile in before for value in profile.top_values or {}}
        plain = {_simplify(value): value for value in known}
        respelled = {
            value: share
            for value, share in (now.top_values or {}).items()
            if value not in known and _simplify(value) in plain
        }
        if sum(respelled.values()) > MAX_RESPELLED_SHARE:
            value = next(iter(respelled))
            text = (
                f"{now.column_name}: {format_share(sum(respelled.values()))} of the values are written otherwise than "
                f"before ({value!r}, usually {plain[_simplify(value)]!r})"
            )
            yield Finding("codes_respelled", "warn", text, now.column_name, {"respelled": list(respelled)[:20]})


def judge_flipped(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a column of two values whose shares have changed places."""
    for now, before in pair_columns(file, history):
        tops = [profile.top_values or {} for profile in (now, *before)]
        values = sorted({value for top in tops for value in top})
        if len(values) != 2 or now.is_number:
            continue
        share, *past = (top.get(values[1], 0.0) for top in tops)
        chance = (max(statistics.median(past) * (1 - statistics.median(past)), 0.01) / now.filled) ** 0.5
        margin = max(DEVIATIONS * measure_deviation(past), CHANCE_DEVIATIONS * chance)
        is_outside = not min(past) - margin <= share <= max(past) + margin
        if is_outside and min(past) - margin <= 1 - share <= max(past) + margin:
            text = (
                f"{now.column_name}: {format_share(share)} are {values[1]}, usually {format_share(min(past))} to "
                f"{format_share(max(past))}: the other way round?"
            )
            yield Finding("shares_flipped", "warn", text, now.column_name, {"share": share, "usual": past})


def _is_code(profile: ColumnProfile) -> bool:
    """Whether a column holds few values that recur; numbers of amounts and dates are not codes."""
    if profile.top_values is None or profile.is_date or profile.column_type.startswith("numeric"):
        return False
    return len(profile.top_values) <= max(2, MAX_VALUES_PER_ROW * profile.filled)


def _simplify(value: str) -> str:
    return "".join(value.casefold().split()).lstrip("0")


RULES = (
    Rule("new_codes", judge_new_codes, is_for_whole=True),
    Rule("new_codes", judge_new_list, is_for_whole=True),
    Rule("codes_respelled", judge_respelled),
    Rule("codes_respelled", judge_respelled_list),
    Rule("shares_flipped", judge_flipped),
)

"""Texts that were read in another encoding, cut at one length, or keys that are written otherwise."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator

from systemscripts.findings.finding import Finding
from systemscripts.findings.values import garbled_text
from systemscripts.findings.values.bounds import format_share
from systemscripts.findings.values.compare import find_unseen, list_usually_known, measure_known, pair_columns
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import KEY, ColumnProfile

# So many longer values must be missing that chance is out of the question.
MIN_LOST_VALUES = 6
# Of the values that would be longer, this part stands at the very length now: they were cut, not left out.
CUT_PART = 0.6
# New letters on fewer values than this may be a new name.
MIN_STRANGE_VALUES = 3
# A form of keys that no file had, on more keys than this.
NEW_FORM_SHARE = 0.9
USUALLY_KNOWN = 0.2
# Keys with zeros before them, padded or no longer.
MANY_ZEROS = 0.5
FEW_ZEROS = 0.05


def judge_garbled(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of texts that look as if read in another encoding, in a column that never had any."""
    for now, before in pair_columns(file, history):
        if now.patterns is None:
            continue
        usual = max(int(profile.traits.get("garbled", 0)) for profile in before)
        count = int(now.traits.get("garbled", 0))
        values = file.values.counts[now.column_name]
        samples = _find_strange(now, before, values)
        if count:
            samples = [value for value in values if garbled_text.looks_garbled(value)]
        elif len(samples) >= MIN_STRANGE_VALUES:
            count = len(samples)
        if count and not usual:
            text = (
                f"{now.column_name}: {count:,} values look garbled ({', '.join(samples[:3])}), before there were none"
            )
            yield Finding("garbled", "warn", text, now.column_name, {"values": count})


def _find_strange(now: ColumnProfile, before: list[ColumnProfile], values: Iterable[str]) -> list[str]:
    """Return values with letters beyond ASCII that no file had, where the ones that every file had are gone."""
    past = [set(profile.traits.get("letters", "")) for profile in before]
    usual, mine = set.intersection(*past), set(now.traits.get("letters", ""))
    strange = mine - set.union(*past)
    if len(usual) < 2 or mine & usual or not strange:
        return []
    return [value for value in values if strange & set(value)]


def judge_cut(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of texts that are cut at one length."""
    for now, before in pair_columns(file, history):
        if now.max_length is None or now.min_length == now.max_length:
            is_one_length = now.max_length is not None and now.distinct_values > 1
            if not is_one_length:
                continue
        longest = now.max_length or 0
        if longest >= min(profile.max_length or 0 for profile in before):
            continue
        longer = [_share_of_lengths(profile, longest + 1) for profile in before]
        at_longest = _share_of_lengths(now, longest)
        expected = [_share_of_lengths(profile, longest) for profile in before]
        if min(longer) * now.filled >= MIN_LOST_VALUES and at_longest >= CUT_PART * min(expected):
            usual = max(profile.max_length or 0 for profile in before)
            value = next(v for v in file.values.counts[now.column_name] if len(v) == longest)
            text = (
                f"{now.column_name}: {format_share(at_longest)} of the values have {longest} characters and none has "
                f"more ({value}), usually there are up to {usual}: cut?"
            )
            yield Finding("lengths_cut", "warn", text, now.column_name, {"length": longest, "usual": usual})


def _share_of_lengths(profile: ColumnProfile, least: int) -> float:
    lengths: dict[str, float] = profile.traits.get("lengths", {})
    return sum(share for size, share in lengths.items() if int(size) >= least)


def judge_key_form(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of text keys that are written otherwise than ever, or none of which is known any more."""
    key = set((file.profiles[KEY].column_type if KEY in file.profiles else "").split(", "))
    for now, before in pair_columns(file, history):
        is_key = now.column_name in key or all(profile.distinct_values == profile.filled for profile in before)
        if not is_key or now.patterns is None:
            continue
        forms = [profile.patterns for profile in (now, *before)]
        new, *usual_new = (sum(find_unseen(forms[n], forms[n + 1 :]).values()) for n in range(len(before)))
        value = next(iter(file.values.counts[now.column_name]))
        usual = before[0].min_value
        zeros = float(now.traits.get("zero_led", 0))
        past_zeros = [float(profile.traits.get("zero_led", 0)) for profile in before]
        are_zeros_new = zeros >= MANY_ZEROS and max(past_zeros) <= FEW_ZEROS
        are_zeros_gone = zeros <= FEW_ZEROS and min(past_zeros) >= MANY_ZEROS
        has_new_form = (
            new >= NEW_FORM_SHARE and max(usual_new) < NEW_FORM_SHARE / 2 and not _has_grown(now, before, file)
        )
        if has_new_form or are_zeros_new or (are_zeros_gone and new >= NEW_FORM_SHARE / 2):
            text = f"{now.column_name}: keys are written otherwise than ever ({value!r}, usually such as {usual!r})"
        elif measure_known(now.sketch, before) == 0 and min(list_usually_known(before)) >= USUALLY_KNOWN:
            known_share = format_share(statistics.median(list_usually_known(before)))
            text = (
                f"{now.column_name}: none of the keys is known ({value!r}, usually such as {usual!r}), "
                f"usually {known_share} are"
            )
        else:
            continue
        yield Finding("keys_unknown", "warn", text, now.column_name)


def _has_grown(now: ColumnProfile, before: list[ColumnProfile], file: File) -> bool:
    """Whether running numbers only came to have one digit more: 9998, 9999, 10000."""
    shapes = {_shorten_form(form) for profile in before for form in profile.patterns or {}}
    is_same_shape = all(_shorten_form(form) in shapes for form in now.patterns or {})
    is_longer = (now.max_length or 0) > max(profile.max_length or 0 for profile in before)
    values = file.values.counts[now.column_name]
    padded = sum(1 for value in values if re.search(r"(?<!\d)0\d", value))
    return is_same_shape and is_longer and padded < len(values) / 2


def _shorten_form(form: str) -> str:
    return re.sub(r"9+\+?", "9", form)


RULES = (
    Rule("garbled", judge_garbled),
    Rule("lengths_cut", judge_cut),
    Rule("keys_unknown", judge_key_form),
)

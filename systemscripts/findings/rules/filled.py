"""Columns that lost their values, got some for the first time, or hold one value where they held many."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import MIN_VALUES, format_share, is_share_outside
from systemscripts.findings.values.compare import pair_columns
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule

# A column is emptied where at least half of its fields were filled, and of fifty not one is now.
USUALLY_FILLED = 0.5
EMPTIED_SHARE = 0.02
# So many values were to be expected of a column that has none now.
MIN_EXPECTED_VALUES = 15
# One value on more rows than this is nearly constant already; and all rows must not have it by chance.
NEARLY_CONSTANT = 0.95
MAX_CHANCE = 1e-4


def judge_emptied(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file with a column that has lost its values."""
    for now, before in pair_columns(file, history, needs_values=False):
        past = [profile.share_filled for profile in before]
        if min(past) >= USUALLY_FILLED and now.share_filled <= EMPTIED_SHARE:
            usual = format_share(statistics.median(past))
            text = f"{now.column_name}: {now.filled:,} of {now.rows:,} rows have a value, usually {usual}"
            detail = {"share": now.share_filled, "usual": past}
            yield Finding("emptied", "hold", text, now.column_name, detail)


def judge_share_empty(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a column of which far more, or far fewer, fields are empty than ever."""
    for now, before in pair_columns(file, history, needs_values=False):
        past = [profile.share_filled for profile in before]
        is_emptied = min(past) >= USUALLY_FILLED and now.share_filled <= EMPTIED_SHARE
        is_new = max(past) == 0
        # of a seldom filled column too few values are left for a share to say it
        is_seldom_emptied = now.filled == 0 and min(past) * now.rows >= MIN_EXPECTED_VALUES
        is_outside = is_share_outside(now.share_filled, past) or is_seldom_emptied
        if is_emptied or is_new or not is_outside:
            continue
        text = (
            f"{now.column_name}: {format_share(now.share_filled)} of the rows have a value, "
            f"usually {format_share(min(past))} to {format_share(max(past))}"
        )
        yield Finding("share_empty", "warn", text, now.column_name, {"share": now.share_filled, "usual": past})


def judge_newly_filled(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a column that was always empty and has values now."""
    for now, before in pair_columns(file, history, needs_values=False):
        if now.filled >= MIN_VALUES and all(profile.filled == 0 for profile in before):
            samples = ", ".join(list(file.values.counts[now.column_name])[:3])
            text = f"{now.column_name}: was always empty, has values in {now.filled:,} rows now ({samples})"
            yield Finding("newly_filled", "warn", text, now.column_name)


def judge_constant(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a column that holds one value on all rows where it held several."""
    for now, before in pair_columns(file, history):
        if now.distinct_values != 1 or min(profile.distinct_values for profile in before) < 2:
            continue
        largest = [max((profile.top_values or {}).values(), default=0.0) for profile in before]
        if max(largest) > NEARLY_CONSTANT or max(largest) ** now.filled > MAX_CHANCE:
            continue
        value = next(iter(file.values.counts[now.column_name]))
        usual = statistics.median(profile.distinct_values for profile in before)
        text = (
            f"{now.column_name}: all {now.filled:,} rows have {value}; usually there are {usual:,.0f} different values"
        )
        yield Finding("constant", "warn", text, now.column_name, {"value": value, "usual": usual})


RULES = (
    Rule("emptied", judge_emptied),
    Rule("share_empty", judge_share_empty),
    Rule("newly_filled", judge_newly_filled),
    Rule("constant", judge_constant),
)

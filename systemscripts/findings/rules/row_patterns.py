"""Rows as a whole: twice in the file, with a key that is not unique, too few, a total among them, a torn last one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator

from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import MIN_VALUES, format_figure, format_share, is_share_outside
from systemscripts.findings.values.history import MIN_DATASETS, Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import IS_COUNTED, KEY, KEY_TYPES, ROWS, ColumnProfile

ALL_TWICE = 0.9
# Twins of a fifth more of the rows than ever are a join or an export that went wrong, not two equal events.
MANY_TWICE_POINTS = 0.20
# A guess at a key is sure enough only where it fails on many rows.
MIN_REPEATED_OF_GUESS = 0.10
# A holiday week has four fifths of the rows; half and less is held by the guard.
FEW_ROWS = 0.75
COMPARED_LOADS = 5
# A feed that varies much may once have still fewer.
BELOW_FEWEST = 0.85
# A total of fewer numbers may be one by chance.
MIN_SUMMANDS = 10
# A total is far larger than the largest of its summands.
STANDS_OUT = 1.5


def judge_doubled(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file of which nearly all rows occur twice; warn of many."""
    now = file.profiles[ROWS]
    past = [
        float(earlier.profiles[ROWS].traits.get("share_of_twins", 0)) for earlier in history if ROWS in earlier.profiles
    ]
    share = float(now.traits.get("share_of_twins", 0))
    if file.values.sample.length < MIN_VALUES or not past:
        return
    text = f"{format_share(share)} of the rows occur more than once, usually {format_share(statistics.median(past))}"
    if share >= ALL_TWICE and max(past) < ALL_TWICE / 2:
        yield Finding("rows_doubled", "hold", text, None, {"share": share})
    elif is_share_outside(share, past, MANY_TWICE_POINTS) and share > max(past):
        yield Finding("rows_doubled", "warn", text, None, {"share": share})


def judge_key(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file in which the key, declared or always unique so far, is not unique."""
    if KEY in file.profiles:
        yield from _judge_declared_key(file, history)
        return
    guess = find_unique_columns(history)
    for name in guess:
        now = file.profiles.get(name)
        if now is None or now.filled < MIN_VALUES or not is_counted(now):
            continue
        repeated = 1 - now.distinct_values / now.filled
        if repeated >= MIN_REPEATED_OF_GUESS:
            yield _build_key_finding(file, now, name, "hold", repeated)


def _judge_declared_key(file: File, history: list[Past]) -> Iterator[Finding]:
    now = file.profiles[KEY]
    past = [earlier.profiles[KEY] for earlier in history if KEY in earlier.profiles]
    if len(past) < MIN_DATASETS or now.filled < MIN_VALUES or now.distinct_values == now.filled:
        return
    if any(profile.distinct_values != profile.filled or profile.column_type != now.column_type for profile in past):
        return
    repeated = 1 - now.distinct_values / now.filled
    # where rows are laid one over another by key, a row that changed twice is nothing wrong
    is_wrong = file.is_whole or repeated >= MIN_REPEATED_OF_GUESS
    yield _build_key_finding(file, now, now.column_type, "hold" if is_wrong else "inform", repeated)


def _build_key_finding(file: File, now: ColumnProfile, name: str, severity: str, repeated: float) -> Finding:
    sample = ""
    if name in file.values.counts:
        value, count = file.values.counts[name].most_common(1)[0]
        sample = f", such as {value} {count} times" if count > 1 else ""
    text = f"{name} is not unique: {format_share(repeated)} of the rows repeat a key{sample}; it always was"
    return Finding("key_not_unique", severity, text, name if name in file.profiles else None, {"repeated": repeated})  # type: ignore[arg-type]


def find_unique_columns(history: list[Past]) -> list[str]:
    """Return the columns that name a row as far as the files of before tell: filled and different in every row."""
    columns = history[0].profiles if len(history) >= MIN_DATASETS else {}
    return [
        name
        for name, profile in columns.items()
        if profile.position
        and profile.column_type in KEY_TYPES
        and all(_is_unique(earlier, name) for earlier in history)
    ]


def _is_unique(past: Past, name: str) -> bool:
    profile = past.profiles.get(name)
    return (
        profile is not None
        and is_counted(profile)
        and profile.filled >= MIN_VALUES
        and profile.distinct_values == profile.filled == profile.rows
    )


def is_counted(profile: ColumnProfile) -> bool:
    """Whether the different values of a column were counted in the whole load."""
    return not profile.is_estimated or bool(profile.traits.get(IS_COUNTED))


def judge_few(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a snapshot of far fewer rows; the guard holds one of fewer than half."""
    past = [earlier.rows_loaded for earlier in history[:COMPARED_LOADS]]
    rows, usual = file.profiles[ROWS].rows, statistics.median(past)
    if file.config.load_mode != "snapshot" or usual < MIN_VALUES:
        return
    if rows < FEW_ROWS * usual and rows < BELOW_FEWEST * min(earlier.rows_loaded for earlier in history):
        text = f"{rows:,} rows, the last good loads had {usual:,.0f}: less than {format_share(FEW_ROWS)}"
        yield Finding("few_rows", "warn", text, None, {"rows": rows, "usual": usual})


def judge_total(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a row that is not a record but a total: its numbers are the sums of all others."""
    totals = {profile.column_name: total for profile in file.list_columns() if (total := _find_total(file, profile))}
    for name, (row, value, is_whole) in totals.items():
        agree = sum(other == row for other, *_ in totals.values())
        # small whole numbers add up by chance; at an end of the file, or in two columns, they do not
        if agree >= 2 or not is_whole or row in (0, file.values.sample.length - 1):
            text = f"{name}: {format_figure(value)} is the sum of all other values: a total row?"
            yield Finding("total_row", "warn", text, name, {"total": value})


def _find_total(file: File, profile: ColumnProfile) -> tuple[int, float, bool] | None:
    """Return row and value of a number that is the sum of all others, and whether all are whole; None without one."""
    sample = file.values.sample
    is_known = not profile.is_estimated or profile.column_name in sample.sums
    if not profile.is_number or not is_known or profile.filled < MIN_VALUES:
        return None
    values = sample.columns[profile.column_name]
    numbers = [0.0 if value is None else float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        return None
    ordered = sorted(map(abs, numbers), reverse=True)
    largest, total = max(numbers, key=abs), sample.sums.get(profile.column_name, math.fsum(numbers))
    is_sum = abs(2 * largest - total) <= 1e-9 * abs(total) + 0.005
    if not is_sum or len(numbers) - numbers.count(0.0) <= MIN_SUMMANDS or ordered[0] < STANDS_OUT * ordered[1]:
        return None
    return numbers.index(largest), largest, all(number == int(number) for number in numbers)


def judge_last(file: File, history: list[Past]) -> Iterator[Finding]:
    """Warn of a file whose last line has no end, where every file before had one: its last record may be cut."""
    now = file.profiles[ROWS].traits.get("ends_with_line")
    if torn := _find_torn_value(file, history):
        yield Finding("last_record", "warn", f"the last record may be cut: {torn}")
        return
    past = [earlier.profiles[ROWS].traits.get("ends_with_line") for earlier in history if ROWS in earlier.profiles]
    if now is False and len(past) >= MIN_DATASETS and all(past):
        last = {name: values[-1] for name, values in file.values.sample.columns.items()}
        shown = ", ".join(f"{name} {value}" for name, value in list(last.items())[-2:])
        text = f"the last line ends without a line break, which none did before: is the last record whole ({shown})?"
        yield Finding("last_record", "warn", text)


def _find_torn_value(file: File, history: list[Past]) -> str:
    """Return what is torn about the last value of a file that does not end with a line break, "" where nothing is."""
    columns = {name: values for name, values in file.values.sample.columns.items() if file.profiles[name].filled}
    if not columns or file.profiles[ROWS].traits.get("ends_with_line") is not False:
        return ""
    name, values = list(columns.items())[-1]
    *others, last = values
    if len(others) < MIN_VALUES:
        return ""
    if last is None:
        return f"{name} is empty there alone" if None not in others else ""
    lengths = {len(value.partition(".")[2] if file.profiles[name].is_number else value) for value in others if value}
    own_length = len(last.partition(".")[2] if file.profiles[name].is_number else last)
    known = {
        value for earlier in history if name in earlier.profiles for value in earlier.profiles[name].top_values or {}
    }
    is_prefix = last not in known and last not in others and any(value.startswith(last) for value in known)
    if is_prefix or (len(lengths) == 1 and own_length < min(lengths)):
        return f"{name} is {last!r}"
    return ""


RULES = (
    Rule("rows_doubled", judge_doubled),
    Rule("key_not_unique", judge_key),
    Rule("few_rows", judge_few, is_for_whole=True),
    Rule("total_row", judge_total, needs_history=False),
    Rule("last_record", judge_last),
)

"""What the configuration expects of values (`expect:`): exact figures, in every file from the first on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from psycopg2 import sql

from systemscripts.configuration.expectation_options import ColumnExpectations, Number
from systemscripts.errors import ConfigurationError
from systemscripts.findings.finding import Finding
from systemscripts.findings.values.bounds import format_share
from systemscripts.findings.values.history import Past
from systemscripts.findings.values.judge import File, Rule
from systemscripts.findings.values.profile import ROWS

# A text such as 1e999999 is a code and not a number: no table holds numbers of a thousand digits.
MAX_EXPONENT = 1000

NAME = "expectation"


def judge_expectations(file: File, history: list[Past]) -> Iterator[Finding]:
    """Hold a file that does not fulfil what is expected of its rows and columns; warn of values that are missing."""
    expected = file.config.expect
    if expected.rows and not _is_between(file.profiles[ROWS].rows, expected.rows):
        text = f"{file.profiles[ROWS].rows:,} rows, expected are {_describe(expected.rows)}"
        yield Finding(NAME, "hold", text)
    yield from _judge_filled(file)
    for name, wishes in expected.columns.items():
        if name in file.values.counts:
            counts = file.values.sample.exact_counts.get(name, file.values.counts[name])
            faults = list(_judge_column(file, name, wishes, counts))
            if faults:
                yield Finding(NAME, "hold", f"{name}: {'; '.join(faults)}", name)


def _judge_filled(file: File) -> Iterator[Finding]:
    """Warn of empty values in the columns that `filled` names."""
    for name in file.config.expect.filled:
        profile = file.profiles.get(name)
        if profile is not None and profile.filled < profile.rows:
            text = f"{name}: {profile.rows - profile.filled:,} of {profile.rows:,} values are empty, expected is none"
            yield Finding(NAME, "warn", text, name)


def _judge_column(file: File, name: str, wishes: ColumnExpectations, counts: Counter[str]) -> Iterator[str]:
    profile = file.profiles[name]
    if wishes.unique and (twice := [value for value, count in counts.items() if count > 1]):
        yield f"{len(twice):,} values occur more than once ({', '.join(twice[:3])}), expected is none"
    if wishes.filled is not None and profile.share_filled < wishes.filled:
        yield (
            f"{format_share(profile.share_filled)} of the rows have a value, "
            f"expected are at least {format_share(wishes.filled)}"
        )
    if wishes.distinct and not _is_between(len(counts), wishes.distinct):
        yield f"{len(counts):,} different values, expected are {_describe(wishes.distinct)}"
    if wishes.accepted and (other := [value for value in counts if value not in wishes.accepted]):
        rows, accepted = sum(counts[value] for value in other), ", ".join(wishes.accepted[:10])
        yield f"{', '.join(other[:3])} in {rows:,} rows, expected are {accepted}"
    if counts:
        yield from _judge_figures(wishes, [(read_value(value), count) for value, count in counts.items()])
    if wishes.references and counts and (unknown := _find_unknown(file, wishes.references, list(counts))):
        yield f"{len(unknown):,} values are not in {wishes.references} ({', '.join(unknown[:3])})"


def _judge_figures(wishes: ColumnExpectations, values: list[tuple[Any, int]]) -> Iterator[str]:
    numbers = [(value, count) for value, count in values if isinstance(value, Decimal)]
    same = numbers if len(numbers) == len(values) else [(str(value), count) for value, count in values]
    figures: tuple[tuple[str, Any, Callable[[], Any]], ...] = (
        ("smallest value", wishes.min, lambda: min(value for value, _ in same)),
        ("largest value", wishes.max, lambda: max(value for value, _ in same)),
        ("sum", wishes.sum, lambda: sum((value * count for value, count in numbers), Decimal(0))),
    )
    for what, interval, compute in figures:
        if interval and not _is_between(value := compute(), interval):
            yield f"the {what} is {value}, expected is {_describe(interval)}"


def read_value(text: str) -> Decimal | str:
    """Return a number where a text is one, else the text; dates compare as texts."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() and abs(number.adjusted()) <= MAX_EXPONENT else text


def _is_between(value: Any, interval: tuple[Number | None, Number | None]) -> bool:
    lowest, highest = (None if end is None else _like(value, end) for end in interval)
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)


def _like(value: Any, end: Number | date) -> Any:
    return Decimal(str(end)) if isinstance(value, int | Decimal) else str(end)


def _describe(interval: tuple[Number | None, Number | None]) -> str:
    lowest, highest = interval
    if lowest is None:
        return f"at most {highest}"
    return f"at least {lowest}" if highest is None else f"{lowest} to {highest}"


def _find_unknown(file: File, references: str, values: list[str]) -> list[str]:
    schema, table, column = references.split(".")
    file.cursor.execute(
        """select exists (select from information_schema.columns
           where table_schema = %s and table_name = %s and column_name = %s)""",
        (schema, table, column),
    )
    if file.cursor.fetchone() != (True,):
        raise ConfigurationError(f"expect: references names {references}, which does not exist", "Correct the import.")
    statement = sql.SQL(
        "select v from unnest(%s::text[]) v where v not in (select {0}::text from {1} where {0} is not null)"
    )
    file.cursor.execute(statement.format(sql.Identifier(column), sql.Identifier(schema, table)), (values,))
    return [value for (value,) in file.cursor.fetchall()]


RULES = (Rule(NAME, judge_expectations, needs_history=False),)

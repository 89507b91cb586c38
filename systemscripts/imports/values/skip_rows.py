"""Find the rows that are not data, such as totals, by `reading: skip_if`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from systemscripts.errors import BadDataError

# index of a column -> what its value must be; a row is skipped if all columns of a rule fit
SkipRule = dict[int, re.Pattern[str]]
Declared = Mapping[str, Sequence[str]] | Sequence[Mapping[str, Sequence[str]]]


def compile_rules(declared: Declared, columns: Sequence[str]) -> list[SkipRule]:
    """Return the rules of `skip_if` for a file; raise BadDataError for a column that it lacks.

    As a mapping, one of the exact values in one of the columns is enough. In a list, each item is a rule whose columns
    must all fit, and * stands for any text, \\* for itself.
    """
    rules = [{name: values} for name, values in declared.items()] if isinstance(declared, Mapping) else declared
    for name in (name for rule in rules for name in rule):
        if name not in columns:
            raise BadDataError(f"there is no column {name!r}, which reading.skip_if needs to skip rows")
    has_wildcards = not isinstance(declared, Mapping)
    return [
        {columns.index(name): _compile_values(values, has_wildcards) for name, values in rule.items()} for rule in rules
    ]


def _compile_values(values: Sequence[str], has_wildcards: bool) -> re.Pattern[str]:
    patterns = [_translate_wildcards(value) if has_wildcards else re.escape(value) for value in values]
    return re.compile("|".join(patterns), re.DOTALL)


def _translate_wildcards(value: str) -> str:
    first, *others = [re.escape(part.replace(r"\*", "*")) for part in re.split(r"(?<!\\)\*", value)]
    # the first place where a part fits is as good as any, and trying no other keeps long values quick
    middle = "".join(f"(?>.*?{part})" for part in others[:-1])
    return first + middle + "".join(f".*{part}" for part in others[-1:])


def find_rows_to_skip(columns: Sequence[Sequence[str]], rules: Sequence[SkipRule]) -> set[int]:
    """Return the positions of the rows that a rule skips."""
    skipped: set[int] = set()
    for rule in rules:
        rows: Sequence[int] | range = range(len(columns[next(iter(rule))]))
        for index, pattern in rule.items():
            values = columns[index]
            # the same value occurs in many rows
            fitting = {value for value in set(values) if pattern.fullmatch(value.strip())}
            rows = [row for row in rows if values[row] in fitting] if fitting else []
        skipped.update(rows)
    return skipped

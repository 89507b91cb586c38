"""The checked path: split records into fields, convert and check each column, set bad rows aside with their reason.

A block is checked column by column, and each distinct value of a column only once: dates, codes and marks repeat, and
looking a value up is several times faster than converting it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from systemscripts import bounded_patterns
from systemscripts.configuration.column_schema import Checks, Column
from systemscripts.imports.rejects import Reject
from systemscripts.imports.values import column_patterns, convert_values, split_fields
from systemscripts.imports.values.row_checks import Equation
from systemscripts.imports.values.skip_rows import SkipRule
from systemscripts.imports.values.split_fields import SplitBlock
from systemscripts.imports.values.transform_rows import Transform
from systemscripts.tables.model import Block, Table

# returns the value to store, or raises ValueError with the reason
Judge = Callable[[str], str]


@dataclass(frozen=True)
class Field:
    """One column of the target: its index in the file (None: not in this file) and its declaration."""

    name: str
    index: int | None
    column: Column
    null: frozenset[str]


@dataclass(frozen=True)
class Rules:
    """What the rows of one file must fulfil."""

    # how many fields a record has
    width: int
    fields: list[Field]
    equations: list[Equation]
    # undeclared columns that go into one JSON column: name -> index
    extras: dict[str, int]
    extras_name: str
    # rows that fit one of these are not data
    skip_if: list[SkipRule]
    zone: ZoneInfo | None
    # schema.table.column -> its values
    lookups: dict[str, frozenset[str]]
    # add the hash of each row as last column
    hashed: bool = False
    # changes the columns before they are checked
    transform: Transform | None = None


@dataclass
class CheckedBlock:
    """The good rows of a block, with their lines in the file, and its rejects; "" means no value."""

    rows: Sequence[int]
    columns: Sequence[Sequence[str]]
    rejects: list[Reject]
    skipped: int = 0


class RowChecker:
    """Checks blocks of one table by its rules; remembers the result for each value of a column."""

    # of one column; beyond it all are dropped, which bounds the memory
    MAX_REMEMBERED_VALUES = 200_000

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._judges = [_build_judge(field, rules) for field in rules.fields]
        self._patterns = [column_patterns.build_pattern(field.column, field.null) for field in rules.fields]
        self._as_it_is = [
            judge is None and field.null == {""} and not field.column.required and field.column.default is None
            for field, judge in zip(rules.fields, self._judges, strict=True)
        ]
        self._known: list[dict[str, str]] = [{} for _ in rules.fields]
        self._reasons: list[dict[str, str]] = [{} for _ in rules.fields]

    def check(self, block: Block, table: Table, careful: bool = False) -> CheckedBlock:
        """Convert one block; every record becomes a good row or a reject.

        `careful`: check value by value, because the server refused what the patterns accepted.
        """
        split = split_fields.split_block(block, table, self.rules.width)
        skipped = split_fields.remove_rows(split, self.rules.skip_if) if self.rules.skip_if else 0
        skipped += self.rules.transform.apply(split) if self.rules.transform else 0
        if not split.lines:
            return CheckedBlock([], [], split.rejects, skipped)
        # index of a row in the block -> index of its column, reason
        faults: dict[int, tuple[int, str]] = {}
        columns = [self._check_column(number, split, faults, careful) for number in range(len(self.rules.fields))]
        self._check_equations(columns, faults)
        if self.rules.extras_name:
            columns.append(_extras_as_json(self.rules.extras, split))
        if self.rules.hashed:
            columns.append(_hash_rows(self.rules.fields, split))
        checked = self._split_good_and_bad(split, columns, faults)
        checked.skipped = skipped
        return checked

    def _check_column(
        self, number: int, split: SplitBlock, faults: dict[int, tuple[int, str]], careful: bool
    ) -> Sequence[str]:
        field, pattern = self.rules.fields[number], self._patterns[number]
        if field.index is None:
            return [field.column.default or ""] * len(split.lines)
        values = split.columns[field.index]
        if self._as_it_is[number]:
            return values
        if pattern is not None and not careful and (whole := pattern.apply(values)) is not None:
            return whole
        return self._check_value_by_value(number, values, faults)

    def _check_value_by_value(
        self, number: int, values: Sequence[str], faults: dict[int, tuple[int, str]]
    ) -> list[str]:
        known, reasons = self._known[number], self._reasons[number]
        if len(known) > self.MAX_REMEMBERED_VALUES:
            known.clear()
            reasons.clear()
        for value in set(values) - known.keys():
            self._check_value(number, value)
        if reasons:
            for row, value in enumerate(values):
                if value in reasons and row not in faults:
                    faults[row] = (number, reasons[value])
        return list(map(known.__getitem__, values))

    def _check_value(self, number: int, value: str) -> None:
        field, judge = self.rules.fields[number], self._judges[number]
        try:
            if convert_values.is_empty(value, field.column, field.null):
                if field.column.required and field.column.default is None:
                    raise ValueError("must not be empty")
                self._known[number][value] = field.column.default or ""
            else:
                self._known[number][value] = judge(value) if judge else value
        except ValueError as error:
            self._known[number][value] = ""
            self._reasons[number][value] = str(error)

    def _check_equations(self, columns: list[Sequence[str]], faults: dict[int, tuple[int, str]]) -> None:
        names = {field.name: number for number, field in enumerate(self.rules.fields)}
        for equation in self.rules.equations:
            used = [columns[names[name]] for name in equation.names]
            for row, values in enumerate(zip(*used, strict=True)):
                if row not in faults and (
                    reason := equation.find_fault(dict(zip(equation.names, values, strict=True)))
                ):
                    faults[row] = (-1, reason)

    def _split_good_and_bad(
        self, split: SplitBlock, columns: list[Sequence[str]], faults: dict[int, tuple[int, str]]
    ) -> CheckedBlock:
        if not faults:
            return CheckedBlock(split.lines, columns, split.rejects)
        for row, (number, reason) in sorted(faults.items()):
            field = self.rules.fields[number] if number >= 0 else None
            value = split.columns[field.index][row] if field and field.index is not None else None
            text = f"{field.name}: {reason}" if field else reason
            split.rejects.append(Reject(split.lines[row], text, split.raw(row), field.name if field else None, value))
        good = [row for row in range(len(split.lines)) if row not in faults]
        lines = [split.lines[row] for row in good]
        return CheckedBlock(lines, [[values[row] for row in good] for values in columns], split.rejects)


def _build_judge(field: Field, rules: Rules) -> Judge | None:
    """Return conversion and checks of one column as one function; None if every text is good as it is."""
    convert = convert_values.make_converter(field.column, rules.zone)
    tests = _build_tests(field.column.checks, field.column.type, rules.lookups)
    if not tests:
        return convert

    def judge(value: str) -> str:
        stored = convert(value) if convert else value
        for test in tests:
            test(stored)
        return stored

    return judge


def _build_tests(checks: Checks, type_name: str, lookups: dict[str, frozenset[str]]) -> list[Callable[[str], None]]:
    tests: list[Callable[[str], None]] = []
    if checks.email:
        tests.append(lambda value: _require(convert_values.is_email(value), f"{value!r} is not an email address"))
    if checks.regex is not None:
        tests.append(_build_form_test(checks.regex, checks.form or "that is agreed"))
    if checks.one_of:
        allowed = frozenset(checks.one_of)
        tests.append(lambda value: _require(value in allowed, f"{value!r} is not one of {', '.join(checks.one_of)}"))
    if checks.lookup:
        comparable = convert_values.make_comparer(type_name)
        known: set[Hashable] = set()
        for text in lookups[checks.lookup]:
            # a value of another type equals no value of this column
            with contextlib.suppress(ValueError, ArithmeticError):
                known.add(comparable(text))
        tests.append(lambda value: _require(comparable(value) in known, f"{value!r} is not a known value"))
    if checks.range:
        tests.append(_build_range_test(checks.range, type_name))
    return tests


def _require(is_fulfilled: bool, reason: str) -> None:
    if not is_fulfilled:
        raise ValueError(reason)


def _build_form_test(regex: str, form: str) -> Callable[[str], None]:
    pattern = bounded_patterns.compile_value_pattern(regex)

    def test(value: str) -> None:
        try:
            has_form = bounded_patterns.match_value(pattern, value)
        except bounded_patterns.SlowMatchError as error:
            raise ValueError(f"{error}, and is not compared with the form {form}") from error
        _require(has_form, f"{value!r} does not have the form {form}")

    return test


def _build_range_test(
    limits: tuple[str | int | float | None, str | int | float | None], type_name: str
) -> Callable[[str], None]:
    numeric = type_name in ("integer", "bigint", "numeric")

    def comparable(value: object) -> object:
        return Decimal(str(value)) if numeric else str(value)

    try:
        low, high = (None if limit is None else comparable(limit) for limit in limits)
    except InvalidOperation as error:
        raise ValueError(f"range {limits} does not fit {type_name}") from error
    words = " to ".join("" if limit is None else str(limit) for limit in limits)

    def test(value: str) -> None:
        number = comparable(value)
        below = low is not None and number < low  # type: ignore[operator]
        above = high is not None and number > high  # type: ignore[operator]
        _require(not below and not above, f"{value!r} is outside {words}")

    return test


def _hash_rows(fields: Sequence[Field], split: SplitBlock) -> list[str]:
    """Return the hash of each row: 128 bits of SHA-256 over its columns by name, with their text in the file.

    Empty fields are left out, so that a column that other files lack, or that is added later, changes nothing while it
    is empty. The length before each text separates neighbours.
    """
    parts = [
        [f"{field.name}={len(value)}:{value}" if value else "" for value in split.columns[field.index]]
        for field in sorted(fields, key=lambda field: field.name)
        if field.index is not None and field.column.from_column is None
    ]
    texts = map("".join, zip(*parts, strict=True)) if parts else [""] * len(split.lines)
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]


def _extras_as_json(indexes: dict[str, int], split: SplitBlock) -> list[str]:
    """Return the undeclared columns of each row as one JSON object, without empty values."""
    used = [(name, split.columns[index]) for name, index in indexes.items()]
    rows = [{name: values[row] for name, values in used if values[row] != ""} for row in range(len(split.lines))]
    return [json.dumps(row, ensure_ascii=False) if row else "" for row in rows]

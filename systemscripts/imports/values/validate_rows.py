"""The checked path: records cut into fields, each column converted and checked, bad rows put aside with their reason.

A block is worked column by column, and each different value of a column only once: dates, codes and marks repeat, and
looking a value up is several times quicker than converting it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from systemscripts.configuration.column_schema import Checks, Column
from systemscripts.imports.rejects import Reject
from systemscripts.imports.values import column_patterns, convert_values, split_fields
from systemscripts.imports.values.row_checks import Equation
from systemscripts.imports.values.split_fields import SplitBlock
from systemscripts.imports.values.transform_rows import Transform
from systemscripts.tables.model import Block, Table

Judge = Callable[[str], str]  # the value to store, or ValueError with the reason


@dataclass(frozen=True)
class Field:
    """One column of the target: where it comes from (None: not in this file) and what is declared of it."""

    name: str
    place: int | None
    column: Column
    null: frozenset[str]


@dataclass(frozen=True)
class Rules:
    """What the rows of one file must fulfil."""

    width: int  # fields of a record
    fields: list[Field]
    equations: list[Equation]
    extras: dict[str, int]  # undeclared columns that go into one JSON column: name -> place
    extras_name: str
    skip_if: dict[int, frozenset[str]]  # place -> values whose rows are no data
    zone: ZoneInfo | None
    lookups: dict[str, frozenset[str]]  # schema.table.column -> the values it holds
    hashed: bool = False  # each row gets its hash as last column
    transform: Transform | None = None  # changes the columns before they are checked


@dataclass
class CheckedBlock:
    """The good rows of a block, with the lines they come from, and its rejects; "" is no value."""

    rows: Sequence[int]
    columns: Sequence[Sequence[str]]
    rejects: list[Reject]
    skipped: int = 0


class RowChecker:
    """Checks blocks of one table by its rules; remembers what each value of a column became."""

    REMEMBER = 200_000  # values of a column; beyond it the memory starts anew, so that it stays bounded

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._judges = [_build_judge(field, rules) for field in rules.fields]
        self._shapes = [column_patterns.build_pattern(field.column, field.null) for field in rules.fields]
        self._as_it_is = [
            judge is None and field.null == {""} and not field.column.required and field.column.default is None
            for field, judge in zip(rules.fields, self._judges, strict=True)
        ]
        self._known: list[dict[str, str]] = [{} for _ in rules.fields]
        self._reasons: list[dict[str, str]] = [{} for _ in rules.fields]

    def check(self, block: Block, table: Table, careful: bool = False) -> CheckedBlock:
        """Convert one block; every record ends as a good row or as a reject.

        `careful`: value by value; asked for when the server refused what the shapes had let pass.
        """
        found = split_fields.split_block(block, table, self.rules.width)
        skipped = split_fields.remove_rows(found, self.rules.skip_if) if self.rules.skip_if else 0
        skipped += self.rules.transform.apply(found) if self.rules.transform else 0
        if not found.lines:
            return CheckedBlock([], [], found.rejects, skipped)
        faults: dict[int, tuple[int, str]] = {}  # place in the block -> column, reason
        columns = [self._column(number, found, faults, careful) for number in range(len(self.rules.fields))]
        self._equations(columns, faults)
        if self.rules.extras_name:
            columns.append(_extras_as_json(self.rules.extras, found))
        if self.rules.hashed:
            columns.append(_hash_rows(self.rules.fields, found))
        checked = self._parted(found, columns, faults)
        checked.skipped = skipped
        return checked

    def _column(
        self, number: int, found: SplitBlock, faults: dict[int, tuple[int, str]], careful: bool
    ) -> Sequence[str]:
        field, shape = self.rules.fields[number], self._shapes[number]
        if field.place is None:
            return [field.column.default or ""] * len(found.lines)
        values = found.columns[field.place]
        if self._as_it_is[number]:
            return values
        if shape is not None and not careful and (whole := shape.apply(values)) is not None:
            return whole
        return self._value_by_value(number, values, faults)

    def _value_by_value(self, number: int, values: Sequence[str], faults: dict[int, tuple[int, str]]) -> list[str]:
        known, reasons = self._known[number], self._reasons[number]
        if len(known) > self.REMEMBER:
            known.clear()
            reasons.clear()
        for value in set(values) - known.keys():
            self._learn(number, value)
        if reasons:
            for place, value in enumerate(values):
                if value in reasons and place not in faults:
                    faults[place] = (number, reasons[value])
        return list(map(known.__getitem__, values))

    def _learn(self, number: int, value: str) -> None:
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

    def _equations(self, columns: list[Sequence[str]], faults: dict[int, tuple[int, str]]) -> None:
        names = {field.name: number for number, field in enumerate(self.rules.fields)}
        for equation in self.rules.equations:
            used = [columns[names[name]] for name in equation.names]
            for place, values in enumerate(zip(*used, strict=True)):
                if place not in faults and (reason := equation.fault(dict(zip(equation.names, values, strict=True)))):
                    faults[place] = (-1, reason)

    def _parted(
        self, found: SplitBlock, columns: list[Sequence[str]], faults: dict[int, tuple[int, str]]
    ) -> CheckedBlock:
        if not faults:
            return CheckedBlock(found.lines, columns, found.rejects)
        for place, (number, reason) in sorted(faults.items()):
            field = self.rules.fields[number] if number >= 0 else None
            value = found.columns[field.place][place] if field and field.place is not None else None
            text = f"{field.name}: {reason}" if field else reason
            found.rejects.append(
                Reject(found.lines[place], text, found.raw(place), field.name if field else None, value)
            )
        good = [place for place in range(len(found.lines)) if place not in faults]
        lines = [found.lines[place] for place in good]
        return CheckedBlock(lines, [[values[place] for place in good] for values in columns], found.rejects)


def _build_judge(field: Field, rules: Rules) -> Judge | None:
    """Conversion and checks of one column as one function; None where every text is good as it is."""
    convert = convert_values.make_converter(field.column, rules.zone)
    if field.column.values:
        convert = _map_values(field.column.values, convert)
    tests = _build_tests(field.column.checks, field.column.type, rules.lookups)
    if not tests:
        return convert

    def judge(value: str) -> str:
        stored = convert(value) if convert else value
        for test in tests:
            test(stored)
        return stored

    return judge


def _map_values(values: dict[str, str], convert: convert_values.Convert | None) -> convert_values.Convert:
    def mapped(text: str) -> str:
        found = values.get(text, text)
        return convert(found) if convert else found

    return mapped


def _build_tests(checks: Checks, kind: str, lookups: dict[str, frozenset[str]]) -> list[Callable[[str], None]]:
    found: list[Callable[[str], None]] = []
    if checks.email:
        found.append(lambda value: _require(convert_values.is_email(value), f"{value!r} is not an email address"))
    if checks.regex is not None:
        pattern, form = re.compile(checks.regex), checks.form or "that is agreed"
        found.append(
            lambda value: _require(pattern.fullmatch(value) is not None, f"{value!r} does not have the form {form}")
        )
    if checks.one_of:
        allowed = frozenset(checks.one_of)
        found.append(lambda value: _require(value in allowed, f"{value!r} is not one of {', '.join(checks.one_of)}"))
    if checks.lookup:
        comparable = convert_values.make_comparer(kind)
        known: set[Hashable] = set()
        for text in lookups[checks.lookup]:
            with contextlib.suppress(ValueError, ArithmeticError):  # of another type: equal to no value of this one
                known.add(comparable(text))
        found.append(lambda value: _require(comparable(value) in known, f"{value!r} is not a known value"))
    if checks.range:
        found.append(_build_range_test(checks.range, kind))
    return found


def _require(fulfilled: bool, reason: str) -> None:
    if not fulfilled:
        raise ValueError(reason)


def _build_range_test(
    limits: tuple[str | int | float | None, str | int | float | None], kind: str
) -> Callable[[str], None]:
    numeric = kind in ("integer", "bigint", "numeric")

    def comparable(value: object) -> object:
        return Decimal(str(value)) if numeric else str(value)

    try:
        low, high = (None if limit is None else comparable(limit) for limit in limits)
    except InvalidOperation as error:
        raise ValueError(f"range {limits} does not fit {kind}") from error
    words = " to ".join("" if limit is None else str(limit) for limit in limits)

    def test(value: str) -> None:
        found = comparable(value)
        below = low is not None and found < low  # type: ignore[operator]
        above = high is not None and found > high  # type: ignore[operator]
        _require(not below and not above, f"{value!r} is outside {words}")

    return test


def _hash_rows(fields: Sequence[Field], found: SplitBlock) -> list[str]:
    """What makes each row the same row: its columns by name, each with the text that stands in the file.

    Empty fields are left out, so that a column which another file lacks, or is named later, changes nothing while it is
    empty. The length before each text keeps neighbours apart. 128 bits of SHA-256, as a uuid.
    """
    parts = [
        [f"{field.name}={len(value)}:{value}" if value else "" for value in found.columns[field.place]]
        for field in sorted(fields, key=lambda field: field.name)
        if field.place is not None and field.column.from_column is None
    ]
    texts = map("".join, zip(*parts, strict=True)) if parts else [""] * len(found.lines)
    return [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]


def _extras_as_json(places: dict[str, int], found: SplitBlock) -> list[str]:
    """The undeclared columns of each row as one JSON object, empty values left out."""
    used = [(name, found.columns[place]) for name, place in places.items()]
    rows = [{name: values[row] for name, values in used if values[row] != ""} for row in range(len(found.lines))]
    return [json.dumps(row, ensure_ascii=False) if row else "" for row in rows]

"""The checked path: records cut into fields, each column converted and checked, bad rows put aside with their reason.

A block is worked column by column, and each different value of a column only once: dates, codes and marks repeat, and
looking a value up is several times quicker than converting it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from systemscripts.configuration.schema import Checks, Column
from systemscripts.imports import converting
from systemscripts.imports.equations import Equation
from systemscripts.imports.rejects import Reject
from systemscripts.tables import Block, Table

Value = str | None
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
    extras_name: str | None
    zone: ZoneInfo | None
    lookups: dict[str, frozenset[str]]  # schema.table.column -> the values it holds


@dataclass
class Checked:
    """The good rows of a block, with the lines they come from, and its rejects."""

    rows: list[int]
    columns: list[list[Value]]
    rejects: list[Reject]


class Checker:
    """Checks blocks of one table by its rules; remembers what each value of a column became."""

    REMEMBER = 200_000  # values of a column; beyond it the memory starts anew, so that it stays bounded

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._judges = [_judge(field, rules) for field in rules.fields]
        self._known: list[dict[str, Value]] = [{} for _ in rules.fields]
        self._reasons: list[dict[str, str]] = [{} for _ in rules.fields]

    def check(self, block: Block, table: Table) -> Checked:
        """Convert one block; every record ends as a good row or as a reject."""
        found = _cut(block, table, self.rules.width)
        if not found.lines:
            return Checked([], [[] for _ in self.rules.fields], found.rejects)
        source = list(zip(*found.fields, strict=True))
        faults: dict[int, tuple[int, str]] = {}  # place in the block -> column, reason
        columns = [self._column(number, source, len(found.lines), faults) for number in range(len(self.rules.fields))]
        self._equations(columns, faults)
        if self.rules.extras_name:
            columns.append(_extras(self.rules.extras, source, len(found.lines)))
        return self._parted(found, columns, faults)

    def _column(
        self, number: int, source: list[tuple[str, ...]], count: int, faults: dict[int, tuple[int, str]]
    ) -> list[Value]:
        field, known = self.rules.fields[number], self._known[number]
        if field.place is None:
            return [field.column.default] * count
        values = source[field.place]
        if len(known) > self.REMEMBER:
            known.clear()
        for value in set(values) - known.keys():
            self._learn(number, value)
        if self._reasons[number]:
            reasons = self._reasons[number]
            for place, value in enumerate(values):
                if value in reasons and place not in faults:
                    faults[place] = (number, reasons[value])
        return list(map(known.__getitem__, values))

    def _learn(self, number: int, value: str) -> None:
        field, judge = self.rules.fields[number], self._judges[number]
        try:
            if value in field.null:
                if field.column.required and field.column.default is None:
                    raise ValueError("must not be empty")
                self._known[number][value] = field.column.default
            else:
                self._known[number][value] = judge(value) if judge else value
        except ValueError as error:
            self._known[number][value] = None
            self._reasons[number][value] = str(error)

    def _equations(self, columns: list[list[Value]], faults: dict[int, tuple[int, str]]) -> None:
        names = {field.name: number for number, field in enumerate(self.rules.fields)}
        for equation in self.rules.equations:
            used = [columns[names[name]] for name in equation.names]
            for place, values in enumerate(zip(*used, strict=True)):
                if place not in faults and (reason := equation.fault(dict(zip(equation.names, values, strict=True)))):
                    faults[place] = (-1, reason)

    def _parted(self, found: _Cut, columns: list[list[Value]], faults: dict[int, tuple[int, str]]) -> Checked:
        if not faults:
            return Checked(found.lines, columns, found.rejects)
        for place, (number, reason) in sorted(faults.items()):
            field = self.rules.fields[number] if number >= 0 else None
            value = found.fields[place][field.place] if field and field.place is not None else None
            text = f"{field.name}: {reason}" if field else reason
            found.rejects.append(
                Reject(found.lines[place], text, found.raw(place), field.name if field else None, value)
            )
        good = [place for place in range(len(found.lines)) if place not in faults]
        lines = [found.lines[place] for place in good]
        return Checked(lines, [[values[place] for place in good] for values in columns], found.rejects)


@dataclass
class _Cut:
    """The records of a block as fields; those of the wrong width are rejects already."""

    lines: list[int]
    fields: list[list[str]]
    rejects: list[Reject]

    def raw(self, place: int) -> str:
        return _as_csv(self.fields[place])


def _as_csv(fields: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()


def _cut(block: Block, table: Table, width: int) -> _Cut:
    rows = _cut_at_once(block, table)
    if rows is not None and all(len(row) == width for row in rows) and not any(b"\x00" in r for r in block.records):
        return _Cut(list(block.rows), rows, [])
    cut = _Cut([], [], [])
    for record, line in zip(block.records, block.rows, strict=True):
        raw = record.decode(table.wire.encoding, "replace")
        try:
            fields = table.parse(record)
            if len(fields) != width:
                raise ValueError(f"has {len(fields)} {'value' if len(fields) == 1 else 'values'}, expected {width}")
            if "\x00" in raw:
                raise ValueError("holds a NUL character")
        except UnicodeDecodeError:
            cut.rejects.append(Reject(line, f"bytes that are no {table.wire.encoding} text", raw))
        except csv.Error as error:
            cut.rejects.append(Reject(line, f"cannot be cut into fields: {error}", raw))
        except ValueError as error:
            cut.rejects.append(Reject(line, str(error), raw))
        else:
            cut.lines.append(line)
            cut.fields.append(fields)
    return cut


def _cut_at_once(block: Block, table: Table) -> list[list[str]] | None:
    """All records by one reader; None when one of them is faulty, and then each is looked at."""
    wire = table.wire
    try:
        text = b"\n".join(block.records).decode(wire.encoding)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=wire.delimiter, quotechar=wire.quote, strict=True)
        rows = list(reader)
    except (csv.Error, UnicodeDecodeError):
        return None
    return rows if len(rows) == len(block.records) else None


def _judge(field: Field, rules: Rules) -> Judge | None:
    """Conversion and checks of one column as one function; None where every text is good as it is."""
    convert = converting.converter(field.column, rules.zone)
    tests = _tests(field.column.checks, field.column.type, rules.lookups)
    if not tests:
        return convert

    def judge(value: str) -> str:
        stored = convert(value) if convert else value
        for test in tests:
            test(stored)
        return stored

    return judge


def _tests(checks: Checks, kind: str, lookups: dict[str, frozenset[str]]) -> list[Callable[[str], None]]:
    found: list[Callable[[str], None]] = []
    if checks.email:
        found.append(lambda value: _demand(converting.is_email(value), f"{value!r} is not an email address"))
    if checks.regex is not None:
        pattern = re.compile(checks.regex)
        found.append(
            lambda value: _demand(pattern.fullmatch(value) is not None, f"{value!r} does not match {checks.regex}")
        )
    if checks.one_of:
        allowed = frozenset(checks.one_of)
        found.append(lambda value: _demand(value in allowed, f"{value!r} is not one of {', '.join(checks.one_of)}"))
    if checks.lookup:
        known = lookups[checks.lookup]
        found.append(lambda value: _demand(value in known, f"{value!r} is not in {checks.lookup}"))
    if checks.range:
        found.append(_within(checks.range, kind))
    return found


def _demand(fulfilled: bool, reason: str) -> None:
    if not fulfilled:
        raise ValueError(reason)


def _within(limits: tuple[str | float | None, str | float | None], kind: str) -> Callable[[str], None]:
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
        _demand(not below and not above, f"{value!r} is outside {words}")

    return test


def _extras(places: dict[str, int], source: list[tuple[str, ...]], count: int) -> list[Value]:
    values = [
        {name: source[place][number] for name, place in places.items() if source[place][number] != ""}
        for number in range(count)
    ]
    return [json.dumps(found, ensure_ascii=False) if found else None for found in values]

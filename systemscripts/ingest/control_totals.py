"""Compare a file with the totals that its sender states in it, beside it or in its name (`control:`)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from systemscripts.configuration import ImportConfig
from systemscripts.configuration.column_schema import Column
from systemscripts.configuration.control_total_options import split_location
from systemscripts.configuration.sidecar_files import CONTROL_SUFFIX, find_sidecar, read_sidecar
from systemscripts.datasets import label_and_date
from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.findings.finding import Finding
from systemscripts.imports import column_layout
from systemscripts.imports.values import convert_values, split_fields
from systemscripts.imports.values.skip_rows import compile_rules
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.tables.text.delimited import split_control_record

RULE = "control_total"
NUMBER_TYPES = ("integer", "bigint", "numeric")
# returns what a stated total may mean
ReadTotal = Callable[[str], set[Decimal]]
# senders write them between the digits of large numbers
_BLANKS = re.compile(r"[\s'\u2019]")


@dataclass
class Sum:
    """The sum of a column of the file, and how many of its values are not numbers."""

    index: int
    convert: convert_values.Convert
    # whether the decimals of the column are implied, so that its digits alone mean something else
    is_implied: bool
    empty: frozenset[str]
    total: Decimal = Decimal(0)
    unreadable: int = 0

    def add(self, values: list[str]) -> None:
        """Add some values."""
        for value in values:
            if value.strip() in self.empty:
                continue
            try:
                self.total += Decimal(self.convert(value))
            except ValueError:
                self.unreadable += 1

    def read_total(self, text: str) -> set[Decimal]:
        """Return what a stated total may mean: also as the column writes numbers, with its currency and brackets."""
        if self.is_implied:
            with contextlib.suppress(ValueError):
                return {Decimal(self.convert(text))}
        meanings = read_number(text)
        with contextlib.suppress(ValueError):
            meanings.add(Decimal(self.convert(text)))
        return meanings


def judge_totals(config: ImportConfig, file: PreparedFile, is_kept: bool) -> list[Finding]:
    """Return a finding for each total that is wrong; all rows of the file count, also those that are rejected.

    `is_kept`: the file was compared when it came, and what was beside it need not be there. Raises BadDataError where a
    total cannot be read, TryLaterError where the file beside it has not come.
    """
    control = config.control
    if is_kept and control.has_source("sidecar") and find_sidecar(file.path, CONTROL_SUFFIX) is None:
        return []
    sums = _plan_sums(config, file)
    rows = _read_rows(config, file, sums)
    findings = []
    if control.rows is not None:
        stated = _read_total(config, file, control.rows, read_number)
        if Decimal(rows) not in read_number(stated):
            text = f"control total: {control.rows} says {stated} rows, the file has {rows}"
            findings.append(Finding(RULE, "refuse", text, detail={"stated": stated, "found": rows}))
    for column, computed in sums.items():
        location = control.sum[column]
        stated = _read_total(config, file, location, computed.read_total)
        if computed.total not in computed.read_total(stated):
            text = (
                f"control total: {location} says {stated} for the sum of {column}, the rows add up to {computed.total}"
            )
            if computed.unreadable:
                text += f" ({computed.unreadable} of the values are not numbers)"
            detail = {"stated": stated, "found": str(computed.total)}
            findings.append(Finding(RULE, "refuse", text, column, detail))
    return findings


def _plan_sums(config: ImportConfig, file: PreparedFile) -> dict[str, Sum]:
    """Return the sums to compute; a column that the file does not have is a matter of the rules for columns."""
    sums = {}
    for column in config.control.sum if file.columns else ():
        known = {declared.rename: name for name, declared in config.declared.items() if declared.rename}
        name = column if column in file.columns else known.get(column, column)
        declared = config.declared.get(name)
        if name not in file.columns:
            if declared is None:
                raise BadDataError(f"control: there is no column {column!r} to add up")
            continue
        column_type = declared if declared is not None and declared.type in NUMBER_TYPES else Column()
        exact = column_type.model_copy(update={"type": "numeric", "scale": None})
        field = column_layout.build_field(config, name, None, exact)
        convert = convert_values.make_converter(field.column, None)
        assert convert is not None
        sums[column] = Sum(file.columns.index(name), convert, exact.implied_decimals > 0, field.null)
    return sums


def _read_rows(config: ImportConfig, file: PreparedFile, sums: dict[str, Sum]) -> int:
    """Add up the sums, and return the number of rows without those that reading.skip_if leaves out."""
    rows, width = 0, len(file.columns)
    skips = compile_rules(config.reading.skip_if, file.columns) if file.columns else []
    for block in file.table.blocks() if file.columns else ():
        rows += len(set(block.rows)) if file.table.repeats_lines else len(block.records)
        if sums or skips:
            split = split_fields.split_block(block, file.table, width)
            rows -= split_fields.remove_rows(split, skips)
            for computed in sums.values():
                computed.add(list(split.columns[computed.index]))
    return rows


def _read_total(config: ImportConfig, file: PreparedFile, location: str, read: ReadTotal) -> str:
    """Return the text at a location; raises BadDataError where there is none that `read` understands."""
    source, number, last = split_location(location)
    if source == "name":
        rule = label_and_date.Rule("filename", str(number))
        return label_and_date.find_text_in_name(rule, file.ticket.name, config.delimiter) or ""
    fields = _read_sidecar_fields(file) if source == "sidecar" else file.table.control_records.get(source)
    if fields is None:
        raise BadDataError(
            f"control: {location} cannot be read from {file.table.detected.format or 'this file'}",
            "Only text files have a first and a last record; take the total from a sidecar or the name.",
        )
    if last is not None:
        # letters of the record as it is written
        fields, number = [file.table.control_lines[source][number - 1 : last].strip()], 1
    if len(fields) < number or not read(fields[number - 1]):
        shown = f"{fields[number - 1]!r}" if len(fields) >= number else f"one of only {len(fields)} fields"
        raise BadDataError(f"control: {location} is {shown}, not a number; the record is {fields}")
    return fields[number - 1].strip()


def _read_sidecar_fields(file: PreparedFile) -> list[str]:
    beside = find_sidecar(file.path, CONTROL_SUFFIX)
    if beside is None:
        raise TryLaterError(f"{file.ticket.name} waits for {file.path.name}{CONTROL_SUFFIX}", "Deliver it too.")
    lines = [line for line in read_sidecar(beside).splitlines() if line.strip()]
    if len(lines) != 1:
        raise BadDataError(f"control: {beside.name} has {len(lines)} lines, expected one")
    return split_control_record(lines[0], file.table.detected.delimiter)


def read_number(text: str) -> set[Decimal]:
    """Return what a number may mean: 1.234 with its mark as decimal point and as mark between thousands."""
    plain = _BLANKS.sub("", text)
    sign = -1 if plain.startswith("-") or plain.endswith("-") else 1
    plain = plain.strip("+-")
    meanings = set()
    for point, mark in ((".", ","), (",", ".")):
        pattern = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(mark)}[0-9]{{3}})+)?(?:{re.escape(point)}[0-9]*)?"
        if any(letter.isdigit() for letter in plain) and re.fullmatch(pattern, plain):
            meanings.add(sign * Decimal(plain.replace(mark, "").replace(point, ".")))
    return meanings

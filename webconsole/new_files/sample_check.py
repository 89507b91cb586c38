"""Convert the first values of each column as it would be declared: at once, while a person still types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from systemscripts import settings
from systemscripts.configuration.column_schema import Column
from systemscripts.errors import describe_faults
from systemscripts.imports.values import convert_values
from webconsole.new_files import draft_import

SHOWN_SAMPLES = 3
MAX_SHOWN_LETTERS = 60
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass
class ColumnCheck:
    """The first values of a column, original and stored, and how many of the first rows would be rejected."""

    samples: list[tuple[str, str]] = field(default_factory=list)
    rejected: int = 0
    first_reject: str = ""
    fault: str = ""


def check_columns(facts: Mapping[str, Any], edits: Mapping[str, Any]) -> list[ColumnCheck]:
    """Return the check of each column of a file."""
    names = [edit["name"] for edit in edits["columns"] if edit["keep"]]
    return [
        _check_column(draft_import.declare_column(column, edit), values, edit, names)
        for column, edit, values in zip(facts["columns"], edits["columns"], facts["values"], strict=True)
    ]


def _check_column(
    declared: dict[str, Any], values: Sequence[str], edit: Mapping[str, Any], names: Sequence[str]
) -> ColumnCheck:
    check = ColumnCheck()
    if not edit["keep"]:
        check.samples = [(value, "") for value in _pick(values)]
        return check
    # a header in another script is a name as it is
    if "rename" in declared and not _NAME.fullmatch(edit["name"]):
        check.fault = "A name has small letters, digits and _, and begins with a letter."
    elif names.count(edit["name"]) > 1:
        check.fault = "Two columns have this name."
    try:
        column = Column.model_validate({key: value for key, value in declared.items() if key != "rename"})
        convert = convert_values.make_converter(column, settings.get_zone())
    except (ValidationError, ValueError) as error:
        check.fault = describe_faults(error) if isinstance(error, ValidationError) else str(error)
        check.samples = [(value, "") for value in _pick(values)]
        return check
    null = frozenset(["", *(column.null or [])]) - {*column.true_words, *column.false_words}
    stored: dict[str, str | None] = {}
    for value in values:
        if value not in stored:
            try:
                stored[value] = _store(value, column, null, convert)
            except (ValueError, ArithmeticError) as error:
                stored[value] = None
                check.first_reject = check.first_reject or str(error)
        check.rejected += stored[value] is None
    check.samples = [(value, stored[value] or "") for value in _pick(values)]
    return check


def _store(value: str, column: Column, null: frozenset[str], convert: convert_values.Convert | None) -> str:
    if convert_values.is_empty(value, column, null):
        if column.required:
            raise ValueError("is empty, but required")
        return ""
    return convert(value) if convert else value


def _pick(values: Sequence[str]) -> list[str]:
    """Return the first different filled values."""
    return list(dict.fromkeys(value for value in values if value.strip()))[:SHOWN_SAMPLES]

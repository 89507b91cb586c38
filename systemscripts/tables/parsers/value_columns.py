"""Columns of Python values -> CSV fields: most columns hold one type, and that is turned into text all at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from systemscripts.tables.parsers.cell_text import format_row
from systemscripts.tables.parsers.row_chunk import quote_fields

BOOLEANS = {True: b"true", False: b"false"}
SEPARATOR = "\x1e"  # no sheet holds it; where one does, its column is done value by value


def format_column(values: Sequence[object]) -> list[bytes]:
    """The fields of one column."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return _format_texts(values)  # type: ignore[arg-type]  # texts, as just seen
    if kinds == {int}:
        return "\n".join(map(str, values)).encode().split(b"\n")
    if kinds <= {float, int}:
        found = _format_numbers(values)  # type: ignore[arg-type]
        if found:
            return found
    elif kinds == {bool}:
        return [BOOLEANS[value] for value in values]  # type: ignore[index]
    elif kinds in ({datetime}, {date}):
        column = SEPARATOR.join(map(str, values))
        if "." not in column and "+" not in column:
            return column.encode().split(SEPARATOR.encode())
    return _format_texts(format_row(values))


def _format_texts(values: Sequence[str]) -> list[bytes]:
    column = SEPARATOR.join(values)
    if "\0" in column:
        column = column.replace("\0", "")
    encoded = column.encode("utf-8", "replace").split(SEPARATOR.encode())
    if len(encoded) != len(values):
        encoded = [value.replace("\0", "").encode("utf-8", "replace") for value in values]
    return quote_fields(encoded)


def _format_numbers(values: Sequence[float]) -> list[bytes]:
    """Nothing when one of them would read 1e-05, -0 or inf."""
    column = "\n".join(map(repr, values)) + "\n"
    if "e" in column or "n" in column.replace("\n", "") or "-0.0\n" in column:
        return []
    return column.replace(".0\n", "\n").encode().split(b"\n")[:-1]

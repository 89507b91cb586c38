"""Turns columns of Python values into CSV fields: most columns have one type and are converted at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import zip_longest

from systemscripts.tables.parsers.python_value_text import format_row
from systemscripts.tables.parsers.row_chunk import Chunk, quote_fields
from systemscripts.tables.parsers.workbook import Row

BOOLEANS = {True: b"true", False: b"false"}
# Sheets do not contain it; where one does, its column is converted value by value.
SEPARATOR = "\x1e"
# Enough to work on whole columns, few enough to stay small in memory.
MAX_CHUNK_ROWS = 2000


def make_chunk(numbers: Sequence[int], rows: Sequence[Row], every_row: bool) -> Chunk:
    """Return rows of any width as a chunk."""
    columns = zip_longest(*rows, fillvalue="")
    return Chunk(numbers, {number: format_column(column) for number, column in enumerate(columns)}, every_row)


def format_column(values: Sequence[object]) -> list[bytes]:
    """Return the CSV fields of one column."""
    types = set(map(type, values))
    if types == {str}:
        return format_texts(values)  # type: ignore[arg-type]  # they are texts, as just checked
    if types == {int}:
        return "\n".join(map(str, values)).encode().split(b"\n")
    if types <= {float, int}:
        numbers = _format_numbers(values)  # type: ignore[arg-type]
        if numbers:
            return numbers
    elif types == {bool}:
        return [BOOLEANS[value] for value in values]  # type: ignore[index]
    elif types in ({datetime}, {date}):
        column = SEPARATOR.join(map(str, values))
        if "." not in column and "+" not in column:
            return column.encode().split(SEPARATOR.encode())
    return format_texts(format_row(values))


def format_texts(values: Sequence[str]) -> list[bytes]:
    """Return the CSV fields of a column of texts."""
    column = SEPARATOR.join(values)
    if "\0" in column:
        column = column.replace("\0", "")
    encoded = column.encode("utf-8", "replace").split(SEPARATOR.encode())
    if len(encoded) != len(values):
        encoded = [value.replace("\0", "").encode("utf-8", "replace") for value in values]
    return quote_fields(encoded)


def _format_numbers(values: Sequence[float]) -> list[bytes]:
    """Return the fields of numbers; [] where one of them would be 1e-05, -0 or inf."""
    column = "\n".join(map(repr, values)) + "\n"
    if "e" in column or "n" in column or "-0.0\n" in column:
        return []
    return column.replace(".0\n", "\n").encode().split(b"\n")[:-1]

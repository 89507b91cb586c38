"""Match whole rows as their bytes are in the file: PostgreSQL reads a row that matches as the schema wants it.

One pattern for the fields of a row tests a block about ten times as fast as splitting it and testing its columns. A
pattern is narrower than its types, as in `column_patterns`: rows that do not match are converted value by value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import column_patterns
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.model import Wire

# While one pattern is matched, no other thread can run: the one that sends the block before must not wait long.
MATCH_BYTES = 2**18

# A byte that is not a blank in any encoding: such a field has a value.
VISIBLE = "[!-~]"


@dataclass(frozen=True)
class RowPattern:
    """`block`: rows with their lineage fields, each ended by a line feed; `record`: one row without them."""

    block: re.Pattern[bytes]
    record: re.Pattern[bytes]

    def match_block(self, data: bytes) -> bool:
        """Return whether every row of a block, lineage fields included, can be copied as it is."""
        position, end = 0, len(data)
        while position < end:
            match = self.block.match(data, position, min(position + MATCH_BYTES, end))
            if match is None or match.end() == position:
                # a longer row than that
                return self.block.fullmatch(data, position) is not None
            position = match.end()
        return True

    def match_records(self, records: Sequence[bytes]) -> list[bool]:
        """Return for each record whether it can be copied as it is."""
        return [self.record.fullmatch(record) is not None for record in records]


def build_row_pattern(rules: Rules, wire: Wire) -> RowPattern | None:
    """Return the pattern of the rows of a file, None where rows must be changed or compared before they are stored."""
    needs_values = rules.extras_name or rules.skip_if or rules.equations or rules.hashed or rules.transform
    if needs_values or [field.index for field in rules.fields] != list(range(rules.width)):
        return None
    fields = [_build_field_pattern(field, wire) for field in rules.fields]
    if None in fields:
        return None
    delimiter = re.escape(wire.delimiter)
    row = delimiter.join(filter(None, fields))
    # |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
    block = rf"(?:[0-9]++{delimiter}[0-9]++{delimiter}{row}\n|(?!))*+"
    return RowPattern(re.compile(block.encode(wire.encoding)), re.compile(row.encode(wire.encoding)))


def _build_field_pattern(field: Field, wire: Wire) -> str | None:
    column = field.column
    marks = [mark for mark in field.null if mark and _can_contain(wire, mark)]
    if column_patterns.needs_each_value(column) or column.checks.email:
        return None
    quote, end = re.escape(wire.quote), f"{re.escape(wire.delimiter)}\\r\\n"
    if column.type == "text":
        return _build_text_pattern(column, marks, wire)
    value = column_patterns.build_value_pattern(column)
    if value is None:
        return None
    empty = "" if column.required else f"|{quote}{quote}|(?=[{end}])|\\Z"
    return f"{_exclude_marks(marks, wire)}(?:{value}|{quote}{value}{quote}{empty})"


def _can_contain(wire: Wire, text: str) -> bool:
    """Return whether the encoding of a file has the letters of a text."""
    try:
        text.encode(wire.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _exclude_marks(marks: list[str], wire: Wire) -> str:
    """Return the condition that a field is none of the marks that mean no value, which may look like a value."""
    if not marks:
        return ""
    quote = re.escape(wire.quote)
    return f"(?!{quote}?(?:{'|'.join(map(re.escape, marks))}){quote}?(?:[{re.escape(wire.delimiter)}\\r\\n]|\\Z))"


def _build_text_pattern(column: Column, marks: list[str], wire: Wire) -> str:
    """Return the pattern of a text: a quoted field, or one without quotes; not a mark that means no value."""
    delimiter, quote = re.escape(wire.delimiter), re.escape(wire.quote)
    plain = f"[^{delimiter}{quote}\\r\\n]"
    text = f"(?:{quote}(?:[^{quote}]++|{quote}{quote}|(?!))*+{quote}|{plain}*+)"
    ahead = _exclude_marks(marks, wire)
    if column.required:
        ahead += f"(?={quote}?{plain}*?(?![{delimiter}{quote}]){VISIBLE})"
    return ahead + text

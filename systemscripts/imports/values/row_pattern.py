"""Match whole rows as their bytes are in the file: PostgreSQL reads a row that matches as the schema wants it.

One pattern for the fields of a row tests a block about ten times as fast as splitting it and testing its columns. A
pattern is narrower than its types, as in `column_patterns`: rows that do not match are converted value by value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from systemscripts.configuration.column_schema import Column
from systemscripts.imports.values import column_patterns
from systemscripts.imports.values.validate_rows import Field, Rules
from systemscripts.tables.model import Block, Wire

# While one pattern is matched, no other thread can run: the one that sends the block before must not wait long.
MATCH_BYTES = 2**18

# A byte that is not a blank in any encoding: such a field has a value.
VISIBLE = "[!-~]"


@dataclass(frozen=True)
class RowPattern:
    """`block`: rows, each ended by a line feed; `record`: one row.

    `splitting`: one row in which also marks may stand that mean no value; `marks`: these with what is around them.
    `day_order`: in which order the server must read dates, DMY or MDY; "" if that does not matter.
    """

    block: re.Pattern[bytes]
    record: re.Pattern[bytes]
    splitting: bytes
    marks: list[bytes]
    day_order: str

    def find_misfits(self, block: Block) -> Sequence[int]:
        """Return the positions of the records that cannot be copied as they are."""
        if block.matches and not self.marks:
            return ()
        fullmatch, records = self.record.fullmatch, block.records
        data = b"\n".join([b"", *records, b""])
        if block.matches:
            return [at for at in self._find_marked(records, data) if not fullmatch(records[at])]
        return () if self._matches_all(data) else [at for at, record in enumerate(records) if not fullmatch(record)]

    def _find_marked(self, records: Sequence[bytes], data: bytes) -> list[int]:
        """Return the positions of records in which a mark may stand."""
        if not any(mark in data for mark in self.marks):
            return []
        starts = list(accumulate(map((1).__add__, map(len, records)), initial=0))
        positions: set[int] = set()
        for mark in self.marks:
            # the line feed at its end may begin the mark of the next record
            start = data.find(mark)
            while start >= 0:
                positions.add(bisect_right(starts, start) - 1)
                start = data.find(mark, start + 1)
        return sorted(positions)

    def _matches_all(self, data: bytes) -> bool:
        position, end = 1, len(data)
        while position < end:
            match = self.block.match(data, position, min(position + MATCH_BYTES, end))
            if match is None or match.end() == position:
                # a longer row than that
                return self.block.fullmatch(data, position) is not None
            position = match.end()
        return True


def build_row_pattern(rules: Rules, wire: Wire) -> RowPattern | None:
    """Return the pattern of the rows of a file, None where rows must be changed or compared before they are stored."""
    needs_values = rules.extras_name or rules.skip_if or rules.equations or rules.transform
    if needs_values or [field.index for field in rules.fields] != list(range(rules.width)):
        return None
    fields = [_build_field_pattern(field, wire) for field in rules.fields]
    orders = {order for field in rules.fields if (order := column_patterns.find_day_order(field.column))}
    if None in fields or len(orders) > 1:
        return None
    delimiter = re.escape(wire.delimiter)
    row = delimiter.join(filter(None, fields))
    marks = [[] if field.column.required else _list_marks(field, wire) for field in rules.fields]
    splitting = delimiter.join(
        f"(?:(?:{'|'.join(map(re.escape, texts))})(?=[{delimiter}\\r\\n])|{field})" if texts else str(field)
        for field, texts in zip(fields, marks, strict=True)
    )
    # between two fields there is a delimiter, around a record a line feed
    around = ["\n", *[wire.delimiter] * (rules.width - 1), "\n"]
    known = [f"{around[at]}{mark}{around[at + 1]}" for at, texts in enumerate(marks) for mark in texts]
    # |(?!) ends a round that fails: Python before 3.11.5 forgets where it began (cpython issue 106052)
    block = rf"(?:{row}\n|(?!))*+"
    return RowPattern(
        re.compile(block.encode(wire.encoding)),
        re.compile(row.encode(wire.encoding)),
        splitting.encode(wire.encoding),
        [text.encode(wire.encoding) for text in dict.fromkeys(known)],
        "".join(orders),
    )


def _build_field_pattern(field: Field, wire: Wire) -> str | None:
    column, marks = field.column, _list_marks(field, wire)
    if column_patterns.needs_each_value(column):
        return None
    quote, end = re.escape(wire.quote), f"{re.escape(wire.delimiter)}\\r\\n"
    if column.type == "text" and not column.checks.email:
        return _build_text_pattern(column, marks, wire)
    value = column_patterns.build_value_pattern(column)
    if value is None:
        return None
    # the frequent ones first
    nothing, quoted_nothing = ("", "") if column.required else (f"(?=[{end}])|", f"|{quote}{quote}|\\Z")
    return f"{_exclude_marks(marks, wire)}(?:{value}|{nothing}{quote}{value}{quote}{quoted_nothing})"


def _list_marks(field: Field, wire: Wire) -> list[str]:
    """Return the marks of a field that mean no value, as far as the encoding of the file has their letters."""
    return [mark for mark in sorted(field.null) if mark and _can_contain(wire, mark)]


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
    text = f"(?:{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+|(?!))*+{quote}|{plain}*+)"
    ahead = _exclude_marks(marks, wire)
    if column.required:
        ahead += f"(?={quote}?{plain}*?(?![{delimiter}{quote}]){VISIBLE})"
    return ahead + text

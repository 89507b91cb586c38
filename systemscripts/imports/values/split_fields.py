"""Split records into columns; records with the wrong number of fields, or that cannot be split, are rejected."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from systemscripts.imports.rejects import Reject
from systemscripts.imports.values.skip_rows import SkipRule, find_rows_to_skip
from systemscripts.tables.model import Block, Table

# replaces a delimiter inside a quoted field; text that contains it is read field by field
DELIMITER_PLACEHOLDER = "\x1a"


@dataclass
class SplitBlock:
    """The good records of a block as columns of equal length, with their lines, and the rejects."""

    lines: Sequence[int]
    columns: Sequence[Sequence[str]]
    records: Sequence[bytes]
    encoding: str
    rejects: list[Reject]

    def raw(self, index: int) -> str:
        """Return one record as it is in the file."""
        return self.records[index].decode(self.encoding, "replace")


def split_block(block: Block, table: Table, width: int) -> SplitBlock:
    """Split a block into `width` columns: all at once if every record is sound, else record by record."""
    columns = _split_at_once(block, table, width)
    if columns is not None:
        return SplitBlock(block.rows, columns, block.records, table.wire.encoding, [])
    lines, rows, records, rejects = [], [], [], []
    for record, line in zip(block.records, block.rows, strict=True):
        try:
            rows.append(split_record(record, table, width))
            lines.append(line)
            records.append(record)
        except ValueError as error:
            rejects.append(Reject(line, str(error), record.decode(table.wire.encoding, "replace")))
    return SplitBlock(lines, list(zip(*rows, strict=True)) or [()] * width, records, table.wire.encoding, rejects)


def remove_rows(block: SplitBlock, rules: Sequence[SkipRule]) -> int:
    """Remove the rows that are not data by the rules of `skip_if`; return how many."""
    out = find_rows_to_skip(block.columns, rules)
    if out:
        keep = [row for row in range(len(block.lines)) if row not in out]
        block.lines = [block.lines[row] for row in keep]
        block.records = [block.records[row] for row in keep]
        block.columns = [[column[row] for row in keep] for column in block.columns]
    return len(out)


def split_record(record: bytes, table: Table, width: int) -> list[str]:
    """Split one record; raise ValueError with a reason that the client understands."""
    try:
        values = table.parse(record)
    except UnicodeDecodeError as error:
        bad = record[error.start : error.end]
        raise ValueError(f"bytes that are not valid {table.wire.encoding}: {bad!r}") from error
    except csv.Error as error:
        raise ValueError(f"cannot be split into fields: {error}") from error
    if len(values) != width:
        raise ValueError(f"has {len(values)} {'value' if len(values) == 1 else 'values'}, expected {width}")
    if any("\x00" in value for value in values):
        raise ValueError("contains a NUL character")
    return values


def _split_at_once(block: Block, table: Table, width: int) -> Sequence[Sequence[str]] | None:
    """Return the columns of all records, split at once; None if any record is not sound."""
    data, wire = b"\n".join(block.records), table.wire
    if b"\x00" in data:
        return None
    try:
        text = data.decode(wire.encoding)
    except UnicodeDecodeError:
        return None
    if b"\r" not in data and data.count(b"\n") == len(block.records) - 1:
        if wire.quote not in text:
            return _split_plain(text, wire.delimiter, width, len(block.records))
        if (without := _remove_quotes(text, wire.quote, wire.delimiter)) is not None:
            columns = _split_plain(without, wire.delimiter, width, len(block.records))
            return columns and [_restore_delimiters(column, wire.delimiter) for column in columns]
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=wire.delimiter, quotechar=wire.quote, strict=True)
        rows = list(reader)
    except csv.Error:
        return None
    sound = len(rows) == len(block.records) and all(len(row) == width for row in rows)
    return list(zip(*rows, strict=True)) if sound and rows else None


def _split_plain(text: str, delimiter: str, width: int, records: int) -> list[list[str]] | None:
    """Return the columns of text without quotes; None if a record has another number of fields.

    The line feeds stay as fields of their own: if all are in their positions, every record has the right width.
    """
    flat = text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
    ends = flat[width :: width + 1]
    if len(flat) != (width + 1) * records - 1 or ends.count("\n") != len(ends):
        return None
    return [flat[index :: width + 1] for index in range(width)]


def _remove_quotes(text: str, quote: str, delimiter: str) -> str | None:
    """Return text without its quotes, delimiters inside replaced; None unless quotes always enclose whole fields.

    This is faster than reading field by field, which remains for doubled quotes and other odd forms.
    """
    parts = text.split(quote)
    if DELIMITER_PLACEHOLDER in text or len(parts) % 2 == 0:
        return None
    # each quoted field, replaced by one mark, must be between delimiters or line ends
    border = f"[{re.escape(delimiter)}\n]"
    outside = "\n" + "\x00".join(parts[0::2]) + "\n"
    # the mark comes first: looking back before every character would take ten times as long
    if len(re.findall(f"\x00(?={border})(?<={border}\x00)", outside)) != len(parts) // 2:
        return None
    inside = "\x00".join(parts[1::2])
    # a line feed in quotes would end the record
    if "\n" in inside:
        return None
    parts[1::2] = inside.replace(delimiter, DELIMITER_PLACEHOLDER).split("\x00")
    return "".join(parts)


def _restore_delimiters(column: list[str], delimiter: str) -> list[str]:
    """Return a column with the delimiters inside its quoted fields restored."""
    text = "\n".join(column)
    return text.replace(DELIMITER_PLACEHOLDER, delimiter).split("\n") if DELIMITER_PLACEHOLDER in text else column

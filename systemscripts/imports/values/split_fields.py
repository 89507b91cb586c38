"""Records cut into columns; those of the wrong width, or that cannot be cut, are rejects already."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from systemscripts.imports.rejects import Reject
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

    def raw(self, place: int) -> str:
        """One record as it stands in the file."""
        return self.records[place].decode(self.encoding, "replace")


def split_block(block: Block, table: Table, width: int) -> SplitBlock:
    """Cut a block into `width` columns: at once where every record is sound, else record by record."""
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


def remove_rows(cut: SplitBlock, values_of: dict[int, frozenset[str]]) -> int:
    """Take out the rows that are no data (a column holds one of some values); returns how many they were."""
    out = {
        row
        for place, values in values_of.items()
        for row, value in enumerate(cut.columns[place])
        if value.strip() in values
    }
    if out:
        keep = [row for row in range(len(cut.lines)) if row not in out]
        cut.lines = [cut.lines[row] for row in keep]
        cut.records = [cut.records[row] for row in keep]
        cut.columns = [[column[row] for row in keep] for column in cut.columns]
    return len(out)


def split_record(record: bytes, table: Table, width: int) -> list[str]:
    """Cut one record; raises ValueError with a reason that a client understands."""
    try:
        found = table.parse(record)
    except UnicodeDecodeError as error:
        bad = record[error.start : error.end]
        raise ValueError(f"bytes that are no {table.wire.encoding} text: {bad!r}") from error
    except csv.Error as error:
        raise ValueError(f"cannot be cut into fields: {error}") from error
    if len(found) != width:
        raise ValueError(f"has {len(found)} {'value' if len(found) == 1 else 'values'}, expected {width}")
    if any("\x00" in value for value in found):
        raise ValueError("holds a NUL character")
    return found


def _split_at_once(block: Block, table: Table, width: int) -> Sequence[Sequence[str]] | None:
    """All records in one go; None when any of them is unsound."""
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
    return list(zip(*rows, strict=True)) if sound else None


def _split_plain(text: str, delimiter: str, width: int, records: int) -> list[list[str]] | None:
    """Text without quotes cut into columns; None where a record has another width.

    The line feeds stay as fields of their own: only where all are in their places has every record the width.
    """
    flat = text.replace("\n", f"{delimiter}\n{delimiter}").split(delimiter)
    ends = flat[width :: width + 1]
    if len(flat) != (width + 1) * records - 1 or ends.count("\n") != len(ends):
        return None
    return [flat[place :: width + 1] for place in range(width)]


def _remove_quotes(text: str, quote: str, delimiter: str) -> str | None:
    """Text whose quotes only ever enclose whole fields, without them, the delimiters inside as HELD; else None.

    Quicker than reading field by field, which remains for doubled quotes and whatever else is odd.
    """
    parts = text.split(quote)
    if DELIMITER_PLACEHOLDER in text or len(parts) % 2 == 0:
        return None
    # each quoted field, as one mark, must stand between delimiters or line ends
    border = f"[{re.escape(delimiter)}\n]"
    outside = "\n" + "\x00".join(parts[0::2]) + "\n"
    # (the mark first: looking back before every character would take ten times as long)
    if len(re.findall(f"\x00(?={border})(?<={border}\x00)", outside)) != len(parts) // 2:
        return None
    inside = "\x00".join(parts[1::2])
    if "\n" in inside:  # it would be taken for the end of a record
        return None
    parts[1::2] = inside.replace(delimiter, DELIMITER_PLACEHOLDER).split("\x00")
    return "".join(parts)


def _restore_delimiters(column: list[str], delimiter: str) -> list[str]:
    """A column with the delimiters of its quoted fields."""
    text = "\n".join(column)
    return text.replace(DELIMITER_PLACEHOLDER, delimiter).split("\n") if DELIMITER_PLACEHOLDER in text else column

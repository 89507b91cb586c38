"""Reads all sheets of a workbook that have the same columns, in any order, as one table with a sheet column."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.lineage import SOURCE_SHEET
from systemscripts.tables.model import Block, Detected, Table, Wire
from systemscripts.tables.parsers.row_chunk import quote_fields


class AllSheetsTable(Table):
    """Several sheets as one table; `rows` of a block are row numbers in the sheet that its records come from."""

    added_columns = 1

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        first = tables[0]
        self.wire = Wire()
        self.columns = [SOURCE_SHEET, *first.columns]
        names = [table.detected.sheet for table in tables]
        notes = [f"{len(tables)} sheets with the same columns: {', '.join(names)}", *first.detected.notes]
        self.detected = Detected(first.detected.format, "utf-8", sheet=", ".join(names), notes=notes)
        self.detected.header_row = first.detected.header_row
        self.skipped = sum(table.skipped for table in tables)
        self.warnings = [
            Notice(notice.code, f"sheet {table.detected.sheet}: {notice.text}")
            for table in tables
            for notice in table.warnings
        ]

    def blocks(self) -> Iterator[Block]:
        """Yield the records of each sheet, each with the sheet's name as its first field."""
        for table in self._tables:
            prefix = quote_fields([table.detected.sheet.encode()])[0] + b","
            order = _find_order(self.columns[1:], table.columns)
            for block in table.blocks():
                records = block.records if order is None else _reorder_records(table, block.records, order)
                yield Block([prefix + record for record in records], block.rows)

    def content_sha256(self) -> str:
        """Return the SHA-256 of the names and contents of the sheets, as hexadecimal digits."""
        parts = [f"{table.detected.sheet}\n{table.content_sha256()}" for table in self._tables]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def close(self) -> None:
        """Close the tables of all sheets."""
        for table in self._tables:
            table.close()


def _find_order(names: list[str], columns: list[str]) -> list[int] | None:
    """Return the position of each column in a sheet, or None where the columns already have this order."""
    return None if names == columns else [columns.index(name) for name in names]


def _reorder_records(table: Table, records: Sequence[bytes], order: list[int]) -> list[bytes]:
    """Return records with the columns of the first sheet; fields that a short record lacks are blank."""
    reordered = []
    for record in records:
        fields = [field.encode() for field in table.parse(record)]
        reordered.append(b",".join(quote_fields([fields[index] if index < len(fields) else b"" for index in order])))
    return reordered


def join_sheets(tables: Sequence[Table], path: Path) -> Table:
    """Return one table of all sheets that have records.

    Raises BadDataError, which names the difference, where the columns of two sheets differ.
    """
    filled = [table for table in tables if next(table.blocks(), None) is not None] or list(tables[:1])
    first = filled[0]
    for table in filled[1:]:
        if not _has_same_columns(first.columns, table.columns):
            for opened in tables:
                opened.close()
            raise BadDataError(
                f"{path.name}: sheet {table.detected.sheet} has different columns from sheet {first.detected.sheet}: "
                f"{_describe_difference(first.columns, table.columns)}",
                "Set sheet under reading to a name or pattern, or convert the sheets one by one.",
            )
    return AllSheetsTable(filled)


def _has_same_columns(first: list[str], other: list[str]) -> bool:
    """Return whether two sheets have the same columns; any order will do where every header is unique and not blank."""
    return first == other or (sorted(first) == sorted(other) and len(set(first)) == len(first) and "" not in first)


def _describe_difference(first: list[str], other: list[str]) -> str:
    missing = [name for name in first if name not in other]
    added = [name for name in other if name not in first]
    differences = [f"without {', '.join(missing[:5])}"] if missing else []
    differences += [f"with {', '.join(added[:5])}"] if added else []
    return " and ".join(differences) or "in another order"

"""All sheets of a workbook that have the same columns (in any order), as one table that names the sheet."""

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
    """Sheets one after the other; `rows` of a block are rows of the sheet that its records come from."""

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
        """Yield the records of each sheet, with its name before them."""
        for table in self._tables:
            prefix = quote_fields([table.detected.sheet.encode()])[0] + b","
            order = _find_order(self.columns[1:], table.columns)
            for block in table.blocks():
                records = block.records if order is None else _reorder_records(table, block.records, order)
                yield Block([prefix + record for record in records], block.rows)

    def content_sha256(self) -> str:
        """SHA-256 of the names and contents of the sheets."""
        parts = [f"{table.detected.sheet}\n{table.content_sha256()}" for table in self._tables]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def close(self) -> None:
        """Free the files of all sheets."""
        for table in self._tables:
            table.close()


def _find_order(wanted: list[str], columns: list[str]) -> list[int] | None:
    """Where in a sheet each wanted column stands; None where all stand in their places."""
    return None if wanted == columns else [columns.index(name) for name in wanted]


def _reorder_records(table: Table, records: Sequence[bytes], order: list[int]) -> list[bytes]:
    """Records of a sheet with the columns of the first sheet; a short one is blank where it ends."""
    found = []
    for record in records:
        fields = [field.encode() for field in table.parse(record)]
        found.append(b",".join(quote_fields([fields[place] if place < len(fields) else b"" for place in order])))
    return found


def join_sheets(tables: Sequence[Table], path: Path) -> Table:
    """One table of all sheets; those without any record are left out.

    Raises BadDataError, naming the difference, when the columns of two sheets differ: nothing is left out in silence.
    """
    filled = [table for table in tables if next(table.blocks(), None) is not None] or list(tables[:1])
    first = filled[0]
    for table in filled[1:]:
        if not _has_same_columns(first.columns, table.columns):
            for each in tables:
                each.close()
            raise BadDataError(
                f"{path.name}: sheet {table.detected.sheet} has other columns than sheet {first.detected.sheet}: "
                f"{_describe_difference(first.columns, table.columns)}",
                "Set sheet to a name or pattern, or convert the sheets one by one.",
            )
    return AllSheetsTable(filled)


def _has_same_columns(first: list[str], other: list[str]) -> bool:
    """Whether two sheets have the same columns; in any order, where each header tells which one it is."""
    return first == other or (sorted(first) == sorted(other) and len(set(first)) == len(first) and "" not in first)


def _describe_difference(first: list[str], other: list[str]) -> str:
    missing = [name for name in first if name not in other]
    added = [name for name in other if name not in first]
    said = [f"without {', '.join(missing[:5])}"] if missing else []
    said += [f"with {', '.join(added[:5])}"] if added else []
    return " and ".join(said) or "in another order"

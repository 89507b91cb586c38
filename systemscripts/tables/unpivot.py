"""Turn columns of a table into rows: a sheet with a column for each month becomes one with a row for each."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.column_aliases import name_header
from systemscripts.tables.model import Block, ReadingOptions, Table
from systemscripts.tables.text.dialect_adapter import join_record

# between the first and the last column of a range: Jan..Dec
RANGE = ".."


class UnpivotedTable(Table):
    """A table whose records become several, one for each of some columns; `rows` repeat the line of the record."""

    def __init__(self, table: Table, positions: Sequence[int], names: tuple[str, str]) -> None:
        self._table, self._positions = table, positions
        turned = set(positions)
        self._kept = [index for index in range(len(table.columns)) if index not in turned]
        self.columns = [*(table.columns[index] for index in self._kept), *names]
        self.detected, self.wire, self.added_columns = table.detected, table.wire, table.added_columns
        self.control_records, self.control_lines = table.control_records, table.control_lines
        self.repeats_lines = True
        shown = f"{table.columns[positions[0]]} to {table.columns[positions[-1]]}"
        self.detected.notes.append(f"{len(positions)} columns, {shown}, are rows, as set")

    @property
    def skipped(self) -> int:  # type: ignore[override]  # that of the table, which is complete after the last block
        """Return the number of rows that are neither header nor data."""
        return self._table.skipped

    @property
    def warnings(self) -> list[Notice]:  # type: ignore[override]  # as above
        """Return the warnings of the table."""
        return self._table.warnings

    def blocks(self) -> Iterator[Block]:
        """Yield the rows of each record; a damaged record stays one row, which the load rejects."""
        for block in self._table.blocks():
            records: list[bytes] = []
            rows: list[int] = []
            for record, row in zip(block.records, block.rows, strict=True):
                turned = self._turn(record)
                records += turned
                rows += [row] * len(turned)
            yield Block(records, rows)

    def _turn(self, record: bytes) -> list[bytes]:
        try:
            fields = self._table.parse(record)
        except (csv.Error, UnicodeDecodeError):
            return [record]
        if len(fields) != len(self._table.columns):
            # never the width of a row of this table, by chance
            surplus = self.wire.delimiter.encode(self.wire.encoding) if len(fields) == len(self.columns) else b""
            return [record + surplus]
        kept = [fields[index] for index in self._kept]
        headers = self._table.columns
        return [join_record([*kept, headers[index], fields[index]], self.wire) for index in self._positions]

    def content_sha256(self) -> str:
        """Return the hash of the table."""
        return self._table.content_sha256()

    def file_sha256(self) -> str | None:
        """Return the hash of the file, if it is known."""
        return self._table.file_sha256()

    def close(self) -> None:
        """Close the table."""
        self._table.close()


def unpivot_table(table: Table, options: ReadingOptions) -> Table:
    """Return the table with the columns as rows that the options name, or as it is where it has none.

    Raises BadDataError where one of the columns is missing.
    """
    # what was packed is turned already; an empty file has nothing to turn
    if not table.columns or isinstance(table, UnpivotedTable):
        return table
    try:
        positions = _find_columns(table.columns, options.unpivot)
    except BadDataError:
        table.close()
        raise
    return UnpivotedTable(table, positions, options.unpivot_names)


def _find_columns(headers: Sequence[str], columns: Sequence[str]) -> list[int]:
    names = [name_header(header) if header.strip() else "" for header in headers]

    def find(text: str) -> int:
        if (name := name_header(text)) not in names:
            raise BadDataError(
                f"unpivot: there is no column {text.strip()!r}; the columns are: {', '.join(headers)}",
                "Correct reading.unpivot of the import, or ask the sender.",
            )
        return names.index(name)

    positions: list[int] = []
    for column in columns:
        first, separator, last = column.partition(RANGE)
        positions += range(find(first), find(last) + 1) if separator else [find(column)]
    return sorted(set(positions))

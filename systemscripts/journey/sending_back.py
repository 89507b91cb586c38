"""Rejected rows for the client: as they stood in the file, each with its reason."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import atomic_write
from systemscripts.errors import UsageError
from systemscripts.journey import replay
from systemscripts.summary import Summary
from systemscripts.tables import Table

Cell = str | int
# what a spreadsheet takes for the beginning of a formula, its own trimming and the wide forms of the signs considered
_STARTS_A_FORMULA = re.compile(r"[\s\"']*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?%?")


def export_rejects(connection: Connection, dataset_id: int, path: Path) -> Summary:
    """Write the rejected rows of a dataset with their reasons, to send back: CSV, or XLSX by the name's ending.

    Raises UsageError for another ending or an unknown dataset.
    """
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise UsageError(f"{path}: rejected rows are written as .csv or .xlsx")
    with transaction(connection) as cursor:
        dataset = replay.dataset_of(cursor, dataset_id)
        cursor.execute(
            """select source_row, coalesce(column_name, ''), reason, coalesce(raw_row, '') from dba.trejectedrow
               where dataset_id = %s and replayed_at is null order by source_row""",
            (dataset_id,),
        )
        rows: list[tuple[int, str, str, str]] = cursor.fetchall()
    table = replay.RejectedRows(dataset, [])
    header: list[Cell] = ["row", "column", "reason", *table.columns]
    lines: list[list[Cell]] = [[row, column, reason, *_fields(table, raw)] for row, column, reason, raw in rows]
    safe = [[harmless(value) for value in line] for line in [header, *lines]]
    (_write_xlsx if path.suffix.lower() == ".xlsx" else _write_csv)(path, safe)
    return Summary(headline=f"{len(lines)} rejected rows of dataset {dataset_id} written to {path}")


def _fields(table: Table, raw: str) -> list[str]:
    try:
        return table.parse(raw.encode(table.wire.encoding, "replace"))
    except (csv.Error, UnicodeDecodeError):
        return [raw]


def harmless(value: Cell) -> Cell:
    """A value that no spreadsheet takes for a formula (OWASP, "CSV Injection"); plain numbers stay as they are."""
    if isinstance(value, str) and _STARTS_A_FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _write_csv(path: Path, rows: list[list[Cell]]) -> None:
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with atomic_write(path) as stream:
        stream.write(text.getvalue().encode())


def _write_xlsx(path: Path, rows: list[list[Cell]]) -> None:
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE as NOT_IN_XML

    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("rejected rows")
    for row in rows:
        sheet.append([NOT_IN_XML.sub("\ufffd", value) if isinstance(value, str) else value for value in row])
    with atomic_write(path) as stream:
        workbook.save(stream)

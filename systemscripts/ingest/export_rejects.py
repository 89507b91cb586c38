"""Export rejected rows for the client: as they were in the file, each with its reason."""

from __future__ import annotations

import csv
from pathlib import Path

from systemscripts import office_files
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import atomic_write
from systemscripts.errors import UsageError
from systemscripts.ingest import replay_rejects
from systemscripts.summary import Summary
from systemscripts.tables.model import Table


def export_rejects(connection: Connection, dataset_id: int, path: Path) -> Summary:
    """Write the rejected rows of a dataset with their reasons to a .csv or .xlsx file.

    Raises UsageError for another suffix or an unknown dataset.
    """
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise UsageError(f"{path}: name the file .csv or .xlsx")
    with transaction(connection) as cursor:
        dataset = replay_rejects.load_dataset(cursor, dataset_id)
        cursor.execute(
            """select source_row, coalesce(column_name, ''), reason, coalesce(raw_row, '') from dba.trejectedrow
               where dataset_id = %s and replayed_at is null order by source_row""",
            (dataset_id,),
        )
        rows: list[tuple[int, str, str, str]] = cursor.fetchall()
    table = replay_rejects.RejectedRows(dataset, [])
    header = ["row", "column", "reason", *table.columns]
    lines: list[list[str | int]] = [
        [row, column, reason, *_split_raw_row(table, raw)] for row, column, reason, raw in rows
    ]
    with atomic_write(path) as stream:
        if path.suffix.lower() == ".xlsx":
            office_files.write_xlsx(stream, header, lines, "rejected rows")
        else:
            office_files.write_csv(stream, header, lines)
    return Summary(headline=f"{len(lines)} rejected rows of dataset {dataset_id} written to {path}")


def _split_raw_row(table: Table, raw: str) -> list[str]:
    try:
        return table.parse(raw.encode(table.wire.encoding, "replace"))
    except (csv.Error, UnicodeDecodeError):
        return [raw]

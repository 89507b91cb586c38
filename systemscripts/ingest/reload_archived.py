"""Load an archived file into its dataset again: rows that it skipped because another dataset, now undone, had them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts import file_ledger, settings
from systemscripts.directory_management import Directories
from systemscripts.errors import BadDataError, UsageError
from systemscripts.imports import copy_rows, new_rows, target_plan
from systemscripts.imports.values import lookups
from systemscripts.ingest import daily_zip, load_plan, prepare
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.summary import Counts

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def reload_skipped_rows(cursor: Cursor, context: Context, dataset_id: int) -> int:
    """Load the rows that a dataset (load mode new_rows) skipped and no other has any longer; return how many it gained.

    Runs in the caller's transaction and reads the file by today's configuration. Raises UsageError when the archive
    does not have the file as it was loaded, BadDataError when it no longer fits.
    """
    ticket = file_ledger.load_ticket_of_dataset(cursor, dataset_id)
    with open_file_of_dataset(ticket, dataset_id, context.directories) as path:
        as_kept = replace(ticket, path=file_ledger.to_stored_path(path, context.directories))
        with prepare.prepare_file(context, as_kept, write=False) as file:
            if as_kept.file_sha256 != ticket.file_sha256:
                raise UsageError(
                    f"{path} is not the file that became dataset {dataset_id}",
                    "Restore the file that was loaded (from a backup), then run the same command again.",
                )
            return _copy_rows(cursor, context, file, dataset_id)


@contextmanager
def open_file_of_dataset(ticket: file_ledger.Ticket, dataset_id: int, directories: Directories) -> Iterator[Path]:
    """Return the file of a dataset, unpacked if it is in a zip."""
    with contextlib.ExitStack() as stack:
        for path in (ticket.keep_path, ticket.path):
            try:
                archived_path = stack.enter_context(daily_zip.open_archived_file(path or "", directories))
            except FileNotFoundError:
                continue
            if archived_path.is_file():
                yield archived_path
                return
    raise UsageError(
        f"{ticket.name}, the file of dataset {dataset_id}, is needed, but not in the archive",
        f"Restore it there, or undo dataset {dataset_id} (--cascade where others depend on it).",
    )


def _copy_rows(cursor: Cursor, context: Context, file: PreparedFile, dataset_id: int) -> int:
    plan = load_plan.plan_load(cursor, context, file)
    if not plan.shape.hashed:
        raise UsageError(
            f"{context.config.config_name} is no longer loaded as new_rows",
            "Set load_mode: new_rows in its configuration, then run the same command again.",
        )
    rows, home = context.rows(cursor), cursor if context.target is not None else None
    target_plan.extend_table(rows, plan, context.config.config_name, file.ticket.file_id, context.run_uuid, home)
    before = _count_rows(rows, plan, dataset_id)
    cursor.execute("delete from dba.trejectedrow where dataset_id = %s and replayed_at is null", (dataset_id,))
    new_rows.delete_overlaps(rows, dataset_id, plan.ledger, "dataset_id")
    rules = plan.shape.rules(settings.get_zone(), lookups.load_lookup_values(cursor, plan.shape))
    load = copy_rows.Load(file.table, plan, rules, dataset_id, file.ticket.file_id, home=home)
    counts, _ = new_rows.insert_new_rows(rows, load, lambda records: None)
    # rows in the target are not rejects, even if today's configuration would reject them
    rejected = _remove_loaded_rejects(cursor, rows, plan, dataset_id)
    counts.read += file.table.skipped
    counts.loaded, counts.rejected = _count_rows(rows, plan, dataset_id), rejected
    counts.skipped = counts.read - counts.loaded - counts.rejected
    if counts.skipped < 0:
        raise BadDataError(
            f"{file.ticket.name} has fewer rows than when it was loaded", "Check the file in the archive."
        )
    _record_counts(cursor, counts, dataset_id, file.ticket.file_id)
    return counts.loaded - before


def _remove_loaded_rejects(cursor: Cursor, rows: Cursor, plan: target_plan.Plan, dataset_id: int) -> int:
    """Delete the rejects of rows that are loaded by now; return how many rejects the dataset has left."""
    rejected = "select source_row from dba.trejectedrow where dataset_id = %s and replayed_at is null"
    cursor.execute(rejected, (dataset_id,))
    numbers = [row[0] for row in cursor.fetchall()]
    rows.execute(
        sql.SQL("select source_row from {} where dataset_id = %s and source_row = any(%s)").format(
            sql.Identifier(plan.schema, plan.table)
        ),
        (dataset_id, numbers),
    )
    loaded = [row[0] for row in rows.fetchall()]
    cursor.execute(
        "delete from dba.trejectedrow where dataset_id = %s and replayed_at is null and source_row = any(%s)",
        (dataset_id, loaded),
    )
    cursor.execute("select count(*) from dba.trejectedrow where dataset_id = %s and replayed_at is null", (dataset_id,))
    row: Any = cursor.fetchone()
    return int(row[0])


def _count_rows(cursor: Cursor, plan: target_plan.Plan, dataset_id: int) -> int:
    table = sql.Identifier(plan.schema, plan.table)
    cursor.execute(sql.SQL("select count(*) from {} where dataset_id = %s").format(table), (dataset_id,))
    row: Any = cursor.fetchone()
    return int(row[0])


def _record_counts(cursor: Cursor, counts: Counts, dataset_id: int, file_id: int) -> None:
    columns = file_ledger.counts_as_columns(counts)
    settings_of_row = ", ".join(f"{name} = %s" for name in columns)
    for table, key, value in (("tdataset", "dataset_id", dataset_id), ("tfile", "file_id", file_id)):
        cursor.execute(f"update dba.{table} set {settings_of_row} where {key} = %s", (*columns.values(), value))

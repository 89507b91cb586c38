"""Take the rows of an undone dataset back: delete or restore them, and load what others skipped because of them."""

from __future__ import annotations

from typing import Any

from systemscripts import configuration, settings
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.directory_management import Directories
from systemscripts.imports import after_change, new_rows, upsert
from systemscripts.imports.target_plan import OWN_LEDGER
from systemscripts.ingest import reload_archived
from systemscripts.ingest.ingest_context import Context
from systemscripts.target_database import target_ledger

# in the other load modes the state of the dataset is enough
UNDO_ROWS = {"upsert": upsert.undo_upsert, "new_rows": new_rows.undo_new_rows}
COLUMNS = (
    "dataset_id", "config_name", "label", "dataset_date", "target_table", "rows_loaded", "status", "load_mode",
    "is_held_file", "superseded_by",
)  # fmt: skip


def load_dataset(cursor: Cursor, dataset_id: int) -> dict[str, Any]:
    """Return a dataset that exists, by its number."""
    cursor.execute(f"select {', '.join(COLUMNS)} from dba.tdataset where dataset_id = %s", (dataset_id,))
    row: Any = cursor.fetchone()
    return dict(zip(COLUMNS, row, strict=True))


def build_contexts(connection: Connection, run_uuid: str, datasets: list[dict[str, Any]]) -> dict[str, Context]:
    """Return by name the imports of some datasets, and those whose archived files may have to be loaded again."""
    names = {row["config_name"] for row in datasets}
    tables = [row["target_table"] for row in datasets if row["load_mode"] == "new_rows"]
    with transaction(connection) as cursor:
        cursor.execute(
            "select distinct config_name from dba.tdataset where target_table = any(%s) and load_mode = 'new_rows'",
            (tables,),
        )
        names |= {row[0] for row in cursor.fetchall()}
    directories = Directories(settings.current().etl_data_dir)
    return {
        name: Context(connection, configuration.load_import(connection, name), directories, run_uuid) for name in names
    }


def find_ledger(context: Context) -> str:
    """Return the schema of the ledger next to the target of an import."""
    return OWN_LEDGER if context.target is None else target_ledger.SCHEMA


def take_rows_back(cursor: Cursor, row: dict[str, Any], context: Context) -> None:
    """Take the rows of a dataset out of its target, if its load mode does that.

    `cursor`: of the home ledger, in the caller's transaction.
    """
    undo_rows = UNDO_ROWS.get(row["load_mode"])
    is_there = context.target is None or row["dataset_id"] not in context.target.lacking
    # a held file has no rows, and there may be no target yet
    if undo_rows is not None and not row["is_held_file"] and is_there:
        undo_rows(context.rows(cursor), row["target_table"], row["dataset_id"], find_ledger(context))


def reload_skipped_rows(cursor: Cursor, row: dict[str, Any], contexts: dict[str, Context]) -> list[str]:
    """Load rows that other datasets skipped because of an undone one; return a sentence for each that gained rows."""
    if row["load_mode"] != "new_rows":
        return []
    context = contexts[row["config_name"]]
    rows, schema = context.rows(cursor), find_ledger(context)
    said = []
    for later in new_rows.find_dependents(rows, row["dataset_id"], schema):
        owner = load_dataset(cursor, later)
        if owner["status"] == "undone":
            continue
        context = contexts[owner["config_name"]]
        with after_change.recompute_affected(cursor, context.config, owner["label"]) as affected:
            if gained := reload_archived.reload_skipped_rows(cursor, context, later):
                affected.add([later])
        if gained:
            said.append(f"dataset {later} has {gained} of its rows now, loaded from the archive")
    new_rows.delete_overlaps(rows, row["dataset_id"], schema)
    return said

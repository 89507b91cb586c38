"""Take datasets back; nothing is deleted, the one before comes back."""

from __future__ import annotations

import getpass
from typing import Any

from systemscripts import configuration, file_ledger, settings, sources
from systemscripts.configuration import ImportConfig
from systemscripts.datasets import states
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.findings import ledger
from systemscripts.imports import after_change, new_rows, upsert
from systemscripts.ingest import reload_archived
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Summary


def undo_datasets(
    connection: Connection,
    run_uuid: str,
    dataset_id: int | None = None,
    of_run: str | None = None,
    cascade: bool = False,
    wait_seconds: float = 0,
) -> Summary:
    """Undo one dataset, or all that a run loaded, newest first; one transaction for each target.

    `cascade`: in load mode upsert also the later datasets, without which the wanted one cannot be taken back; in
    new_rows also those that skipped rows because of it, instead of loading these from the archive now.
    Raises UsageError when there is nothing to undo, TryLaterError when an import is at work on the target.
    """
    with transaction(connection) as cursor:
        asked = _load_datasets(cursor, dataset_id, of_run)
        found = [row for row in asked if row["status"] != "undone"]
        if cascade:
            found = _add_later_datasets(cursor, found)
    contexts = _build_contexts(connection, run_uuid, found)
    summary = Summary(headline=f"{len(found)} dataset{'s' if len(found) != 1 else ''} undone")
    if not found:  # such as by a run that was killed after its commit
        what = f"dataset {dataset_id}" if dataset_id is not None else f"run {of_run}"
        summary.headline = f"{what} is undone already: nothing to do"
    for table in sorted({str(row["target_table"]) for row in found}):
        with (
            advisory_lock(connection, f"target {table}", wait_seconds),
            transaction(connection) as cursor,
        ):
            for row in (row for row in found if row["target_table"] == table):
                summary.rows.append(_undo_dataset(cursor, row, contexts[row["config_name"]]))
                summary.details += _reload_skipped_rows(cursor, row, contexts)
                _pause_import(cursor, contexts[row["config_name"]].config)
    for name in sorted({row["config_name"] for row in (*asked, *found)}):
        # read again: a run that was killed after its commit paused it and could not say so
        _warn_of_pause(configuration.load_import(connection, name), summary)
    return summary


def _load_datasets(cursor: Cursor, dataset_id: int | None, of_run: str | None) -> list[dict[str, Any]]:
    condition, value = ("dataset_id = %s", dataset_id) if dataset_id is not None else ("run_uuid::text = %s", of_run)
    names = ("dataset_id", "config_name", "label", "dataset_date", "target_table", "rows_loaded", "status", "load_mode")
    cursor.execute(
        f"select {', '.join(names)} from dba.tdataset d where {condition} order by dataset_id desc",
        (value,),
    )
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        what = f"there is no dataset {dataset_id}" if dataset_id is not None else f"run {of_run} has loaded nothing"
        raise UsageError(what, "See: database.py sql 'select * from dba.v_dataset'")
    return rows


def _load_datasets_to_undo(cursor: Cursor, dataset_id: int | None, of_run: str | None) -> list[dict[str, Any]]:
    return [row for row in _load_datasets(cursor, dataset_id, of_run) if row["status"] != "undone"]


def _add_later_datasets(cursor: Cursor, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {row["dataset_id"]: row for row in found}
    open_ones = list(found)
    while open_ones:
        row = open_ones.pop()
        for later in _find_later_ids(cursor, row):
            if later not in known:
                open_ones += (more := _load_datasets_to_undo(cursor, later, None))
                known |= {each["dataset_id"]: each for each in more}
    return [known[dataset_id] for dataset_id in sorted(known, reverse=True)]


def _find_later_ids(cursor: Cursor, row: dict[str, Any]) -> list[int]:
    on_top = states.find_upserts_on_top(cursor, row["dataset_id"])
    return on_top + (new_rows.find_dependents(cursor, row["dataset_id"]) if row["load_mode"] == "new_rows" else [])


def _build_contexts(connection: Connection, run_uuid: str, found: list[dict[str, Any]]) -> dict[str, Context]:
    """The imports of some datasets, and those whose files may have to be loaded again, by name."""
    names = {row["config_name"] for row in found}
    tables = [row["target_table"] for row in found if row["load_mode"] == "new_rows"]
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


def _reload_skipped_rows(cursor: Cursor, row: dict[str, Any], contexts: dict[str, Context]) -> list[str]:
    """Bring in what others skipped because of an undone dataset; a sentence for each that gained rows."""
    if row["load_mode"] != "new_rows":
        return []
    said = []
    for later in new_rows.find_dependents(cursor, row["dataset_id"]):
        owner = _load_datasets(cursor, later, None)[0]
        context = contexts[owner["config_name"]]
        with after_change.recompute_affected(cursor, context.config, owner["label"]) as affected:
            if gained := reload_archived.reload_skipped_rows(cursor, context, later):
                affected.add([later])
        if gained:
            said.append(f"dataset {later} has {gained} of its rows now, loaded from the archive")
    new_rows.delete_overlaps(cursor, row["dataset_id"])
    return said


def _undo_dataset(cursor: Cursor, row: dict[str, Any], context: Context) -> dict[str, Any]:
    dataset_id = row["dataset_id"]
    with after_change.recompute_affected(cursor, context.config, row["label"]) as affected:
        before = states.undo_dataset(cursor, dataset_id, context.run_uuid)
        ledger.decide_findings(cursor, dataset_id, "rejected", getpass.getuser(), "undone")
        schema, _, table = str(row["target_table"]).partition(".")
        if row["load_mode"] == "upsert":
            upsert.undo_upsert(cursor, schema, table, dataset_id)
        elif row["load_mode"] == "new_rows":
            affected.add([dataset_id])  # before its rows go
            new_rows.undo_new_rows(cursor, schema, table, dataset_id)
        file_ledger.mark_undone(cursor, dataset_id, context.run_uuid)
    return {
        "dataset": dataset_id,
        "import": row["config_name"],
        "label": row["label"],
        "date": row["dataset_date"],
        "rows": row["rows_loaded"],
        "active again": before,
    }


def _pause_import(cursor: Cursor, config: ImportConfig) -> None:
    """Pause an import with a live source, which would bring the rows back."""
    if _is_live(config):
        cursor.execute(
            "update dba.timportconfig set is_active = false where config_name = %s and is_active", (config.config_name,)
        )


def _is_live(config: ImportConfig) -> bool:
    return any(getattr(sources.load_module(source.type), "LIVE", True) for source in config.sources)


def _warn_of_pause(config: ImportConfig, summary: Summary) -> None:
    """Say how a paused import goes on, for nobody else does."""
    name = config.config_name
    if _is_live(config) and not config.is_active:
        text = (
            f"the import {name} is paused (is_active is false now): its source would bring the rows back. "
            f"Once that is mended: apply_config.py {name} --take file, or set is_active to true in its row"
        )
        summary.warn("import_paused", text, name)

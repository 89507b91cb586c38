"""Undo datasets: nothing is deleted, and the dataset before becomes active again."""

from __future__ import annotations

import getpass
import re
from typing import Any

from systemscripts import configuration, file_ledger, settings, sources
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.learned_aliases import withdraw_aliases
from systemscripts.datasets import states
from systemscripts.datasets.run_datasets import IS_OF_RUN
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.findings import ledger
from systemscripts.findings.values import history
from systemscripts.imports import after_change, new_rows, upsert
from systemscripts.ingest import archive_and_settle, reload_archived
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Summary

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
# in the other load modes the state of the dataset is enough
_UNDO_ROWS = {"upsert": upsert.undo_upsert, "new_rows": new_rows.undo_new_rows}
_SELECT_RUNS = format_command("database", "sql", "select * from dba.v_run order by started_at desc limit 20")


def undo_datasets(
    connection: Connection,
    run_uuid: str,
    dataset_id: int | None = None,
    of_run: str | None = None,
    cascade: bool = False,
    wait_seconds: float = 0,
) -> Summary:
    """Undo one dataset, or all that a run and its steps loaded, newest first; one transaction for each target.

    `cascade`: undo also the datasets that depend on it: in load mode upsert all later ones; in new_rows those that
    skipped rows because of it, whose rows are otherwise loaded from the archive now.
    Raises UsageError when there is nothing to undo, TryLaterError when an import is loading into the target.
    """
    with transaction(connection) as cursor:
        asked = _load_datasets(cursor, dataset_id, of_run)
        datasets = [row for row in asked if row["status"] != "undone" and not _is_closed(row, dataset_id)]
        if cascade:
            datasets = _add_later_datasets(cursor, datasets)
    contexts = _build_contexts(connection, run_uuid, datasets)
    summary = Summary(headline=f"{len(datasets)} dataset{'s' if len(datasets) != 1 else ''} undone")
    # such as after a run that was killed after its commit
    if not datasets:
        what = f"dataset {dataset_id}" if dataset_id is not None else f"run {of_run}"
        summary.headline = f"{what} is undone already: nothing to do"
    for table in sorted({str(row["target_table"]) for row in datasets}):
        rows = [row for row in datasets if row["target_table"] == table]
        with advisory_lock(connection, f"target {table}", wait_seconds):
            with transaction(connection) as cursor:
                for row in rows:
                    summary.rows.append(_undo_dataset(cursor, row, contexts[row["config_name"]]))
                    summary.details += _reload_skipped_rows(cursor, row, contexts)
                    if not row["is_held_file"]:
                        _pause_import(cursor, contexts[row["config_name"]].config)
            _remove_decided_files(rows, contexts, summary)
    for name in sorted({row["config_name"] for row in (*asked, *datasets)}):
        # loaded again: a run that was killed after its commit may have paused it without a warning
        _warn_of_pause(configuration.load_import(connection, name), summary)
    return summary


def _remove_decided_files(rows: list[dict[str, Any]], contexts: dict[str, Context], summary: Summary) -> None:
    """Remove the files of held datasets that their imports, which keep no archive, kept only for a decision."""
    for name in {row["config_name"] for row in rows if row["is_held_file"]}:
        if contexts[name].config.archive_policy == "none":
            for problem in archive_and_settle.finish_files(contexts[name]):
                summary.problem(problem)


def _is_closed(row: dict[str, Any], dataset_id: int | None) -> bool:
    """Whether a dataset stands for a held file that was loaded as another one; raises UsageError where it was named."""
    if not row["is_held_file"] or row["status"] != "superseded":
        return False
    if row["dataset_id"] == dataset_id:
        became = f"dataset {row['superseded_by']}"
        raise UsageError(
            f"dataset {dataset_id} was held and closed by {became}", f"Undo {became}, if its rows are wrong."
        )
    return True


def _load_datasets(cursor: Cursor, dataset_id: int | None, of_run: str | None) -> list[dict[str, Any]]:
    condition = "dataset_id = %(dataset)s" if dataset_id is not None else IS_OF_RUN
    names = (
        "dataset_id",
        "config_name",
        "label",
        "dataset_date",
        "target_table",
        "rows_loaded",
        "status",
        "load_mode",
        "is_held_file",
        "superseded_by",
    )
    if of_run is not None and not _UUID.fullmatch(of_run):
        raise UsageError(f"{of_run!r} is not the number of a run", f"See: {_SELECT_RUNS}")
    cursor.execute(
        f"select {', '.join(names)} from dba.tdataset d where {condition} order by dataset_id desc",
        {"dataset": dataset_id, "run": of_run},
    )
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        what = f"there is no dataset {dataset_id}" if dataset_id is not None else f"run {of_run} has loaded nothing"
        raise UsageError(what, f"See: {format_command('database', 'sql', 'select * from dba.v_dataset')}")
    return rows


def _load_datasets_to_undo(cursor: Cursor, dataset_id: int | None, of_run: str | None) -> list[dict[str, Any]]:
    return [row for row in _load_datasets(cursor, dataset_id, of_run) if row["status"] != "undone"]


def _add_later_datasets(cursor: Cursor, datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {row["dataset_id"]: row for row in datasets}
    open_ones = list(datasets)
    while open_ones:
        row = open_ones.pop()
        for later in _find_later_ids(cursor, row):
            if later not in known:
                open_ones += (more := _load_datasets_to_undo(cursor, later, None))
                known |= {later_row["dataset_id"]: later_row for later_row in more}
    return [known[dataset_id] for dataset_id in sorted(known, reverse=True)]


def _find_later_ids(cursor: Cursor, row: dict[str, Any]) -> list[int]:
    on_top = states.find_upserts_on_top(cursor, row["dataset_id"])
    return on_top + (new_rows.find_dependents(cursor, row["dataset_id"]) if row["load_mode"] == "new_rows" else [])


def _build_contexts(connection: Connection, run_uuid: str, datasets: list[dict[str, Any]]) -> dict[str, Context]:
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


def _reload_skipped_rows(cursor: Cursor, row: dict[str, Any], contexts: dict[str, Context]) -> list[str]:
    """Load rows that other datasets skipped because of an undone one; return a sentence for each that gained rows."""
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
        history.withdraw_lessons(cursor, dataset_id)
        withdraw_aliases(cursor, dataset_id, getpass.getuser())
        schema, _, table = str(row["target_table"]).partition(".")
        undo_rows = _UNDO_ROWS.get(row["load_mode"])
        # a held file has no rows, and there may be no target yet
        if undo_rows is not None and not row["is_held_file"]:
            # while its rows are still in the target
            affected.add([dataset_id])
            undo_rows(cursor, schema, table, dataset_id)
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
    """Warn that an import is paused, and how to resume it."""
    name = config.config_name
    if _is_live(config) and not config.is_active:
        text = (
            f"the import {name} is paused (is_active is false now): its source would bring the rows back. "
            f"Once the source is corrected: {format_command('apply_config', name, '--take', 'file')},"
            " or set is_active to true in its row"
        )
        summary.warn("import_paused", text, name)

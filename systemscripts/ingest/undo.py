"""Undo datasets: nothing is deleted, and the dataset before becomes active again."""

from __future__ import annotations

import getpass
import re
from dataclasses import replace
from typing import Any

from systemscripts import configuration, file_ledger, sources
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.configuration.learned_aliases import withdraw_aliases
from systemscripts.datasets import states
from systemscripts.datasets.run_datasets import IS_OF_RUN
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.errors import UsageError
from systemscripts.findings import ledger
from systemscripts.findings.values import history
from systemscripts.imports import after_change, new_rows
from systemscripts.imports.target_plan import OWN_LEDGER
from systemscripts.ingest import archive_and_settle, heal_target, take_rows_back
from systemscripts.ingest.both_databases import open_for_plan, open_for_undo
from systemscripts.ingest.ingest_context import Context
from systemscripts.summary import Summary
from systemscripts.target_database import target_ledger

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
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
        if cascade and not _list_elsewhere(datasets):
            datasets = _add_later_datasets(cursor, datasets)
    contexts = take_rows_back.build_contexts(connection, run_uuid, [*datasets, *_list_elsewhere(asked)])
    summary, undone = Summary(), list[dict[str, Any]]()
    # such as after a run that was killed after its commit
    if not datasets:
        what = f"dataset {dataset_id}" if dataset_id is not None else f"run {of_run}"
        summary.headline = f"{what} is undone already: nothing to do"
    # also where nothing is left to do here: an undo that was killed is finished in the other database
    for table in sorted({str(row["target_table"]) for row in (*datasets, *_list_elsewhere(asked))}):
        rows = [row for row in datasets if row["target_table"] == table]
        owner = next(row["config_name"] for row in (*datasets, *asked) if row["target_table"] == table)
        with (
            advisory_lock(connection, f"target {table}", wait_seconds),
            heal_target.open_context(contexts[owner], wait_seconds, table, may_lack=True) as context,
        ):
            of_table = {name: replace(one, target=context.target) for name, one in contexts.items()}
            if cascade and context.target is not None:
                with open_for_plan(context) as cursor:
                    rows = _add_later_datasets(cursor, rows, (context.target.cursor, target_ledger.SCHEMA))
                of_table = _add_contexts(connection, run_uuid, rows, of_table, context)
            if rows:
                with open_for_undo(context) as cursor:
                    _undo_rows(cursor, rows, of_table, summary)
            _remove_decided_files(rows, of_table, summary)
            undone += rows
    summary.headline = summary.headline or f"{len(undone)} dataset{'s' if len(undone) != 1 else ''} undone"
    for name in sorted({row["config_name"] for row in (*asked, *undone)}):
        # loaded again: a run that was killed after its commit may have paused it without a warning
        _warn_of_pause(configuration.load_import(connection, name), summary)
    return summary


def _list_elsewhere(datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the datasets whose rows are in another database; a held file has none."""
    return [row for row in datasets if heal_target.is_elsewhere(row["target_table"]) and not row["is_held_file"]]


def _add_contexts(
    connection: Connection, run_uuid: str, rows: list[dict[str, Any]], known: dict[str, Context], context: Context
) -> dict[str, Context]:
    """Return contexts also of the imports of further datasets of the same target."""
    contexts = take_rows_back.build_contexts(connection, run_uuid, rows)
    return {name: replace(one, target=context.target) for name, one in (contexts | known).items()}


def _undo_rows(cursor: Cursor, rows: list[dict[str, Any]], contexts: dict[str, Context], summary: Summary) -> None:
    for row in rows:
        context = contexts[row["config_name"]]
        summary.rows.append(_undo_dataset(cursor, row, context))
        if context.target is not None:
            # the next one asks there what lies on top of it
            target_ledger.copy_changed_states(cursor, context.target.cursor, context.target.name)
        summary.details += take_rows_back.reload_skipped_rows(cursor, row, contexts)
        if not row["is_held_file"]:
            _pause_import(cursor, context.config)


def _remove_decided_files(rows: list[dict[str, Any]], contexts: dict[str, Context], summary: Summary) -> None:
    """Remove the files of held datasets that their imports, which keep no archive, kept only for a decision."""
    for name in {row["config_name"] for row in rows if row["is_held_file"]}:
        if contexts[name].config.archive_policy == "none":
            archive_and_settle.finish_files(contexts[name], summary)


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
    if of_run is not None and not _UUID.fullmatch(of_run):
        raise UsageError(f"{of_run!r} is not the number of a run", f"See: {_SELECT_RUNS}")
    cursor.execute(
        f"select {', '.join(take_rows_back.COLUMNS)} from dba.tdataset d where {condition} order by dataset_id desc",
        {"dataset": dataset_id, "run": of_run},
    )
    rows = [dict(zip(take_rows_back.COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        what = f"there is no dataset {dataset_id}" if dataset_id is not None else f"run {of_run} has loaded nothing"
        raise UsageError(what, f"See: {format_command('database', 'sql', 'select * from dba.v_dataset')}")
    return rows


def _load_datasets_to_undo(cursor: Cursor, dataset_id: int | None, of_run: str | None) -> list[dict[str, Any]]:
    return [row for row in _load_datasets(cursor, dataset_id, of_run) if row["status"] != "undone"]


def _add_later_datasets(
    cursor: Cursor, datasets: list[dict[str, Any]], there: tuple[Cursor, str] | None = None
) -> list[dict[str, Any]]:
    """Return datasets with those that depend on them; `there`: see `states.find_upserts_on_top`."""
    known = {row["dataset_id"]: row for row in datasets}
    open_ones = list(datasets)
    while open_ones:
        row = open_ones.pop()
        for later in _find_later_ids(cursor, row, there):
            if later not in known:
                open_ones += (more := _load_datasets_to_undo(cursor, later, None))
                known |= {later_row["dataset_id"]: later_row for later_row in more}
    return [known[dataset_id] for dataset_id in sorted(known, reverse=True)]


def _find_later_ids(cursor: Cursor, row: dict[str, Any], there: tuple[Cursor, str] | None) -> list[int]:
    on_top = states.find_upserts_on_top(cursor, row["dataset_id"], there)
    if row["load_mode"] != "new_rows":
        return on_top
    return on_top + new_rows.find_dependents(*_name_place(cursor, row["dataset_id"], there))


def _name_place(cursor: Cursor, dataset_id: int, there: tuple[Cursor, str] | None) -> tuple[Cursor, int, str]:
    rows, schema = there or (cursor, OWN_LEDGER)
    return rows, dataset_id, schema


def _undo_dataset(cursor: Cursor, row: dict[str, Any], context: Context) -> dict[str, Any]:
    dataset_id = row["dataset_id"]
    with after_change.recompute_affected(cursor, context.config, row["label"]) as affected:
        there = (context.target.cursor, target_ledger.SCHEMA) if context.target is not None else None
        before = states.undo_dataset(cursor, dataset_id, context.run_uuid, there)
        ledger.decide_findings(cursor, dataset_id, "rejected", getpass.getuser(), "undone")
        history.withdraw_lessons(cursor, dataset_id)
        withdraw_aliases(cursor, dataset_id, getpass.getuser())
        if row["load_mode"] in take_rows_back.UNDO_ROWS and not row["is_held_file"]:
            # while its rows are still in the target
            affected.add([dataset_id])
            take_rows_back.take_rows_back(cursor, row, context)
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

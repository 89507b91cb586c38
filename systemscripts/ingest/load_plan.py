"""Decide whether a file is loaded, and plan and extend its target."""

from __future__ import annotations

import time
from dataclasses import asdict

from systemscripts import settings
from systemscripts.configuration.column_schema import Column
from systemscripts.datasets import load_decision
from systemscripts.datasets.load_decision import Decision
from systemscripts.db_utils import Cursor
from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.findings.finding import find_worst
from systemscripts.imports import column_layout, target_plan
from systemscripts.imports.values import transform_rows
from systemscripts.ingest import judge_file
from systemscripts.ingest.both_databases import open_for_ddl, open_for_plan
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.target_database import target_ledger


def find_ledger(context: Context) -> tuple[str, str]:
    """Return the name of a target in another database and the schema of the ledger there, for `plan_target`."""
    return (
        (context.config.target_table, target_ledger.SCHEMA)
        if context.target is not None
        else ("", target_plan.OWN_LEDGER)
    )


def decide_for_file(cursor: Cursor, context: Context, file: PreparedFile) -> Decision:
    """Decide whether to load a file, given the datasets that exist."""
    config = context.config
    content = file.table.content_sha256()
    return load_decision.decide_load(
        cursor, config.config_name, config.load_mode, file.identity, content, context.reload
    )


def plan_load(cursor: Cursor, context: Context, file: PreparedFile) -> target_plan.Plan:
    """Return the plan for a load: the columns of the target, and how the file's columns become them.

    Raises BadDataError when the file does not fit the target.
    """
    config = context.config
    # a file without columns has no layout to check: the guards hold it
    shape = column_layout.Layout(0, [], {})
    if not file.columns and config.exact_header and not config.guards.allow_empty:
        raise BadDataError(
            f"the file is empty, expected the header {','.join(config.exact_header)}",
            "If empty files are expected, set guards.allow_empty.",
        )
    if file.columns:
        transform = transform_rows.load_transform(config, file.table, file.columns)
        shape = column_layout.build_layout(config, file.columns, file.table.columns, transform)
        if transform is None:
            shape = _take_file_types(cursor, context, file, shape)
    if config.target.parquet:
        from systemscripts.imports.parquet import parquet_copy

        return parquet_copy.plan_target(cursor, config, shape, context.directories)
    plan = target_plan.plan_target(
        context.rows(cursor), *config.schema_and_table, shape, config.importstrategyid, find_ledger(context)
    )
    if config.load_mode == "upsert":
        plan.key_columns = config.key_columns
        if absent := file.columns and [name for name in config.key_columns if name not in plan.columns]:
            raise BadDataError(f"key columns are missing: {', '.join(absent)}", "Correct the file, or key_columns.")
    if config.load_mode == "new_rows":
        _check_new_columns(cursor, context, plan)
    return plan


def _take_file_types(
    cursor: Cursor, context: Context, file: PreparedFile, shape: column_layout.Layout
) -> column_layout.Layout:
    """Return the layout with the types that the file has for columns which are neither declared nor in the target."""
    config = context.config
    types = dict(zip(file.columns, map(file.table.column_types.get, file.table.columns), strict=True))
    if config.target.parquet:
        # a decimal of a Parquet target has a scale, and a float has none
        known = [name for name, declared in types.items() if declared == {"type": "numeric"}]
    else:
        known = list(target_plan.load_columns(context.rows(cursor), *config.schema_and_table) or ())
    # numeric of PostgreSQL keeps all digits, a declared scale limits them
    keys = {"type", "scale"} if config.target.parquet else {"type"}
    undeclared = {
        name: Column.model_validate({key: declared[key] for key in declared if key in keys})
        for name, declared in types.items()
        if declared is not None and name not in config.declared and name not in known
    }
    return shape.with_columns(undeclared)


def _check_new_columns(cursor: Cursor, context: Context, plan: target_plan.Plan) -> None:
    """Raise BadDataError for a new column that the configuration does not name: it changes the hash of every row."""
    named = {column.rename or name for name, column in context.config.declared.items()}
    unnamed = [name for name in plan.added if name not in named]
    if not unnamed:
        return
    cursor.execute("select 1 from dba.tdataset where target_table = %s and status = 'active' limit 1", (plan.name,))
    if cursor.fetchone():
        raise BadDataError(
            f"new columns: {', '.join(unnamed)}; with them every row would count as new",
            "Add them to the schema of the import, or leave them out with importstrategyid 2.",
        )


def extend_target_ahead(context: Context, file: PreparedFile) -> None:
    """Add the columns of one file to the target before any of several files is loaded: together they make its layout.

    Raises BadDataError as the load would.
    """
    with open_for_plan(context) as cursor:
        if decide_for_file(cursor, context, file).action != "load":
            return
        if find_worst(judge_file.judge_shape(cursor, context, file)) in ("refuse", "hold"):
            return
        plan = plan_load(cursor, context, file)
    extend_target(context, plan, file)


def extend_target(context: Context, plan: target_plan.Plan, file: PreparedFile) -> None:
    """Run the DDL of a plan, in short attempts: an ALTER TABLE that waits for a lock blocks all readers behind it."""
    until = time.monotonic() + settings.current().database_lock_seconds
    while True:
        try:
            with open_for_ddl(context) as cursor:
                rows = context.rows(cursor)
                rows.execute("set local lock_timeout = '500ms'")
                home = cursor if context.target is not None else None
                target_plan.extend_table(
                    rows, plan, context.config.config_name, file.ticket.file_id, context.run_uuid, home
                )
                return
        except TryLaterError:
            if context.is_connection_lost or time.monotonic() >= until:
                raise
            time.sleep(0.5)


def plan_as_json(plan: target_plan.Plan, file: PreparedFile) -> dict[str, object]:
    """Return what the ledger keeps of a plan; a replay of rejected rows needs the file's columns and wire."""
    return {
        "create": plan.create,
        "added": plan.added,
        "ignored": plan.ignored,
        "missing": plan.missing,
        "file_columns": file.columns,
        "file_headers": file.table.columns,
        "wire": asdict(file.table.wire),
    }

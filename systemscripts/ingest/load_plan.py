"""What loading a file means for the datasets that exist, and for the shape of its target."""

from __future__ import annotations

import time
from dataclasses import asdict

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.datasets import identity
from systemscripts.datasets.identity import Decision
from systemscripts.db_utils import Cursor, transaction
from systemscripts.errors import BadDataError, TryLaterError
from systemscripts.imports import layout, target
from systemscripts.imports.parquet import parquet_copy
from systemscripts.imports.values import transform_rows
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile


def decide_for_file(cursor: Cursor, context: Context, file: PreparedFile) -> Decision:
    """What the file's content means beside the datasets that are there."""
    config = context.config
    content = file.table.content_sha256()
    return identity.decide_load(cursor, config.config_name, config.load_mode, file.identity, content, context.reload)


def plan_load(cursor: Cursor, context: Context, file: PreparedFile) -> target.Plan:
    """What loading the file does to its target's shape."""
    config = context.config
    # a file without any column has no layout that could be wrong: in snapshot mode the guards hold it, unless a layout
    # is demanded; in the other modes nothing would be said of a delivery that was cut to nothing
    shape = layout.Layout(0, [], {})
    demanded = config.exact_header or config.load_mode != "snapshot"
    if not file.columns and demanded and not config.guards.allow_empty:
        header = f", expected the header {','.join(config.exact_header)}" if config.exact_header else ""
        raise BadDataError(
            f"the file is empty{header or ': it has not even a header'}",
            "Where empty files are nothing to worry about, set guards.allow_empty.",
        )
    if file.columns:
        transform = transform_rows.of(config, file.table, file.columns)
        shape = layout.layout(config, file.columns, file.table.columns, transform)
        if config.guards.need_key:
            _check_key_columns(config, shape.in_file)
    if config.target.parquet:
        return parquet_copy.plan(cursor, config, shape, context.directories)
    made = target.plan(cursor, *config.schema_and_table, shape, config.importstrategyid)
    if config.load_mode == "upsert":
        made.key_columns = config.key_columns
        if absent := file.columns and [name for name in config.key_columns if name not in made.columns]:
            raise BadDataError(f"key columns are missing: {', '.join(absent)}", "Correct the file, or key_columns.")
    if config.load_mode == "new_rows":
        _check_new_columns(cursor, context, made)
    return made


def _check_key_columns(config: ImportConfig, columns: set[str]) -> None:
    """Refuse a file without any column of the key: another page or table than the import is for."""
    alternatives = [name for element in config.key_columns for name in element.split("|")]
    if not columns & set(alternatives):
        raise BadDataError(
            f"another layout: no column of the key ({', '.join(config.key_columns)}), "
            f"only {', '.join(sorted(columns)[:5])}",
            "If it is the right file, list its header under reading: aliases.",
        )


def _check_new_columns(cursor: Cursor, context: Context, made: target.Plan) -> None:
    """A column that nobody named would make every row of the file another one than before."""
    named = {column.rename or name for name, column in context.config.declared.items()}
    unnamed = [name for name in made.added if name not in named]
    if not unnamed:
        return
    cursor.execute("select 1 from dba.tdataset where target_table = %s and status = 'active' limit 1", (made.name,))
    if cursor.fetchone():
        raise BadDataError(
            f"columns that no file had before: {', '.join(unnamed)}; each row would be taken for a new one",
            "Name them in the schema of the import, or leave them out with importstrategyid 2.",
        )


def extend_target_ahead(context: Context, file: PreparedFile) -> None:
    """Give the target the columns of one of several files before any is loaded: together they are its first layout.

    Raises BadDataError as the load would.
    """
    with transaction(context.connection) as cursor:
        if decide_for_file(cursor, context, file).action != "load":
            return
        plan = plan_load(cursor, context, file)
    extend_target(context, plan, file)


def extend_target(context: Context, plan: target.Plan, file: PreparedFile) -> None:
    """Carry out the DDL; tried again in short waits, because readers queue behind an ALTER TABLE that waits."""
    until = time.monotonic() + settings.current().database_lock_seconds
    while True:
        try:
            with transaction(context.connection) as cursor:
                cursor.execute("set local lock_timeout = '500ms'")
                target.extend(cursor, plan, context.config.config_name, file.ticket.file_id, context.run_uuid)
                return
        except TryLaterError:
            if context.connection.closed or time.monotonic() >= until:
                raise
            time.sleep(0.5)


def plan_as_json(plan: target.Plan, file: PreparedFile) -> dict[str, object]:
    """What is kept of the plan; columns and wire are what a replay of rejected rows needs."""
    return {
        "create": plan.create,
        "added": plan.added,
        "ignored": plan.ignored,
        "missing": plan.missing,
        "file_columns": file.columns,
        "file_headers": file.table.columns,
        "wire": asdict(file.table.wire),
    }

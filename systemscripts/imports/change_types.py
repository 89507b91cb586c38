"""Apply a changed schema to an existing target: rename columns and change their types, only on demand.

Text is converted by the same rules as in a load (formats, marks, null markers); if one value does not fit, nothing
changes. The rows in dba.trowhistory are converted too, so that an undo still works. Each target is changed in one
transaction, and every statement is recorded in dba.tschemachange.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.configuration import ImportConfig
from systemscripts.db_utils import Connection, Cursor, advisory_lock, transaction
from systemscripts.errors import BadDataError, ConfigurationError
from systemscripts.imports import column_layout, dependent_views, target_plan, upsert
from systemscripts.imports.values import convert_values
from systemscripts.imports.values.validate_rows import Field
from systemscripts.tables.lineage import LINEAGE

logger = logging.getLogger(__name__)

# runs a statement and records it
Run = Callable[[sql.Composed], None]
# how many values that do not fit a message shows
MAX_SHOWN_VALUES = 3


@dataclass(frozen=True)
class Change:
    """One column that differs from the schema."""

    name: str
    old_name: str
    old_type: str
    field: Field

    @property
    def type(self) -> str:
        """Return the declared type."""
        return self.field.column.type

    @property
    def words(self) -> str:
        """Return the change as a sentence."""
        renamed = f"{self.old_name} is renamed to {self.name}" if self.old_name != self.name else ""
        retyped = f"{self.name} is {self.type} now, it was {self.old_type}" if self.has_new_type else ""
        return ", ".join(filter(None, (renamed, retyped)))

    @property
    def has_new_type(self) -> bool:
        """Return whether the type changes."""
        return self.old_type != target_plan.to_postgresql_type(self.type)


def apply_changes(connection: Connection, config: ImportConfig, run_uuid: str, wait_seconds: float = 0) -> list[str]:
    """Change an import's target to match its schema; return a sentence for each column that changed.

    Raises the errors of `run_changes`, and TryLaterError when an import is loading into the target.
    """
    with transaction(connection) as cursor:
        changes = find_changes(cursor, config)
    if not changes:
        return []
    with advisory_lock(connection, f"target {config.target_table}", wait_seconds), transaction(connection) as cursor:
        changes = find_changes(cursor, config)
        run_changes(cursor, config, changes, run_uuid)
    return [f"{config.target_table}: {change.words}" for change in changes]


def log_changes(connection: Connection, config: ImportConfig, run_uuid: str, wait_seconds: float = 0) -> None:
    """Do what `apply_changes` does, for a run that then loads; its log says what changed."""
    for sentence in apply_changes(connection, config, run_uuid, wait_seconds):
        logger.info("%s", sentence)


def find_changes(cursor: Cursor, config: ImportConfig) -> list[Change]:
    """Return the differences between an import's target and its schema; none if there is no target yet."""
    # each Parquet file has its own columns; a table in another database is changed by its owner
    if config.target.parquet or config.is_elsewhere:
        return []
    existing = target_plan.load_columns(cursor, *config.schema_and_table)
    if not existing or list(existing)[:2] != list(LINEAGE):
        return []
    changes = []
    for name, column in config.declared.items():
        new_name = column.rename or name
        old_name = new_name if new_name in existing else _find_previous_name(cursor, config, name, existing)
        if old_name is not None:
            change = Change(
                new_name, old_name, existing[old_name], column_layout.build_field(config, new_name, None, column)
            )
            changes += [change] if change.words else []
    return changes


def _find_previous_name(cursor: Cursor, config: ImportConfig, name: str, existing: dict[str, str]) -> str | None:
    """Return the column that an earlier version of the schema renamed `name` to, None if that is not clear."""
    cursor.execute(
        """select distinct content -> 'schema' -> %s ->> 'rename' from dba.tconfighistory where config_name = %s""",
        (name, config.config_name),
    )
    taken = {column.rename or other for other, column in config.declared.items()}
    names = {name, *(row[0] for row in cursor.fetchall() if row[0])} - taken
    old_name = sorted(names & set(existing))
    return old_name[0] if len(old_name) == 1 else None


def run_changes(cursor: Cursor, config: ImportConfig, changes: list[Change], run_uuid: str) -> None:
    """Change a target's columns, in the caller's transaction.

    Raises BadDataError when a value does not fit its new type, ConfigurationError when another view depends on a column
    or another import of the same target declares another type.
    """
    schema, table = config.schema_and_table
    retyped = [change for change in changes if change.has_new_type]

    def run(statement: sql.Composed) -> None:
        target_plan.run_ddl(cursor, statement, config.target_table, config.config_name, run_uuid)

    _check_contradictions(cursor, config, retyped)
    view = sql.Identifier(schema, f"{table}_current")
    if retyped:
        command = format_command("apply_config", config.config_name)
        dependent_views.refuse_foreign_views(cursor, schema, table, [change.old_name for change in retyped], command)
        kept = dependent_views.load_view_extras(cursor, schema, f"{table}_current")
        run(sql.SQL("drop view {}").format(view))
    for change in changes:
        if change.name != change.old_name:
            _rename_column(cursor, config, change, run, view=not retyped)
    for change in retyped:
        _change_type(cursor, config, change, run)
    if retyped:
        run(target_plan.build_current_view(schema, table, config.target_table))
        for statement in dependent_views.build_restore_statements(schema, f"{table}_current", kept):
            run(statement)
        cursor.execute(sql.SQL("comment on view {} is {}").format(view, sql.Literal(kept.comment)))


def _check_contradictions(cursor: Cursor, config: ImportConfig, retyped: list[Change]) -> None:
    for change in retyped:
        cursor.execute(
            """select i.config_name, c.value ->> 'type' from dba.timportconfig i, jsonb_each(i.schema) c
               where i.target_table = %s and i.config_name <> %s and coalesce(c.value ->> 'rename', c.key) = %s
                 and jsonb_typeof(c.value) = 'object' and c.value ->> 'type' <> %s""",
            (config.target_table, config.config_name, change.name, change.type),
        )
        other = cursor.fetchone()
        if other:
            raise ConfigurationError(
                f"{config.target_table} is the target of {other[0]} too, which declares {change.name} as {other[1]}",
                "Declare the same type in both.",
            )


def _rename_column(cursor: Cursor, config: ImportConfig, change: Change, run: Run, view: bool) -> None:
    schema, table = config.schema_and_table
    old, new = sql.Identifier(change.old_name), sql.Identifier(change.name)
    for relation_type, name in [("table", table)] + [("view", f"{table}_current")] * view:
        target = sql.Identifier(schema, name)
        run(sql.SQL("alter {} {} rename column {} to {}").format(sql.SQL(relation_type), target, old, new))
    names = {"old": change.old_name, "new": change.name, "table": config.target_table}
    for part in ("key", "old_row"):
        cursor.execute(
            f"""update dba.trowhistory set {part} = {part} - %(old)s || jsonb_build_object(%(new)s, {part} -> %(old)s)
                where target_table = %(table)s and {part} ? %(old)s""",
            names,
        )
    cursor.execute(
        "update dba.tdataset set columns = array_replace(columns, %(old)s, %(new)s) where target_table = %(table)s",
        names,
    )


def _change_type(cursor: Cursor, config: ImportConfig, change: Change, run: Run) -> None:
    target, name = sql.Identifier(*config.schema_and_table), sql.Identifier(change.name)
    new_type = sql.SQL(change.type)
    if change.old_type == "text":
        _rewrite_texts(cursor, config, change)
        if "" not in change.field.null:
            _fill_empty(cursor, config, change)
    statement = sql.SQL("alter table {0} alter column {1} type {2} using {1}::{2}").format(target, name, new_type)
    try:
        run(statement)
    except (psycopg2.DataError, psycopg2.errors.CannotCoerce) as error:
        raise BadDataError(
            f"column {change.name} of {config.target_table} cannot become {change.type}: {error.diag.message_primary}",
            f"Declare it {change.old_type}, or correct the values.",
        ) from error
    _change_type_in_history(cursor, config, change)
    # read above in the installation's time zone; the history is written in UTC
    if change.type == "timestamptz":
        with upsert.in_zone_of_history(cursor):
            _change_type_in_history(cursor, config, change)


def _change_type_in_history(cursor: Cursor, config: ImportConfig, change: Change) -> None:
    """Convert the values in the history to the new type, so that they still compare with the table."""
    for part in ("key", "old_row"):
        cursor.execute(
            sql.SQL(
                """update dba.trowhistory set {0} = {0} || jsonb_build_object(%(name)s, ({0} ->> %(name)s)::{1})
                   where target_table = %(table)s and {0} ? %(name)s"""
            ).format(sql.Identifier(part), sql.SQL(change.type)),
            {"name": change.name, "table": config.target_table},
        )


def _rewrite_texts(cursor: Cursor, config: ImportConfig, change: Change) -> None:
    """Rewrite the texts of a column, in table and history, as PostgreSQL spells values of the new type."""
    target, name = sql.Identifier(*config.schema_and_table), sql.Identifier(change.name)
    spelling = _find_spellings(cursor, config, change)
    if not spelling:
        return
    from psycopg2.extras import execute_values

    cursor.execute("create temporary table spelling (old text, new text) on commit drop")
    execute_values(cursor, "insert into spelling values %s", spelling, page_size=1000)
    # statistics instead of an index, which has no room for a long text
    cursor.execute("analyze spelling")
    cursor.execute(sql.SQL("update {0} t set {1} = s.new from spelling s where t.{1} = s.old").format(target, name))
    for part in ("key", "old_row"):
        cursor.execute(
            sql.SQL(
                """update dba.trowhistory h set {0} = {0} || jsonb_build_object(%(name)s, s.new) from spelling s
                   where h.target_table = %(table)s and h.{0} ->> %(name)s = s.old"""
            ).format(sql.Identifier(part)),
            {"name": change.name, "table": config.target_table},
        )
    cursor.execute("drop table pg_temp.spelling")


def _fill_empty(cursor: Cursor, config: ImportConfig, change: Change) -> None:
    """Write the value that the empty field means, where the file of a row has the column; in table and history."""
    convert = convert_values.make_converter(change.field.column, None)
    assert convert is not None  # only a boolean has words for the empty field
    in_files = [name for name, column in config.declared.items() if (column.rename or name) == change.name]
    names = {
        "name": change.name, "in_files": [*in_files, change.name], "value": convert(""), "table": config.target_table,
    }  # fmt: skip
    target, column = sql.Identifier(*config.schema_and_table), sql.Identifier(change.name)
    cursor.execute(
        sql.SQL(
            """update {0} t set {1} = %(value)s from dba.tdataset d
               where t.{1} is null and d.dataset_id = t.dataset_id and d.columns && %(in_files)s"""
        ).format(target, column),
        names,
    )
    cursor.execute(
        """update dba.trowhistory set old_row = old_row || jsonb_build_object(%(name)s, %(value)s)
           where target_table = %(table)s and old_row -> %(name)s = 'null'""",
        names,
    )


def _find_spellings(cursor: Cursor, config: ImportConfig, change: Change) -> list[tuple[str, str | None]]:
    """Return each text of a column that must change, with its new form; raise BadDataError if one does not fit."""
    convert = convert_values.make_converter(change.field.column, settings.get_zone())
    changes, faults = [], []
    for text in _read_texts(cursor, config, change):
        try:
            is_empty = convert_values.is_empty(text, change.field.column, change.field.null)
            new = None if is_empty else convert(text) if convert else text
        except ValueError as error:
            faults.append(str(error))
            continue
        if new != text:
            changes.append((text, new))
    if faults:
        raise BadDataError(
            f"column {change.name} of {config.target_table} cannot become {change.type}: "
            f"{len(faults)} different values do not fit, {'; '.join(faults[:MAX_SHOWN_VALUES])}",
            "Declare formats, marks, words or null markers for them, undo their datasets, or keep the type text.",
        )
    return changes


def _read_texts(cursor: Cursor, config: ImportConfig, change: Change) -> list[str]:
    cursor.execute(
        sql.SQL(
            """select {1} from {0} where {1} is not null
               union select old_row ->> {2} from dba.trowhistory
               where target_table = {3} and old_row ->> {2} is not null"""
        ).format(
            sql.Identifier(*config.schema_and_table), sql.Identifier(change.name), sql.Literal(change.name),
            sql.Literal(config.target_table),
        )
    )  # fmt: skip
    return [row[0] for row in cursor.fetchall()]

"""Preview a load: run the load's own code in a transaction that is rolled back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

from systemscripts import file_ledger
from systemscripts.configuration import import_rows
from systemscripts.datasets.load_decision import Decision
from systemscripts.findings.finding import find_worst
from systemscripts.imports import target_plan
from systemscripts.ingest import judge_file, load, load_plan, prepare, preview_values, refuse_file
from systemscripts.ingest.file_outcome import Outcome
from systemscripts.ingest.ingest_context import Context
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.summary import Notice
from systemscripts.tables import lineage

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# enough rejected rows to see what is wrong
MAX_REJECTS = 5


@dataclass
class Preview:
    """What --dry-run shows of one file."""

    outcome: Outcome
    detected: dict[str, Any]
    columns: list[dict[str, Any]] = field(default_factory=list)  # header, column, type, samples
    statements: list[str] = field(default_factory=list)
    rejects: list[str] = field(default_factory=list)  # the first ones, each with its line
    rejects_by_column: dict[str, int] = field(default_factory=dict)


def preview_file(context: Context, path: Path, is_stored: bool = True) -> Preview:
    """Return what loading a file would do; write nothing, and block no reader of the target.

    `is_stored`: False for a configuration, or a version of it, that has not been stored yet.
    Raises BadDataError as the load would.
    """
    try:
        with context.connection.cursor() as cursor:
            if not is_stored:
                # rolled back with everything else
                import_rows.write_row_in(cursor, context.config, "", "upload")
            ticket = file_ledger.register_file(
                cursor, context.config.config_name, path, context.directories, context.run_uuid, "local"
            )
            with prepare.prepare_file(context, ticket, write=False) as file:
                file_ledger.change_status(cursor, ticket, "prepared", context.run_uuid)
                return _preview_load(cursor, context, file)
    except psycopg2.Error as error:
        raise context.translate_error(error) from error
    finally:
        context.connection.rollback()
        if context.target is not None:
            context.target.forget_preview()


def _preview_load(cursor: Cursor, context: Context, file: PreparedFile) -> Preview:
    decision = load_plan.decide_for_file(cursor, context, file)
    findings = judge_file.judge_shape(cursor, context, file) if decision.action == "load" else []
    refuse_file.refuse_if_found(findings)
    if find_worst(findings) == "hold":
        shown = Preview(load.hold_unread(cursor, context, file, decision, findings), vars(file.table.detected))
        return _word_as_preview(shown, decision)
    plan = load_plan.plan_load(cursor, context, file)
    shown = Preview(
        Outcome(file.ticket.name, f"would be {decision.action}", decision.dataset_id, reason=decision.reason),
        vars(file.table.detected),
        _describe_columns(file, plan, preview_values.list_originals(file)),
    )
    if decision.action != "load":
        return shown
    shown.columns = _describe_columns(file, plan, preview_values.list_conversions(cursor, file, plan))
    statements = [*plan.statements(), *([plan.index_of_hashes()] if plan.create and plan.shape.hashed else [])]
    shown.statements = [statement.as_string(cursor) for statement in statements]
    if plan.lake is not None:
        plan = replace(plan, lake=replace(plan.lake, write=False))
    else:
        plan = _replace_target(context.rows(cursor), plan)
    shown.outcome = load.load_rows(cursor, context, file, plan, decision, findings)
    shown.rejects = _describe_first_rejects(cursor, file.ticket)
    shown.rejects_by_column = _count_rejects(cursor, file.ticket)
    return _word_as_preview(shown, decision)


def _word_as_preview(shown: Preview, decision: Decision) -> Preview:
    """Say what would become of the file; its ticket and dataset are rolled back with the transaction."""
    shown.outcome.warnings = [
        Notice(notice.code, notice.text.removesuffix(load.SEE_REJECTS), notice.config_name)
        for notice in shown.outcome.warnings
    ]
    shown.outcome.status, shown.outcome.dataset_id = f"would be {shown.outcome.status}", decision.supersedes
    return shown


def _describe_first_rejects(cursor: Cursor, ticket: file_ledger.Ticket) -> list[str]:
    """Return a line for each of the first rejected rows, which are rolled back with the transaction."""
    cursor.execute(
        """select source_row, reason from dba.trejectedrow where file_id = %s and dataset_id is not null
           order by source_row limit %s""",
        (ticket.file_id, MAX_REJECTS),
    )
    return [f"row {line} would be rejected: {reason}" for line, reason in cursor.fetchall()]


def _count_rejects(cursor: Cursor, ticket: file_ledger.Ticket) -> dict[str, int]:
    """Return how many rows each column would reject."""
    cursor.execute(
        """select column_name, count(*) from dba.trejectedrow
           where file_id = %s and dataset_id is not null and column_name is not null group by column_name""",
        (ticket.file_id,),
    )
    return dict(cursor.fetchall())


def _replace_target(cursor: Cursor, plan: target_plan.Plan) -> target_plan.Plan:
    """Return the plan for a temporary table: adding a column to the target would lock it until the copy ends."""
    _create_temporary_target(cursor, plan)
    return replace(plan, schema="pg_temp", stands_for=plan.name)


def _create_temporary_target(cursor: Cursor, plan: target_plan.Plan) -> None:
    """Create a temporary table like the extended target; with its rows if the load compares with them."""
    table = sql.Identifier(plan.table)
    if plan.create or not plan.needs_target_rows:
        own = sql.SQL(lineage.define_columns(plan.shape.hashed))
        columns = sql.SQL(", ").join([own, *plan.definitions(plan.columns)])
        cursor.execute(sql.SQL("create temporary table {} ({}) on commit drop").format(table, columns))
        return
    cursor.execute(
        sql.SQL("create temporary table {} on commit drop as select * from {}").format(
            table, sql.Identifier(plan.schema, plan.table)
        )
    )
    for definition in plan.definitions(plan.added):
        cursor.execute(sql.SQL("alter table pg_temp.{} add column {}").format(table, definition))


def _describe_columns(file: PreparedFile, plan: target_plan.Plan, samples: list[str]) -> list[dict[str, Any]]:
    """Return what becomes of each column; `samples`: the first values of each."""
    becomes, base = (
        _find_target_columns(file, plan),
        plan.shape.transform.columns if plan.shape.transform else file.columns,
    )
    shown = [
        {
            "column": becomes.get(column, (column, ""))[0],
            "header": header,
            "type": becomes.get(column, ("", "not loaded"))[1],
            "samples": samples[index],
        }
        for index, (column, header) in enumerate(zip(file.columns, file.table.columns, strict=True))
    ]
    added = (becomes[column] for column in base if column in becomes and column not in file.columns)
    return shown + [
        {"column": name, "header": "transform", "type": type_name, "samples": ""} for name, type_name in added
    ]


def _find_target_columns(file: PreparedFile, plan: target_plan.Plan) -> dict[str, tuple[str, str]]:
    """Return name and type in the target of each column that is loaded, also of one that goes into the JSON column."""
    shape = plan.shape
    base = shape.transform.columns if shape.transform else file.columns
    copies = {field.name for field in shape.fields if field.column.from_column}
    names = {
        base[field.index]: field.name for field in shape.fields if field.index is not None and field.name not in copies
    }
    loaded = {column: (name, plan.types[name]) for column, name in names.items() if name in plan.types}
    return loaded | {column: (column, f"into {shape.extras_name}") for column in shape.extras}

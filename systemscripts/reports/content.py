"""Gather the content of a report: the rows of its queries and its parts, since the last delivery."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.errors

from systemscripts import settings
from systemscripts.db_utils import Connection, Cursor, queries, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.reports import reading_rights
from systemscripts.reports.definition import Report
from systemscripts.reports.report_part import ReportPart, load_part
from systemscripts.table_rights import Visibility

logger = logging.getLogger(__name__)
PROBLEMS = "problems"
# class 42 (PostgreSQL manual, appendix A) is ProgrammingError in the driver, despite the names of its subclasses
WRONG_SQL = (
    psycopg2.ProgrammingError, psycopg2.errors.ReadOnlySqlTransaction, psycopg2.DataError, psycopg2.NotSupportedError,
)  # fmt: skip
Rows = dict[str, list[dict[str, Any]]]
# columns and rows
Table = tuple[list[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Content:
    """The values for a report's templates, and whether they are worth a mail."""

    rows: Rows
    problems: list[dict[str, Any]]
    parts: dict[str, ReportPart] = field(default_factory=dict)
    # the table of each attachment, by its index
    attached: dict[int, Table] = field(default_factory=dict)
    # the newest dataset
    dataset_id: int = 0

    @property
    def covered(self) -> dict[str, Any]:
        """What a delivery of this content has reported."""
        return {"dataset_id": self.dataset_id} | {name: part.covered for name, part in self.parts.items()}

    def values(self) -> dict[str, Any]:
        """Return the variables of the templates."""
        return {**self.rows, PROBLEMS: self.problems, **{name: part.value for name, part in self.parts.items()}}

    def is_wanted(self, send_if: str) -> bool:
        """Return whether `send_if` (always, rows or problems) is met."""
        if send_if != "rows":
            return send_if == "always" or bool(self.problems)
        used = {name for part in self.parts.values() for name in part.used_queries}
        has_rows = any(rows for name, rows in self.rows.items() if name not in used)
        return has_rows or any(part.has_news for part in self.parts.values())


def gather_content(
    report: Report,
    cursor: Cursor,
    reader: Connection,
    run_uuid: str,
    each: str | None = None,
    visibility: Visibility | None = None,
    since_delivery: int | None = None,
    seconds: int = 0,
) -> Content:
    """Return what a report has to report since its last delivery.

    `cursor`: in a transaction of its own, which from here on sees one state of the database. `each`: the name in a row
    of its query `for_each`, None for the report itself. `visibility`: of the user who reads it; None: all of it.
    `since_delivery`: another delivery than the last one, 0 for none. `seconds`: how long each query may take, 0 for
    any time. Raises ConfigurationError if a query is wrong.
    """
    cursor.execute("set transaction isolation level repeatable read")
    covered = _read_covered(cursor, report, since_delivery)
    cursor.execute("select coalesce(max(dataset_id), 0) from dba.tdataset")
    newest: Any = cursor.fetchone()
    values = {
        "since": covered.get("dataset_id", 0), "until": newest[0], "run": run_uuid, "now": settings.now(),
        "each": each,
    }  # fmt: skip
    tables = _run_queries(report, reader, values, seconds)
    if visibility is not None and visibility.sees_everything:
        visibility = None
    if visibility is not None:
        tables = reading_rights.restrict_tables(cursor, report, visibility, tables)
    rows: Rows = {
        name: [dict(zip(columns, row, strict=True)) for row in table_rows]
        for name, (columns, table_rows) in tables.items()
        if isinstance(name, str)
    }
    problems = [row for name, query_rows in rows.items() if _is_problems(name) for row in query_rows]
    parts = {}
    for name, options in report.parts.items():
        module = load_part(name)
        part = module.make(cursor, module.Options.model_validate(options), rows, covered.get(name, {}))
        if visibility is not None:
            part = reading_rights.restrict_part(cursor, name, options, part, visibility)
        parts[name] = part
    for name in parts:
        if any(attachment.query == name for attachment in report.attachments):
            tables[name] = parts[name].value
    return Content(rows, problems, parts, _choose_attached(report, tables), int(newest[0]))


def _choose_attached(report: Report, tables: dict[str | int, Table]) -> dict[int, Table]:
    attached = {}
    for index, attachment in enumerate(report.attachments):
        is_named = attachment.query in report.queries or attachment.query in report.parts
        table = tables[attachment.query if is_named else index]
        if table[1] or attachment.if_empty:
            attached[index] = table
    return attached


def _is_problems(name: str) -> bool:
    return name == PROBLEMS or name.startswith(f"{PROBLEMS}_")


def _read_covered(cursor: Cursor, report: Report, delivery_id: int | None) -> dict[str, Any]:
    """Return what the last or another delivery has reported, also a pending one, because it will be sent."""
    cursor.execute(
        """select covered from dba.treportdelivery where report_name = %(name)s
               and (%(delivery)s::bigint is null or delivery_id = %(delivery)s::bigint)
           order by delivery_id desc limit 1""",
        {"name": report.report_name, "delivery": delivery_id},
    )
    row: Any = cursor.fetchone()
    return dict(row[0]) if row else {}


def _run_queries(report: Report, reader: Connection, values: dict[str, Any], seconds: int) -> dict[str | int, Table]:
    """Return the results of all queries, from one read-only snapshot with the rights of the reader.

    By the name of the query, or by the index of an attachment with SQL of its own.
    """
    statements = reading_rights.list_statements(report)
    tables = {}
    with transaction(reader) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        if seconds:
            cursor.execute("set local statement_timeout = %s", (f"{seconds}s",))
        for name, statement in statements.items():
            shown = name if isinstance(name, str) else f"of {report.attachments[name].name}"
            tables[name] = _run_query(cursor, report, shown, statement, values)
    return tables


def _run_query(cursor: Cursor, report: Report, name: str, statement: str, values: dict[str, Any]) -> Table:
    cursor.execute("savepoint query")
    try:
        return queries.read_rows(cursor, statement, values)
    except psycopg2.errors.UndefinedTable as error:
        # an import creates its target with its first file; problems until then must still be mailed
        cursor.execute("rollback to savepoint query")
        text = "report %s: query %s has no table yet: %s"
        logger.warning(
            text, report.report_name, name, error.diag.message_primary, extra={"code": "query_without_table"}
        )
        return [], []
    except WRONG_SQL as error:
        raise ConfigurationError(
            f"report {report.report_name}: query {name}: {error.diag.message_primary}",
            f"Correct config/reports/{report.report_name}.yaml.",
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"report {report.report_name}: query {name}: a parameter is wrong ({error}); a percent sign is written %%",
            f"Correct config/reports/{report.report_name}.yaml.",
        ) from error

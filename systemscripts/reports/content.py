"""What a report has to say now: the rows of its queries and its parts, beside what the last delivery has covered."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import psycopg2.errors

from systemscripts import settings
from systemscripts.db_utils import Connection, Cursor, queries, transaction
from systemscripts.errors import ConfigurationError
from systemscripts.reports import parts
from systemscripts.reports.definition import Report
from systemscripts.reports.parts import Part

logger = logging.getLogger(__name__)
PROBLEMS = "problems"
# class 42 (PostgreSQL manual, appendix A) is ProgrammingError in the driver, whatever the names of its subclasses say
WRONG_SQL = (
    psycopg2.ProgrammingError, psycopg2.errors.ReadOnlySqlTransaction, psycopg2.DataError, psycopg2.NotSupportedError,
)  # fmt: skip
Rows = dict[str, list[dict[str, Any]]]
Table = tuple[list[str], list[tuple[Any, ...]]]  # columns and rows


@dataclass(frozen=True)
class Content:
    """The values for a report's templates, and whether they are worth a mail."""

    rows: Rows
    problems: list[dict[str, Any]]
    parts: dict[str, Part] = field(default_factory=dict)
    attached: dict[int, Table] = field(default_factory=dict)  # what each attachment holds, by its place
    dataset_id: int = 0  # the newest one there is

    @property
    def covered(self) -> dict[str, Any]:
        """What a delivery of this content has told."""
        return {"dataset_id": self.dataset_id} | {name: part.covered for name, part in self.parts.items()}

    def values(self) -> dict[str, Any]:
        """What templates see."""
        return {**self.rows, PROBLEMS: self.problems, **{name: part.value for name, part in self.parts.items()}}

    def wanted(self, send_if: str) -> bool:
        """Whether send_if is met."""
        if send_if != "rows":
            return send_if == "always" or bool(self.problems)
        used = {name for part in self.parts.values() for name in part.used}
        found = any(rows for name, rows in self.rows.items() if name not in used)
        return found or any(part.wanted for part in self.parts.values())


def gather(report: Report, cursor: Cursor, reader: Connection, run_uuid: str) -> Content:
    """Find what a report has to say since its last delivery.

    `cursor`: in a transaction of its own, which sees one state of the database from here on. Raises ConfigurationError
    when a query is wrong.
    """
    cursor.execute("set transaction isolation level repeatable read")
    covered = _covered(cursor, report)
    cursor.execute("select coalesce(max(dataset_id), 0) from dba.tdataset")
    newest: Any = cursor.fetchone()
    values = {
        "since": covered.get("dataset_id", 0), "until": newest[0], "run": run_uuid, "now": settings.now(),
    }  # fmt: skip
    tables = _tables(report, reader, values)
    rows: Rows = {
        name: [dict(zip(columns, row, strict=True)) for row in found]
        for name, (columns, found) in tables.items()
        if isinstance(name, str)
    }
    problems = [row for name, found in rows.items() if _is_problems(name) for row in found]
    made = {}
    for name, options in report.parts.items():
        module = parts.module(name)
        made[name] = module.make(cursor, module.Options.model_validate(options), rows, covered.get(name, {}))
    return Content(rows, problems, made, _attached(report, tables), int(newest[0]))


def _attached(report: Report, tables: dict[str | int, Table]) -> dict[int, Table]:
    found = {}
    for place, attachment in enumerate(report.attachments):
        table = tables[attachment.query if attachment.query in report.queries else place]
        if table[1] or attachment.if_empty:
            found[place] = table
    return found


def _is_problems(name: str) -> bool:
    return name == PROBLEMS or name.startswith(f"{PROBLEMS}_")


def _covered(cursor: Cursor, report: Report) -> dict[str, Any]:
    """What the last delivery has told; a pending one too, because it will be sent."""
    cursor.execute(
        "select covered from dba.treportdelivery where report_name = %s order by delivery_id desc limit 1",
        (report.report_name,),
    )
    row: Any = cursor.fetchone()
    return dict(row[0]) if row else {}


def _tables(report: Report, reader: Connection, values: dict[str, Any]) -> dict[str | int, Table]:
    """What all queries find, in one read-only snapshot, with the rights of the reader.

    By the name of the query; by the place of an attachment that has SQL of its own.
    """
    statements: dict[str | int, str] = dict(report.queries.items())
    for place, attachment in enumerate(report.attachments):
        if attachment.query not in report.queries:
            statements[place] = attachment.query
    found = {}
    with transaction(reader) as cursor:
        cursor.execute("set transaction isolation level repeatable read, read only")
        for name, statement in statements.items():
            shown = name if isinstance(name, str) else f"of {report.attachments[name].name}"
            found[name] = _query(cursor, report, shown, statement, values)
    return found


def _query(cursor: Cursor, report: Report, name: str, statement: str, values: dict[str, Any]) -> Table:
    cursor.execute("savepoint query")
    try:
        return queries.read_rows(cursor, statement, values)
    except psycopg2.errors.UndefinedTable as error:
        # an import makes its target when its first file comes; what went wrong until then must still be mailed
        cursor.execute("rollback to savepoint query")
        text = "report %s: query %s finds nothing yet: %s"
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

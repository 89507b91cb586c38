"""The rows of some imports that were rejected since the last delivery, as a table to attach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from systemscripts.reports.report_part import ReportPart
from systemscripts.table_rights import Visibility

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# A sender corrects a program, not a million rows.
MAX_ROWS = 50_000


class Options(BaseModel):
    """`of`: a query whose rows name each import in their column `import`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: str


def make(
    cursor: Cursor, options: Options, rows: dict[str, list[dict[str, Any]]], covered: dict[str, Any]
) -> ReportPart:
    """Return columns and rows of what is rejected, oldest first; rows that were replayed since are left out."""
    imports = sorted({str(row["import"]) for row in rows.get(options.of, ())})
    cursor.execute("select coalesce(max(rejected_row_id), 0) from dba.trejectedrow")
    (newest,) = cursor.fetchone() or (0,)
    cursor.execute(
        f"""select f.config_name as import, f.name as file, r.source_row as row, r.column_name as column, r.reason,
                r.raw_row as content
            from dba.trejectedrow r join dba.tfile f using (file_id)
            where f.config_name = any(%s) and r.rejected_row_id > %s and r.replayed_at is null
            order by r.rejected_row_id limit {MAX_ROWS}""",
        (imports, covered.get("rejected_row_id", 0)),
    )
    rejected = cursor.fetchall()
    columns = [column.name for column in cursor.description or ()]
    return ReportPart((columns, rejected), bool(rejected), {"rejected_row_id": newest}, {options.of})


def may_read(cursor: Cursor, options: Options, visibility: Visibility) -> bool:
    """Return whether a user may read a report with it: always, but without the rows that are not for the user."""
    return True


def restrict(cursor: Cursor, options: Options, part: ReportPart, visibility: Visibility) -> ReportPart:
    """Return the rows of those imports whose tables a user sees without masked columns: a row is quoted as a whole."""
    cursor.execute("select config_name, target_table from dba.timportconfig")
    seen = set()
    for config_name, target_table in cursor.fetchall():
        schema, _, table = target_table.partition(".")
        if visibility.may_see(schema, table) and not visibility.masked_columns(schema, table):
            seen.add(config_name)
    columns, rows = part.value
    rows = [row for row in rows if row[0] in seen]
    return replace(part, value=(columns, rows), has_news=bool(rows))

"""Query what a held or refused file has against it, and how its header differs from the last good one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts.configuration import ImportConfig
from systemscripts.findings import known_shape
from systemscripts.findings.finding import WORST_FIRST
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

_FILE = """f.file_id, f.name as file_name, f.size, f.detected, f.keep_path, f.status, f.reason, f.resolved_by,
    f.run_uuid::text, f.created_at as file_created_at"""


@dataclass(frozen=True)
class HeaderLine:
    """One column, before and now; `change`: same, renamed, missing, new, or spelled differently."""

    column: str
    before: str
    now: str
    change: str
    score: float | None = None


def find_held_file(cursor: Cursor, dataset_id: int) -> dict[str, Any] | None:
    """Return a dataset that is or was held, with its file, or None."""
    return connections.fetch_first(
        cursor,
        f"""select d.dataset_id, d.config_name, d.label, d.status as dataset_status, d.status_reason, d.superseded_by,
                d.dataset_date, d.created_at, {_FILE}
            from dba.tdataset d
            left join lateral (select * from dba.tfile f where f.dataset_id = d.dataset_id order by f.file_id limit 1) f
                on true
            where d.dataset_id = %s""",
        (dataset_id,),
    )


def find_file(cursor: Cursor, file_id: int) -> dict[str, Any] | None:
    """Return a file, or None."""
    return connections.fetch_first(
        cursor, f"select f.config_name, f.label, {_FILE} from dba.tfile f where f.file_id = %s", (file_id,)
    )


def list_findings(cursor: Cursor, dataset_id: int | None, file_id: int | None) -> list[dict[str, Any]]:
    """Return what a file has against it, the worst first."""
    rows = connections.fetch_rows(
        cursor,
        """select rule, severity, column_name, message, detail, decision, decided_by, decided_at, decision_reason
           from dba.tfinding where (dataset_id = %(dataset)s or (%(dataset)s is null and file_id = %(file)s))
           order by finding_id""",
        {"dataset": dataset_id, "file": file_id},
    )
    return sorted(rows, key=lambda row: WORST_FIRST.index(row["severity"]))


def compare_headers(
    cursor: Cursor, config: ImportConfig, file: dict[str, Any], findings: list[dict[str, Any]]
) -> list[HeaderLine]:
    """Return the columns of the last good file beside those of a file; none if its header could not be read."""
    now: dict[str, str] = (file["detected"] or {}).get("headers") or {}
    if not now:
        return []
    last = known_shape.find_last_file(cursor, config, file["label"])
    before = dict(last.headers) if last else {column: column for column in config.declared}
    order = sorted(before, key=lambda column: last.position.get(column, 0)) if last else list(before)
    renamed = {
        row["column_name"]: (row["detail"]["renamed_to"], row["detail"].get("score"))
        for row in findings
        if row["column_name"] and "renamed_to" in row["detail"]
    }
    lines = []
    for column in order:
        if column in now:
            is_same = now[column] == before[column] or last is None
            lines.append(HeaderLine(column, before[column], now[column], "same" if is_same else "spelled differently"))
        elif column in renamed:
            lines.append(HeaderLine(column, before[column], renamed[column][0], "renamed", renamed[column][1]))
        else:
            lines.append(HeaderLine(column, before[column], "", "missing"))
    taken = {header for header, _ in renamed.values()}
    lines += [
        HeaderLine(column, "", header, "new")
        for column, header in now.items()
        if column not in before and header not in taken
    ]
    return lines


def list_letters(cursor: Cursor, file_id: int) -> list[dict[str, Any]]:
    """Return the letters to the sender of a file, newest first."""
    return connections.fetch_rows(
        cursor,
        """select address, subject, sent_by, created_at from dba.tsenderletter
           where file_id = %s order by letter_id desc limit 20""",
        (file_id,),
    )


def find_address(cursor: Cursor, config_name: str) -> str:
    """Return to whom the last letter about an import went, "" if there was none."""
    cursor.execute(
        "select address from dba.tsenderletter where config_name = %s order by letter_id desc limit 1", (config_name,)
    )
    row = cursor.fetchone()
    return str(row[0]) if row else ""

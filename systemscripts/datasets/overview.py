"""The newest datasets as a table for the operator."""

from __future__ import annotations

from systemscripts.db_utils import Connection, transaction
from systemscripts.summary import Summary

MAX_LISTED = 30  # fits a screen; dba.v_dataset has all
_COLUMNS = ("dataset", "import", "label", "date", "status", "loaded", "rejected", "held", "when", "why")


def list_datasets(connection: Connection, config_name: str = "") -> Summary:
    """Return the newest datasets, of one import or of all, and every held one; newest first."""
    with transaction(connection) as cursor:
        cursor.execute(
            """(select dataset_id, config_name, label, dataset_date, status, rows_loaded, rows_rejected, rows_held,
                    to_char(created_at, 'YYYY-MM-DD HH24:MI'), status_reason from dba.tdataset
                where %(name)s in ('', config_name) order by dataset_id desc limit %(limit)s)
               union
               (select dataset_id, config_name, label, dataset_date, status, rows_loaded, rows_rejected, rows_held,
                    to_char(created_at, 'YYYY-MM-DD HH24:MI'), status_reason from dba.tdataset
                where %(name)s in ('', config_name) and status = 'held')
               order by 1 desc""",
            {"name": config_name, "limit": MAX_LISTED},
        )
        rows = [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    held = sum(row["status"] == "held" for row in rows)
    headline = f"{len(rows)} datasets, {held} held" if rows else "nothing is loaded yet"
    return Summary(headline=headline, rows=rows, only_looked=True)

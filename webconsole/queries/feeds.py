"""Query one feed (an import): its files, findings, due times that no file met, and the profiles of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from systemscripts.datasets.current import SAME_LABEL
from systemscripts.findings.values.history import GOOD, KEPT_DATASETS, LOOKED_BACK
from webconsole import connections

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# files of the chart of arrivals: a year of a weekly feed
SHOWN_FILES = 60
SHOWN_FINDINGS = 50
# labels to choose from; of an import with more, the newest ones
MAX_LABELS = 100
# rows of the profile on one page
SHOWN_COLUMNS = 40


def find_feed(cursor: Cursor, name: str) -> dict[str, Any] | None:
    """Return an import, or None."""
    return connections.fetch_first(
        cursor,
        """select config_name, is_active, target_table, load_mode, file_pattern, managed_by, version, expected, job
           from dba.timportconfig where config_name = %s""",
        (name,),
    )


def list_files(cursor: Cursor, name: str) -> list[dict[str, Any]]:
    """Return the last files of a feed, newest first, each with its state and rows."""
    return connections.fetch_rows(
        cursor,
        f"""select f.file_id, f.name, f.created_at, f.status, f.reason, f.label, f.dataset_date, f.dataset_id, f.size,
                f.rows_read, f.rows_loaded, f.rows_rejected, f.rows_held, f.run_uuid::text, f.resolved_by,
                d.status = 'held' as is_held
            from dba.tfile f left join dba.tdataset d using (dataset_id)
            where f.config_name = %s order by f.created_at desc limit {SHOWN_FILES}""",
        (name,),
    )


def list_missed_times(cursor: Cursor, name: str) -> list[dict[str, Any]]:
    """Return the due times of a feed that no file met within its grace, newest first."""
    return connections.fetch_rows(
        cursor,
        "select label, due_at from dba.tlatefile where config_name = %s order by due_at desc limit 30",
        (name,),
    )


def list_findings(cursor: Cursor, name: str) -> list[dict[str, Any]]:
    """Return the last findings of a feed with what was decided, newest first."""
    return connections.fetch_rows(
        cursor,
        f"""select n.rule, n.severity, n.column_name, n.message, n.label, n.file_id, n.dataset_id, n.created_at,
                n.decision, n.decided_by, n.decided_at, n.decision_reason, f.name as file_name
            from dba.tfinding n left join dba.tfile f using (file_id)
            where n.config_name = %s order by n.finding_id desc limit {SHOWN_FINDINGS}""",
        (name,),
    )


def list_labels(cursor: Cursor, name: str) -> list[str]:
    """Return the labels of the last datasets of a feed, sorted."""
    cursor.execute(
        """select distinct label from (select label from dba.tdataset where config_name = %s and label is not null
               order by dataset_id desc limit 500) d order by label limit %s""",
        (name, MAX_LABELS),
    )
    return [row[0] for row in cursor.fetchall()]


def find_newest_label(cursor: Cursor, name: str) -> str | None:
    """Return the label of the newest dataset of a feed."""
    cursor.execute("select label from dba.tdataset where config_name = %s order by dataset_id desc limit 1", (name,))
    row = cursor.fetchone()
    return row[0] if row else None


def list_profiled(cursor: Cursor, name: str, label: str | None) -> list[dict[str, Any]]:
    """Return the last good datasets of a label that have a profile, oldest first."""
    rows = connections.fetch_rows(
        cursor,
        f"""select d.dataset_id, d.dataset_date, d.created_at, d.rows_loaded from (
                select * from dba.tdataset d where d.config_name = %(name)s and {SAME_LABEL} and {GOOD}
                order by d.dataset_id desc limit {LOOKED_BACK}) d
            where exists (select from dba.tcolumnprofile p where p.dataset_id = d.dataset_id)
            order by d.dataset_id desc limit {KEPT_DATASETS}""",
        {"name": name, "label": label},
    )
    return rows[::-1]


def list_profiles(cursor: Cursor, dataset_ids: list[int], first: int) -> list[dict[str, Any]]:
    """Return the figures of some columns of datasets, by place from `first` on, and dataset."""
    return connections.fetch_rows(
        cursor,
        """select dataset_id, column_name, position, column_type, rows, filled, distinct_values, min_value, max_value,
               p50::float as median, sum::float as sum
           from dba.tcolumnprofile where dataset_id = any(%s) and position >= %s and position < %s
           order by position, column_name, dataset_id""",
        (dataset_ids, max(first, 1), max(first, 1) + SHOWN_COLUMNS),
    )


def count_columns(cursor: Cursor, dataset_ids: list[int]) -> int:
    """Return the greatest place of a column in the profiles of datasets."""
    cursor.execute(
        "select coalesce(max(position), 0) from dba.tcolumnprofile where dataset_id = any(%s)", (dataset_ids,)
    )
    row: Any = cursor.fetchone()
    return int(row[0])

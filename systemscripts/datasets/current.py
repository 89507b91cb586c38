"""Find the current dataset of a label: the view dba.v_current_dataset has the rule, these queries use it quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# Conditions that can use an index, which "is not distinct from" cannot; for statements with these named parameters.
SAME_LABEL = "(label = %(label)s or label is null and %(label)s is null)"
SAME_DAY = "(dataset_date = %(day)s or dataset_date is null and %(day)s is null)"


def find_current_snapshot(cursor: Cursor, config_name: str, label: str | None) -> tuple[int, str] | None:
    """Return number and content (SHA-256) of the current dataset of a label of a snapshot import, or None."""
    # the limit says that there is at most one: the database reads one entry of the index, not the label's history
    cursor.execute(
        f"""select dataset_id, content_sha256 from dba.v_current_dataset
            where config_name = %(name)s and {SAME_LABEL} and load_mode = 'snapshot' limit 1""",
        {"name": config_name, "label": label},
    )
    row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def find_current(cursor: Cursor, config_name: str, label: str | None) -> set[int]:
    """Return the numbers of the current datasets of a label: one of a snapshot import, else every active one."""
    cursor.execute(
        f"select dataset_id from dba.v_current_dataset where config_name = %(name)s and {SAME_LABEL}",
        {"name": config_name, "label": label},
    )
    return {row[0] for row in cursor.fetchall()}

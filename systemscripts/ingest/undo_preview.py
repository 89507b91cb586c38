"""What an undo would do, before it is done: what goes, what comes back, and what stands against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from systemscripts.datasets import states
from systemscripts.datasets.current import SAME_DAY, SAME_LABEL
from systemscripts.datasets.run_datasets import IS_OF_RUN

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

# rows of an upsert that are counted one by one; of more "at least" is said
MAX_COUNTED_ROWS = 100_000
_COLUMNS = (
    "dataset_id", "config_name", "label", "dataset_date", "target_table", "rows_loaded", "rows_held", "status",
    "load_mode", "is_held_file", "purged_at",
)  # fmt: skip


@dataclass(frozen=True)
class Undoing:
    """One dataset that an undo takes away.

    `back_*`: the dataset whose rows are current again instead, None where there is none. `changed`: rows of an upsert
    that get their earlier values. `obstacle`: why it cannot be undone; `later`: datasets that must be undone with it.
    """

    dataset_id: int
    config_name: str
    label: str | None
    day: date | None
    target: str
    rows: int
    load_mode: str
    is_held: bool
    back_id: int | None = None
    back_day: date | None = None
    back_rows: int | None = None
    changed: int = 0
    obstacle: str = ""
    later: tuple[int, ...] = ()


def preview_undo(cursor: Cursor, run_uuid: str) -> list[Undoing]:
    """Return what an undo of a run, and of the runs that it started, would take away, newest first."""
    cursor.execute(
        f"""select {", ".join(_COLUMNS)} from dba.tdataset d where {IS_OF_RUN} and status <> 'undone'
              and not (is_held_file and status = 'superseded') order by dataset_id desc""",
        {"run": run_uuid},
    )
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    going = [row["dataset_id"] for row in rows]
    return [_preview_dataset(cursor, row, going) for row in rows]


def _preview_dataset(cursor: Cursor, row: dict[str, Any], going: list[int]) -> Undoing:
    back = _find_what_comes_back(cursor, row, going) if row["load_mode"] == "snapshot" else None
    later = tuple(
        dataset_id for dataset_id in states.find_upserts_on_top(cursor, row["dataset_id"]) if dataset_id not in going
    )
    obstacle = "its rows were purged: what it replaced is deleted" if row["purged_at"] else ""
    back_id, back_day, back_rows = back or (None, None, None)
    return Undoing(
        row["dataset_id"], row["config_name"], row["label"], row["dataset_date"], row["target_table"],
        row["rows_held"] if row["status"] == "held" else row["rows_loaded"], row["load_mode"], row["status"] == "held",
        back_id, back_day, back_rows,
        changed=_count_changed(cursor, row["dataset_id"]) if row["load_mode"] == "upsert" else 0,
        obstacle=obstacle, later=later,
    )  # fmt: skip


def _find_what_comes_back(cursor: Cursor, row: dict[str, Any], going: list[int]) -> tuple[int, date, int] | None:
    """Return the dataset of the same label that is current afterwards: one it superseded, else the newest active."""
    if row["status"] != "active":
        return None
    cursor.execute(
        f"""select dataset_id, dataset_date, rows_loaded from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and dataset_id <> all(%(going)s) and purged_at is null
              and load_mode = 'snapshot' and not is_held_file
              and (status = 'active' or status = 'superseded' and {SAME_DAY})
            order by greatest(dataset_date, last_seen) desc nulls last, stamp desc, dataset_id desc limit 1""",
        {"name": row["config_name"], "label": row["label"], "day": row["dataset_date"], "going": going},
    )
    return cursor.fetchone()


def _count_changed(cursor: Cursor, dataset_id: int) -> int:
    cursor.execute(
        f"""select count(*) from (select from dba.trowhistory where dataset_id = %s and old_row is not null
            limit {MAX_COUNTED_ROWS}) h""",
        (dataset_id,),
    )
    row: Any = cursor.fetchone()
    return int(row[0])

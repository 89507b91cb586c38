"""Change the state of datasets: one function for each transition of their state machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from systemscripts.commands import format_command
from systemscripts.datasets.current import SAME_DAY, SAME_LABEL
from systemscripts.datasets.label_and_date import Identity
from systemscripts.errors import EtlError, UsageError
from systemscripts.summary import Counts

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

_SELECT_HELD = "select * from dba.v_dataset where status = 'held'"
TRANSITIONS = {
    "active": {"superseded", "undone"},
    "held": {"active", "superseded", "undone"},
    "superseded": {"active", "undone"},
}


@dataclass(frozen=True)
class NewDataset:
    """What is known about a dataset before its rows are loaded."""

    config_name: str
    identity: Identity
    load_mode: str
    target_table: str
    content_sha256: str
    columns: list[str]
    run_uuid: str
    # what part its file is: dba.tfile.scope
    scope: str = ""
    # the held dataset whose file it is
    held_dataset_id: int | None = None


def create_dataset(cursor: Cursor, new: NewDataset) -> int:
    """Create a dataset without rows, held until `activate_dataset` is called; return its number."""
    cursor.execute(
        """insert into dba.tdataset (config_name, label, dataset_date, stamp, last_seen, status, load_mode,
               target_table, content_sha256, columns, rows_read, rows_loaded, rows_rejected, rows_skipped, run_uuid,
               scope, held_dataset_id)
           values (%s, %s, %s, %s, %s, 'held', %s, %s, %s, %s, 0, 0, 0, 0, %s, %s, %s) returning dataset_id""",
        (new.config_name, new.identity.label, new.identity.date, new.identity.stamp, new.identity.date, new.load_mode,
         new.target_table, new.content_sha256, new.columns, new.run_uuid, new.scope, new.held_dataset_id),
    )  # fmt: skip
    row: Any = cursor.fetchone()
    return int(row[0])


def activate_dataset(cursor: Cursor, dataset_id: int, supersedes: int | None) -> int:
    """Make a held dataset active and the one it replaces superseded.

    A snapshot is the whole state of its label, so datasets of other load modes are superseded too; returns how many.
    """
    if supersedes is not None:
        _change_status(cursor, supersedes, "superseded", "another content for the same label and date")
        cursor.execute("update dba.tdataset set superseded_by = %s where dataset_id = %s", (dataset_id, supersedes))
    _change_status(cursor, dataset_id, "active", None)
    cursor.execute(
        f"""update dba.tdataset o set status = 'superseded', superseded_by = n.dataset_id, status_at = now(),
                status_reason = 'the import loads whole states now'
            from dba.tdataset n where {_IS_OF_OTHER_MODES} and o.status = 'active' and o.dataset_id < n.dataset_id""",
        (dataset_id,),
    )
    return cursor.rowcount


def record_counts(cursor: Cursor, dataset_id: int, counts: Counts) -> None:
    """Record the counts; the database itself checks read = loaded + rejected + skipped + held."""
    cursor.execute(
        """update dba.tdataset set rows_read = %s, rows_loaded = %s, rows_rejected = %s, rows_skipped = %s,
               rows_held = %s where dataset_id = %s""",
        (counts.read, counts.loaded, counts.rejected, counts.skipped, counts.held, dataset_id),
    )


def hold_dataset(cursor: Cursor, dataset_id: int, reason: str) -> None:
    """Leave the dataset of a file held, without rows in its target, and say why."""
    cursor.execute(
        "update dba.tdataset set status_reason = %s, is_held_file = true where dataset_id = %s", (reason, dataset_id)
    )


def replace_held(cursor: Cursor, dataset_id: int, by: int, reason: str) -> None:
    """Close a held file: another dataset has taken its place, the file itself once accepted, or a later good one."""
    _change_status(cursor, dataset_id, "superseded", reason)
    cursor.execute("update dba.tdataset set superseded_by = %s where dataset_id = %s", (by, dataset_id))


def find_overtaken_held(cursor: Cursor, dataset_id: int) -> list[int]:
    """Return the held files of snapshots that a new dataset overtakes: those of its label that came before its file."""
    cursor.execute(
        """select h.dataset_id from dba.tdataset n join dba.tdataset h
               on h.config_name = n.config_name and h.label is not distinct from n.label
           where n.dataset_id = %s and n.load_mode = 'snapshot' and h.status = 'held' and h.is_held_file
               and h.load_mode = 'snapshot' and h.dataset_id < coalesce(n.held_dataset_id, n.dataset_id)
               and coalesce(h.dataset_date, '-infinity') <= coalesce(n.dataset_date, 'infinity')
           order by h.dataset_id""",
        (dataset_id,),
    )
    return [row[0] for row in cursor.fetchall()]


def accept_dataset(cursor: Cursor, dataset_id: int) -> int | None:
    """Make a held dataset active, and return the one it replaces, which is superseded; guards compare from here.

    Raises UsageError when it is not held, or a newer one is active for the same label and date.
    """
    cursor.execute(
        "select status, config_name, label, dataset_date from dba.tdataset where dataset_id = %s for update",
        (dataset_id,),
    )
    row = cursor.fetchone()
    if row is None or row[0] != "held":
        state = f"is {row[0]}, not held" if row else "does not exist"
        raise UsageError(
            f"dataset {dataset_id} {state}",
            describe_how_to_see_held(),
        )
    cursor.execute(
        f"""select dataset_id from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and {SAME_DAY} and status = 'active'
              and load_mode = 'snapshot'""",
        dict(zip(("name", "label", "day"), row[1:], strict=True)),
    )
    before = cursor.fetchone()
    if before and before[0] > dataset_id:
        raise UsageError(f"dataset {before[0]} is newer and active for the same label and date", "Undo it first.")
    replaced = int(before[0]) if before else None
    activate_dataset(cursor, dataset_id, replaced)
    mark_baseline(cursor, dataset_id)
    return replaced


def find_dataset(cursor: Cursor, dataset_id: int) -> tuple[str, str, str, str | None, bool]:
    """Return status, import, target, label, and whether it stands for a held file; raises UsageError without one."""
    cursor.execute(
        """select status, config_name, target_table, label, is_held_file from dba.tdataset where dataset_id = %s""",
        (dataset_id,),
    )
    row = cursor.fetchone()
    if row is None:
        raise UsageError(f"there is no dataset {dataset_id}", describe_how_to_see_held())
    return row[0], row[1], row[2], row[3], row[4]


def find_held(cursor: Cursor, config_name: str) -> list[int]:
    """Return the held files of an import, oldest first."""
    cursor.execute(
        """select dataset_id from dba.tdataset where config_name = %s and status = 'held' and is_held_file
           order by dataset_id""",
        (config_name,),
    )
    return [row[0] for row in cursor.fetchall()]


def find_arrival(cursor: Cursor, dataset_id: int) -> int:
    """Return the number that the file of a dataset got when it came: of an accepted one that of the held dataset."""
    cursor.execute(
        "select coalesce(held_dataset_id, dataset_id) from dba.tdataset where dataset_id = %s", (dataset_id,)
    )
    row: Any = cursor.fetchone()
    return int(row[0])


def find_accepted(cursor: Cursor, dataset_id: int) -> int | None:
    """Return what a dataset that was held became: another one, or of an older version itself; None where it was not."""
    cursor.execute(
        """select d.dataset_id from dba.tdataset d
           where d.held_dataset_id = %(id)s or d.dataset_id = %(id)s and d.status = 'active' and exists (
               select from dba.tfile f where f.dataset_id = d.dataset_id and f.status = 'loaded'
                   and f.reason is not null)""",
        {"id": dataset_id},
    )
    row = cursor.fetchone()
    return row[0] if row else None


def mark_baseline(cursor: Cursor, dataset_id: int) -> None:
    """Record that an unusually small dataset was accepted: guards compare with datasets from here on."""
    cursor.execute("update dba.tdataset set is_baseline = true where dataset_id = %s", (dataset_id,))


def mark_seen_again(cursor: Cursor, dataset_id: int, day: date | None) -> None:
    """Record that the same content was delivered for a later day."""
    cursor.execute(
        "update dba.tdataset set last_seen = greatest(last_seen, %s) where dataset_id = %s", (day, dataset_id)
    )


def undo_dataset(cursor: Cursor, dataset_id: int, run_uuid: str, there: tuple[Cursor, str] | None = None) -> int | None:
    """Undo a dataset; return the newest superseded one of its label and date, which becomes active again.

    `there`: see `find_upserts_on_top`. Raises UsageError when there is no such dataset or it is undone already.
    """
    cursor.execute(
        """select status, config_name, label, dataset_date, load_mode, purged_at from dba.tdataset
           where dataset_id = %s for update""",
        (dataset_id,),
    )
    row = cursor.fetchone()
    if row is None:
        raise UsageError(
            f"there is no dataset {dataset_id}",
            f"See: {format_command('database', 'sql', 'select * from dba.v_dataset')}",
        )
    status, config_name, label, day, load_mode, purged_at = row
    if status == "undone":
        raise UsageError(
            f"dataset {dataset_id} is undone already",
            f"To load it again: deliver its file, and run {format_command('generic_import', config_name, '--reload')}.",
        )
    if purged_at is not None:
        raise UsageError(
            f"dataset {dataset_id} was purged at {purged_at:%Y-%m-%d}: what it replaced is deleted",
            "Deliver a corrected file instead.",
        )
    if later := find_upserts_on_top(cursor, dataset_id, there):
        on_top = ", ".join(map(str, later))
        raise UsageError(
            f"dataset {dataset_id} is not the newest of its target: later ones have changed its rows",
            f"Undo first: {on_top}; or all of them: --undo {dataset_id} --cascade.",
        )
    _change_status(cursor, dataset_id, "undone", f"undone by run {run_uuid}")
    if status != "active" or load_mode != "snapshot":
        return None
    cursor.execute(
        f"""select dataset_id from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and {SAME_DAY} and status = 'superseded' and purged_at is null
              and load_mode = 'snapshot' and not is_held_file
            order by dataset_id desc limit 1""",
        {"name": config_name, "label": label, "day": day},
    )
    before = cursor.fetchone()
    if before is not None:
        _change_status(cursor, before[0], "active", None)
    revived = _revive_other_modes(cursor, dataset_id)
    return int(before[0]) if before is not None else revived


def find_upserts_on_top(cursor: Cursor, dataset_id: int, there: tuple[Cursor, str] | None = None) -> list[int]:
    """Return the upserts, newest first, that must be undone before a dataset: they may have changed rows of it.

    Of an upsert that is every later one of its target, whatever import loaded it; of others, those that took its rows.
    `there`: cursor and schema of the ledger next to the target, if that is in another database.
    """
    cursor, ledger = there or (cursor, "dba")
    cursor.execute(
        f"""select d.dataset_id from {ledger}.tdataset o join {ledger}.tdataset d on d.target_table = o.target_table
           where o.dataset_id = %s and d.load_mode = 'upsert' and d.dataset_id > o.dataset_id and d.status <> 'undone'
             and not d.is_held_file
             and (o.load_mode = 'upsert' or exists (
               select from {ledger}.trowhistory h
               where h.dataset_id = d.dataset_id and h.previous_dataset_id = o.dataset_id))
           order by d.dataset_id desc""",
        (dataset_id,),
    )
    return [row[0] for row in cursor.fetchall()]


def _revive_other_modes(cursor: Cursor, dataset_id: int) -> int | None:
    """Make datasets of other load modes active again that no active snapshot of their label supersedes any longer.

    Returns the newest of these datasets, or None.
    """
    cursor.execute(
        f"""update dba.tdataset o set status = 'active', superseded_by = null, status_reason = null, status_at = now()
            from dba.tdataset n where {_IS_OF_OTHER_MODES} and o.status = 'superseded' and not o.is_held_file
              and not exists (
                select from dba.tdataset s where s.config_name = n.config_name and s.label is not distinct from n.label
                and s.status = 'active' and s.load_mode = 'snapshot' and s.dataset_id > o.dataset_id)
            returning o.dataset_id""",
        (dataset_id,),
    )
    return max((row[0] for row in cursor.fetchall()), default=None)


# of a snapshot n: the datasets o of other modes, of the same import, target and label
_IS_OF_OTHER_MODES = """
    n.dataset_id = %s and n.load_mode = 'snapshot' and o.target_table = n.target_table
    and o.load_mode in ('append', 'upsert', 'new_rows')
    and o.config_name = n.config_name and o.label is not distinct from n.label"""


def _change_status(cursor: Cursor, dataset_id: int, status: str, reason: str | None) -> None:
    allowed = [state for state, to in TRANSITIONS.items() if status in to]
    cursor.execute(
        """update dba.tdataset set status = %s, status_reason = %s, status_at = now(),
               superseded_by = case when %s = 'active' then null else superseded_by end
           where dataset_id = %s and status = any(%s)""",
        (status, reason, status, dataset_id, allowed),
    )
    if cursor.rowcount != 1:
        raise EtlError(f"dataset {dataset_id} cannot become {status} from the state it is in")


def describe_how_to_see_held() -> str:
    """Return the hint that shows the held datasets."""
    return f"See: {format_command('database', 'sql', _SELECT_HELD)}"

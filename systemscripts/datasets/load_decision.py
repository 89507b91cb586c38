"""Decide whether a file is loaded, or is unchanged or a duplicate, given the existing datasets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from systemscripts.commands import format_command
from systemscripts.datasets.current import SAME_DAY, SAME_LABEL, find_current_snapshot
from systemscripts.datasets.label_and_date import Identity
from systemscripts.summary import Code

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class Decision:
    """What to do with a file: load it, or record that it is `unchanged` or a `duplicate` of a dataset."""

    action: Literal["load", "unchanged", "duplicate"]
    # the dataset that has the same content
    dataset_id: int | None = None
    # the dataset that it replaces
    supersedes: int | None = None
    # the held dataset of this content, which --reload judges again
    judges_again: int | None = None
    reason: str = ""
    # the code of the warning, if the reason is one
    warning: Code | None = None


def decide_load(
    cursor: Cursor, config_name: str, load_mode: str, identity: Identity, content: str, reload: bool
) -> Decision:
    """Decide about a content by the rules of docs/architecture.md (identity and load modes).

    `content`: its SHA-256. `reload`: load it even if it was undone, judge it again if it is held.
    """
    if load_mode == "upsert":
        return _decide_upsert(cursor, config_name, content, reload)
    same: dict[str, object] = {"name": config_name, "label": identity.label, "day": identity.date}
    is_whole = load_mode == "snapshot"
    # datasets of other load modes are part of the state too, so the content of a snapshot alone does not decide
    is_mixed = is_whole and _has_other_modes(cursor, same)
    if is_whole and not is_mixed:
        current = find_current_snapshot(cursor, config_name, identity.label)
        if current and current[1] == content:
            return Decision("unchanged", current[0], reason=f"same content as dataset {current[0]}, the current one")
    cursor.execute(
        f"""select dataset_id, status from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and {SAME_DAY} and content_sha256 = %(content)s
              and (load_mode = 'snapshot' or status = 'undone' or not %(is_whole)s)
            order by status = 'active' desc, status = 'held' desc, dataset_id desc limit 1""",
        {**same, "content": content, "is_whole": is_whole},
    )
    known = cursor.fetchone()
    if known and known[1] == "active" and not is_mixed:
        return Decision("duplicate", known[0], reason=f"same content as dataset {known[0]}, which is active")
    return _decide_known(known, reload, _find_active_snapshot(cursor, same) if is_whole else None)


def _has_other_modes(cursor: Cursor, same: dict[str, object]) -> bool:
    cursor.execute(
        f"""select exists (select from dba.tdataset where config_name = %(name)s and {SAME_LABEL}
            and status = 'active' and load_mode in ('append', 'upsert', 'new_rows'))""",
        same,
    )
    return cursor.fetchone() == (True,)


def _decide_upsert(cursor: Cursor, config_name: str, content: str, reload: bool) -> Decision:
    """Compare only with the newest active dataset: a source may return to an earlier state."""
    cursor.execute(
        """select dataset_id, content_sha256 from dba.tdataset
           where config_name = %s and status = 'active' and load_mode = 'upsert'
           order by dataset_id desc limit 1""",
        (config_name,),
    )
    newest = cursor.fetchone()
    if newest and newest[1] == content:
        return Decision("unchanged", newest[0], reason=f"same content as dataset {newest[0]}, the newest one")
    cursor.execute(
        """select dataset_id, status from dba.tdataset where config_name = %s and content_sha256 = %s
           order by status = 'held' desc, dataset_id desc limit 1""",
        (config_name, content),
    )
    return _decide_known(cursor.fetchone(), reload)


def _decide_known(known: tuple[int, str] | None, reload: bool, supersedes: int | None = None) -> Decision:
    """Decide about a content by its newest dataset: one loaded after an undo makes the undo history."""
    dataset_id, status = known or (None, None)
    if dataset_id is not None and status == "held":
        if reload:
            return Decision("load", supersedes=supersedes, judges_again=dataset_id)
        text = f"duplicate of held {dataset_id}, undecided: {describe_held_steps(dataset_id)}"
        return Decision("duplicate", dataset_id, reason=text, warning="duplicate_of_held")
    if status == "undone" and not reload:
        text = f"same content as dataset {dataset_id}, which was undone; --reload loads it again"
        return Decision("duplicate", dataset_id, reason=text, warning="duplicate_of_undone")
    return Decision("load", supersedes=supersedes)


def describe_held_steps(dataset_id: int | str) -> str:
    """Return the commands that decide about a held dataset, or about each one (`N`)."""
    return f"{format_command('datasets', 'accept', dataset_id)}, or {format_command('datasets', 'undo', dataset_id)}"


def find_active(cursor: Cursor, config_name: str, identity: Identity) -> int | None:
    """Return the active snapshot of the label and day of a file, or None."""
    return _find_active_snapshot(cursor, {"name": config_name, "label": identity.label, "day": identity.date})


def _find_active_snapshot(cursor: Cursor, same: dict[str, object]) -> int | None:
    cursor.execute(
        f"""select dataset_id from dba.tdataset where config_name = %(name)s and {SAME_LABEL} and {SAME_DAY}
            and status = 'active' and load_mode = 'snapshot'""",
        same,
    )
    row = cursor.fetchone()
    return row[0] if row else None

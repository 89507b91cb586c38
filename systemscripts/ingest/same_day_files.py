"""Compare a file with the one that it would replace: a correction, or another file of the same label and day.

The ledger decides, not the run: a run that is killed between two files ends like one that is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from systemscripts.configuration import ImportConfig
from systemscripts.findings.finding import Finding
from systemscripts.ingest.prepare import PreparedFile
from systemscripts.summary import Notice

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class Rival:
    """The dataset of the same label and day; `waited_too`: it was loaded while the file was waiting already."""

    dataset_id: int
    stamp: str
    name: str
    waited_too: bool


def find_rival(cursor: Cursor, dataset_id: int, file_id: int) -> Rival:
    """Return the dataset that a file would replace, with the name of its file."""
    cursor.execute(
        """select d.dataset_id, d.stamp, coalesce(f.name, 'dataset ' || d.dataset_id),
                  coalesce(d.dataset_id > n.dataset_before, false)
           from dba.tdataset d join dba.tfile n on n.file_id = %s
           left join dba.tfile f on f.dataset_id = d.dataset_id and f.status = 'loaded'
           where d.dataset_id = %s limit 1""",
        (file_id, dataset_id),
    )
    row: Any = cursor.fetchone()
    return Rival(*row)


def judge_second_file(config: ImportConfig, file: PreparedFile, rival: Rival) -> Finding | None:
    """Hold a file that is not to take the place of another one: no declared order says that it is the later."""
    identity, name = file.identity, file.ticket.name
    if not config.has_file_dates:
        return None
    if identity.stamp < rival.stamp:
        text = f"{name} is of {identity.stamp}, {rival.name} (dataset {rival.dataset_id}) of {rival.stamp} counts"
        return Finding("earlier_stamp", "hold", text)
    if identity.stamp > rival.stamp or not rival.waited_too:
        return None
    what = f"{identity.label}, {identity.date}" if identity.label else f"{identity.date}"
    text = f"{rival.name} and {name} are two files of one day ({what}) that waited together; the first one counts"
    return Finding("second_of_day", "hold", text)


def warn_of_replaced(config: ImportConfig, file: PreparedFile, rival: Rival) -> list[Notice]:
    """Say that a file took the place of one that waited with it; a correction that comes later needs no word."""
    if not rival.waited_too:
        return []
    order = (
        f"its stamp is later ({file.identity.stamp})" if config.has_file_dates else "no date, the last by name counts"
    )
    return [Notice("files_replaced", f"replaced {rival.name}, which waited with it: {order}")]

"""Guards: a load of far too few rows, or of a day that is still to come, is not taken for good.

What counts rows is on by default in snapshot mode, where such a file would hide last week's rows; in the other modes
only where set. A date to come is held against a file where later dates win, elsewhere it is said.
"""

from __future__ import annotations

import statistics
from datetime import date, timedelta
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.datasets.current import SAME_LABEL
from systemscripts.datasets.identity import Identity
from systemscripts.summary import Counts, Notice

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

COMPARED_LOADS = 5
DEFAULT_DROP_PERCENT = 50.0
LATER_DATE_WINS = ("snapshot", "upsert")  # load modes in which a later date hides or keeps what an earlier one brings


def tripped(
    cursor: Cursor, config: ImportConfig, identity: Identity, counts: Counts, dataset_id: int, accept_drop: bool
) -> str:
    """Why a load is suspicious, or nothing. `accept_drop`: the operator knows of the drop and takes it."""
    guards, snapshot = config.guards, config.load_mode == "snapshot"
    if config.load_mode in LATER_DATE_WINS and is_of_the_future(config, identity.date):
        effect = "hide" if snapshot else "not be overwritten by"
        return (
            f"it is dated {identity.date}, after tomorrow, and would {effect} what comes until then; "
            "where such dates are right, set guards.allow_future"
        )
    rows = counts.loaded if snapshot else counts.read
    if rows == 0 and guards.allow_empty:
        return ""
    if rows == 0 and snapshot and not accept_drop:
        return "the file has no rows, and guards.allow_empty is not set"
    if guards.min_rows is not None and rows < guards.min_rows:
        return f"{rows} rows, guards.min_rows asks for {guards.min_rows}"
    percent = guards.max_drop_percent
    if percent is None:
        percent = DEFAULT_DROP_PERCENT if snapshot else None
    usual = _usual(cursor, config.config_name, identity.label, dataset_id, snapshot)
    if percent is None or accept_drop or usual is None or rows >= usual * (1 - percent / 100):
        return ""
    return f"{rows} rows, the last good loads had {usual:g}: a drop of more than {percent:g} %"


def is_of_the_future(config: ImportConfig, day: date | None) -> bool:
    """Whether a file is dated after tomorrow; tomorrow may have begun where it was written."""
    if day is None or not config.has_file_dates or config.guards.allow_future:
        return False
    return day > settings.now().date() + timedelta(days=1)


def warn_of_date(config: ImportConfig, day: date | None) -> list[Notice]:
    """Say that a file is dated after tomorrow."""
    if not is_of_the_future(config, day):
        return []
    return [Notice("date_after_tomorrow", f"it is dated {day}, after tomorrow")]


def _usual(cursor: Cursor, config_name: str, label: str | None, dataset_id: int, snapshot: bool) -> float | None:
    """The median of the last good loads of a label, since a drop was last accepted."""
    cursor.execute(
        f"""select {"rows_loaded" if snapshot else "rows_read"} from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and dataset_id <> %(id)s
              and status in ('active', 'superseded') and dataset_id >= coalesce(
                (select max(dataset_id) from dba.tdataset
                 where config_name = %(name)s and {SAME_LABEL} and is_baseline
                   and status in ('active', 'superseded')), 0)
            order by dataset_id desc limit {COMPARED_LOADS}""",
        {"name": config_name, "label": label, "id": dataset_id},
    )
    rows = [row[0] for row in cursor.fetchall()]
    return float(statistics.median(rows)) if rows else None

"""Guards: a load without rows, with far too few or mostly rejected ones, or of a day still to come is held.

A drop counts by default in snapshot mode, where such a file would hide last week's rows; in the other modes only where
it is set. A future date holds a file where later dates win, elsewhere it is a warning.
"""

from __future__ import annotations

from datetime import date, timedelta

from systemscripts import settings
from systemscripts.configuration import ImportConfig
from systemscripts.datasets.current import SAME_LABEL
from systemscripts.datasets.label_and_date import Identity
from systemscripts.db_utils import Cursor
from systemscripts.findings.finding import Finding
from systemscripts.summary import Counts, Notice

COMPARED_LOADS = 5
DEFAULT_DROP_PERCENT = 50.0
# more rejected rows than that are not a few bad rows but another kind of file
MOST_ROWS = 0.5
LATER_DATE_WINS = ("snapshot", "upsert")  # load modes in which a later date hides or keeps what an earlier one brings


def judge_guards(
    cursor: Cursor, config: ImportConfig, identity: Identity, counts: Counts, dataset_id: int, accept_drop: bool
) -> Finding | None:
    """Return why a load is suspicious, None where it is not. `accept_drop`: the operator knows of the drop."""
    guards, is_snapshot = config.guards, config.load_mode == "snapshot"
    if config.load_mode in LATER_DATE_WINS and is_of_the_future(config, identity.date):
        effect = "hide" if is_snapshot else "not be overwritten by"
        return Finding(
            "date_in_future", "hold",
            f"it is dated {identity.date}, after tomorrow, and would {effect} what comes until then; "
            "where such dates are right, set guards.allow_future",
        )  # fmt: skip
    rows = counts.loaded if is_snapshot else counts.read
    if rows == 0 and guards.allow_empty:
        return None
    if rows == 0 and not accept_drop and (is_snapshot or not config.is_incremental):
        return Finding("no_rows", "hold", "the file has no rows, and guards.allow_empty is not set")
    if guards.min_rows is not None and rows < guards.min_rows:
        return Finding("min_rows", "hold", f"{rows} rows, guards.min_rows asks for {guards.min_rows}")
    percent = guards.max_drop_percent
    if percent is None:
        percent = DEFAULT_DROP_PERCENT if is_snapshot else None
    usual = _find_usual_rows(cursor, config.config_name, identity.label, dataset_id, is_snapshot)
    if percent is None or accept_drop or usual is None or rows >= usual * (1 - percent / 100):
        return None
    text = f"{rows} rows, the last good loads had {usual:g}: a drop of more than {percent:g} %"
    return Finding("rows_dropped", "hold", text, detail={"rows": rows, "usual": usual})


def judge_rejects(config: ImportConfig, counts: Counts, not_data: int) -> Finding | None:
    """Hold a file of which no row fits, or most do not; where max_reject_rate is set, the second only warns.

    `not_data`: rows of the file that are not data, such as totals.
    """
    # rows that were known fit, too
    rows = counts.read - not_data
    if not counts.rejected:
        return None
    if counts.rejected == rows:
        takes_all = config.max_reject_rate >= 1
        return Finding(
            "no_row_fits",
            "warn" if takes_all else "hold",
            f"none of its {rows} rows fits, each with its reason in dba.trejectedrow",
        )
    if counts.rejected <= MOST_ROWS * rows:
        return None
    is_set = config.max_reject_rate != ImportConfig.model_fields["max_reject_rate"].default
    return Finding("most_rejected", "warn" if is_set else "hold", f"{counts.rejected} of its {rows} rows do not fit")


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


def _find_usual_rows(
    cursor: Cursor, config_name: str, label: str | None, dataset_id: int, is_snapshot: bool
) -> float | None:
    """The median of the last good loads of a label, since a drop was last accepted."""
    import statistics

    cursor.execute(
        f"""select {"rows_loaded" if is_snapshot else "rows_read"} from dba.tdataset
            where config_name = %(name)s and {SAME_LABEL} and dataset_id <> %(id)s
              and status in ('active', 'superseded') and not is_held_file and dataset_id >= coalesce(
                (select max(dataset_id) from dba.tdataset
                 where config_name = %(name)s and {SAME_LABEL} and is_baseline
                   and status in ('active', 'superseded')), 0)
            order by dataset_id desc limit {COMPARED_LOADS}""",
        {"name": config_name, "label": label, "id": dataset_id},
    )
    rows = [row[0] for row in cursor.fetchall()]
    return float(statistics.median(rows)) if rows else None

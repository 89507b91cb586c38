"""Compare the datasets of an import, each with the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.datasets import row_history
from systemscripts.datasets.comparison import FIELDS, Comparison, Dataset, Row, row_as_array
from systemscripts.datasets.differences import compare_datasets

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

COLUMNS = ("label", "date", "change", "key", "column", "from", "to")


def compare_consecutive(
    cursor: Cursor,
    config_name: str,
    key_columns: Sequence[str],
    label: str | None = None,
    after: date | None = None,
    until: date | None = None,
    at_most: int | None = None,
) -> list[Comparison]:
    """Compare the valid datasets of each label, or of one, with those before them; the first of a label has none.

    `after`, `until`: only changes after the first day, up to the second. `at_most`: how many rows to read of each; the
    others are counted.
    """
    comparisons: list[Comparison] = []
    before: Dataset | None = None
    for dataset in _load_active(cursor, config_name, label):
        if before is None or before.label != dataset.label or dataset.load_mode != "snapshot":
            before = None
        day = dataset.date or date.min
        if (after is None or day > after) and (until is None or day <= until):
            comparisons.append(compare_pair(cursor, before, dataset, key_columns, at_most))
        before = dataset
    return comparisons


def compare_pair(
    cursor: Cursor, before: Dataset | None, dataset: Dataset, key_columns: Sequence[str], at_most: int | None = None
) -> Comparison:
    """Return what a dataset changed: compared with another one, or, for an upsert, by the rows that it replaced."""
    if dataset.load_mode == "upsert":
        return row_history.find_changes(cursor, dataset, key_columns, at_most)
    if before is None:
        return Comparison(None, dataset)
    return compare_datasets(cursor, before, dataset, key_columns, whole_rows=False, at_most=at_most)


def _load_active(cursor: Cursor, config_name: str, label: str | None) -> list[Dataset]:
    """Return the active datasets; those of each label in the order in which they became current."""
    cursor.execute(
        f"""select {FIELDS} from dba.tdataset
            where config_name = %s and status = 'active' and purged_at is null and (%s is null or label = %s)
            order by label nulls first, greatest(dataset_date, last_seen) nulls first, stamp, dataset_id""",
        (config_name, label, label),
    )
    return [Dataset(*row) for row in cursor.fetchall()]


def load_current_snapshots(cursor: Cursor, config_name: str) -> dict[str, Dataset]:
    """Return the current dataset of each label ("" for none) of a snapshot import."""
    cursor.execute(
        f"select {FIELDS} from dba.v_current_dataset where config_name = %s and load_mode = 'snapshot' order by label",
        (config_name,),
    )
    return {row[2] or "": Dataset(*row) for row in cursor.fetchall()}


def load_datasets(cursor: Cursor, dataset_ids: Sequence[int]) -> dict[int, Dataset]:
    """Return datasets in any state by their numbers."""
    cursor.execute(f"select {FIELDS} from dba.tdataset where dataset_id = any(%s)", (list(dataset_ids),))
    return {row[0]: Dataset(*row) for row in cursor.fetchall()}


def read_first_rows(cursor: Cursor, dataset: Dataset, limit: int) -> list[dict[str, str]]:
    """Return the first rows of a dataset as column -> text."""
    if not dataset.columns:
        return []
    statement = "select {cells} from {table} t where t.dataset_id = {number} order by t.source_row limit {limit}"
    cursor.execute(
        sql.SQL(statement).format(
            cells=row_as_array(dataset.columns),
            table=dataset.table,
            number=sql.Literal(dataset.dataset_id),
            limit=sql.Literal(limit),
        )
    )
    return [dict(zip(dataset.columns, row[0], strict=True)) for row in cursor.fetchall()]


def comparison_as_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return a comparison as rows of a table with COLUMNS."""
    after = comparison.after

    def line(change: str, key: str = "", column: str = "", old: str = "", new: str = "") -> dict[str, Any]:
        day = str(after.date) if after.date else None
        return dict(zip(COLUMNS, (after.label, day, change, key, column, old, new), strict=True))

    lines = []
    if comparison.before is None and after.load_mode != "upsert":
        rows = f"{after.rows} row{'' if after.rows == 1 else 's'}"
        lines.append(line("first" if after.load_mode == "snapshot" else "rows", new=rows))
    lines += [line("new column", column=header) for header in comparison.new_columns]
    lines += [line("gone column", column=header) for header in comparison.gone_columns]
    lines += [line("added", _name_row(row)) for row in comparison.added]
    lines += [line("removed", _name_row(row)) for row in comparison.removed]
    lines += [
        line("changed", _name_row(row), value.header, value.before, value.after)
        for row in comparison.changed
        for value in row.values
    ]
    return lines


def _name_row(row: Row) -> str:
    """Return the key of a row, or the whole row if it has none."""
    return row.key or " | ".join(text for text in row.cells.values() if text)

"""The profile of a feed over time: a row for each column, with a small line for each of its figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from systemscripts.findings.values.bounds import format_figure
from systemscripts.findings.values.profile import format_day
from webconsole import charts
from webconsole.queries import feeds

if TYPE_CHECKING:
    from markupsafe import Markup

    from systemscripts.db_utils import Cursor


@dataclass(frozen=True)
class Figure:
    """One figure of a column over time: the newest value as text, and the line of all."""

    newest: str
    line: Markup


@dataclass(frozen=True)
class ColumnRow:
    """One column: filled, different values and median over time, smallest and largest value now."""

    name: str
    type: str
    figures: list[Figure]
    smallest: str
    largest: str
    # not in the newest dataset any longer
    is_gone: bool


@dataclass(frozen=True)
class FeedProfile:
    """The columns of some datasets of one label, oldest first."""

    datasets: list[dict[str, Any]] = field(default_factory=list)
    columns: list[ColumnRow] = field(default_factory=list)
    column_count: int = 0


def build_profile(cursor: Cursor, name: str, label: str | None, first: int) -> FeedProfile:
    """Return the profile of a feed and label, its columns from the place `first` on; empty where none is kept."""
    datasets = feeds.list_profiled(cursor, name, label)
    ids = [row["dataset_id"] for row in datasets]
    if not ids:
        return FeedProfile()
    by_column: dict[str, dict[int, dict[str, Any]]] = {}
    for row in feeds.list_profiles(cursor, ids, first):
        by_column.setdefault(row["column_name"], {})[row["dataset_id"]] = row
    days = [str(row["dataset_date"] or row["created_at"].date()) for row in datasets]
    columns = [_make_row(name, rows, ids, days) for name, rows in by_column.items()]
    return FeedProfile(datasets, columns, feeds.count_columns(cursor, ids))


def _make_row(name: str, rows: dict[int, dict[str, Any]], ids: list[int], days: list[str]) -> ColumnRow:
    newest = rows[max(rows)]
    series = [rows.get(dataset_id) for dataset_id in ids]
    is_date = newest["column_type"].startswith(("date", "timestamp"))
    filled = [100.0 * row["filled"] / row["rows"] if row and row["rows"] else None for row in series]
    different = [
        float(row["distinct_values"]) if row and row["distinct_values"] is not None else None for row in series
    ]
    median = [row["median"] if row else None for row in series]
    show_median = format_day if is_date else format_figure
    figures = [
        _make_figure("filled", filled, days, lambda value: f"{value:.0f} %"),
        _make_figure("different values", different, days, format_figure),
        _make_figure("median", median, days, show_median),
    ]
    return ColumnRow(
        name, newest["column_type"], figures, newest["min_value"] or "", newest["max_value"] or "", ids[-1] not in rows
    )


def _make_figure(name: str, values: list[float | None], days: list[str], show: Any) -> Figure:
    """Return the newest value and a line whose points say day and value."""
    titles = [f"{day}: {'–' if value is None else show(value)}" for day, value in zip(days, values, strict=True)]
    known = [value for value in values if value is not None]
    return Figure(show(known[-1]) if known else "–", charts.render_small_line(name, values, titles))

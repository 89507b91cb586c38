"""Arrange the content of a report for a page and for JSON: sections with tables and charts, and changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from systemscripts.reports import Content, Report
from systemscripts.reports.charts import format_cell
from systemscripts.reports.parts.changes import LabelChange
from webconsole import charts

# of one query, on a page and in an answer; the mail has all of them
MAX_ROWS = 500
# bars of a chart that can still be told apart
MIN_BARS, MAX_BARS = 2, 60
# fewer bars of the whole width would look like areas
MIN_BARS_OF_WHOLE_WIDTH = 6
# the most charts of one table
MAX_CHARTS = 2


@dataclass(frozen=True)
class Section:
    """The rows of one query, with charts of its figures."""

    name: str
    columns: list[str]
    rows: list[dict[str, Any]]
    # of all rows
    count: int
    charts: list[charts.Chart] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Return its name as a heading."""
        return self.name.replace("_", " ").capitalize()

    def is_number(self, column: str) -> bool:
        """Return whether every value of a column is a number or missing."""
        values = [row[column] for row in self.rows]
        return any(value is not None for value in values) and all(map(_is_number, values))


@dataclass(frozen=True)
class View:
    """A report for readers: problems first, then what changed, then tables."""

    problems: list[dict[str, Any]]
    changes: list[LabelChange]
    sections: list[Section]


def arrange(report: Report, content: Content) -> View:
    """Return the content of a report in the order of its page."""
    label_changes: list[LabelChange] = []
    # they only serve another part of the report
    hidden = {report.for_each}
    for name, part in content.parts.items():
        if name == "changes":
            label_changes += part.value
            hidden |= part.used_queries
    sections = [
        _make_section(name, rows)
        for name, rows in content.rows.items()
        if name not in hidden and not name.startswith("problems")
    ]
    return View(content.problems, label_changes, sections)


def _make_section(name: str, rows: list[dict[str, Any]]) -> Section:
    section = Section(name, list(rows[0]) if rows else [], rows[:MAX_ROWS], len(rows))
    if not MIN_BARS <= len(rows) <= MAX_BARS or section.is_number(section.columns[0]):
        return section
    label, *others = section.columns
    figures = [column for column in others if section.is_number(column) and any(row[column] for row in rows)]
    section.charts.extend(_make_chart(rows, label, column) for column in figures[:MAX_CHARTS])
    return section


def _make_chart(rows: list[dict[str, Any]], label: str, column: str) -> charts.Chart:
    values = [float(row[column] or 0) for row in rows]
    labels = [format_cell(row[label]) for row in rows]
    name = f"{column.replace('_', ' ').capitalize()} by {label.replace('_', ' ')}"
    bars = [
        charts.Bar([(max(value, 0), "chart-good")], f"{text}: {format_cell(row[column])}")
        for text, value, row in zip(labels, values, rows, strict=True)
    ]
    if len(bars) < MIN_BARS_OF_WHOLE_WIDTH:
        # the labels would not stand below their bars; the table beside has them
        return charts.Chart(name, bars, format_cell(max(values)))
    return charts.Chart(name, bars, format_cell(max(values)), charts.choose_ticks(labels), min_columns=len(bars))


def describe(view: View) -> dict[str, Any]:
    """Return a report as values for JSON."""
    return {
        "problems": [{"what": row.get("what"), "says": row.get("says")} for row in view.problems],
        "changes": [_describe_change(change) for change in view.changes],
        "tables": [
            {"name": section.name, "columns": section.columns, "rows": _make_plain_rows(section.rows),
             "total": section.count}
            for section in view.sections
        ],
    }  # fmt: skip


def _describe_change(change: LabelChange) -> dict[str, Any]:
    return {
        "label": change.label, "kind": change.kind, "gone": change.gone, "back": change.back,
        "rows": change.after.rows if change.after else None,
        "first_rows": change.rows, "added": [row.key or row.cells for row in change.added],
        "removed": [row.key or row.cells for row in change.removed],
        "changed": [
            {"key": row.key, "column": value.column, "from": value.before, "to": value.after}
            for row in change.changed
            for value in row.values
        ],
    }  # fmt: skip


def _make_plain_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: _make_plain(value) for name, value in row.items()} for row in rows]


def _make_plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))

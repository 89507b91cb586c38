"""Draw charts as inline SVG; sizes are attributes, colours are classes of the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup, escape

from webconsole import display

# in units of the SVG view box, which the page scales to its width
WIDTH, HEIGHT, GAP = 720, 120, 2
# few bars are not drawn wider than one of twelve
MIN_COLUMNS = 12


@dataclass(frozen=True)
class Bar:
    """One bar: its parts from the bottom up (value, CSS class) and the text that a pointer shows."""

    parts: Sequence[tuple[float, str]]
    title: str


@dataclass(frozen=True)
class Chart:
    """Bars over time with a scale."""

    name: str
    bars: list[Bar] = field(default_factory=list)
    # the greatest value, as text
    top: str = ""
    # dates below the bars, from left to right
    ticks: tuple[str, ...] = ()
    # the width is for at least so many bars
    min_columns: int = MIN_COLUMNS

    def render_svg(self) -> Markup:
        """Return the drawing; the table next to it has the same values as text."""
        greatest = max((sum(value for value, _ in bar.parts) for bar in self.bars), default=0) or 1
        width = WIDTH / max(len(self.bars), self.min_columns)
        drawn = Markup("").join(_draw_bar(bar, index * width, width, greatest) for index, bar in enumerate(self.bars))
        return Markup(
            '<svg class="chart" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{name}">'
            '<line class="chart-line" x1="0" x2="{w}" y1="0.5" y2="0.5"/>'
            '<line class="chart-line" x1="0" x2="{w}" y1="{middle}" y2="{middle}"/>'
            '<line class="chart-base" x1="0" x2="{w}" y1="{base}" y2="{base}"/>{drawn}</svg>'
        ).format(w=WIDTH, h=HEIGHT, name=self.name, middle=HEIGHT / 2, base=HEIGHT - 0.5, drawn=drawn)


def _draw_bar(bar: Bar, x: float, width: float, greatest: float) -> Markup:
    drawn, y = Markup(""), float(HEIGHT)
    for value, css_class in bar.parts:
        # a small value is still visible, and the greatest leaves a margin at the top
        height = max(value / greatest * (HEIGHT - 4), 1.5 if value else 0)
        y -= height
        drawn += Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            css_class, x + GAP / 2, y, max(width - GAP, 1), height
        )
    whole = Markup('<rect class="chart-hit" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>').format(x, width, HEIGHT)
    return Markup("<g><title>{}</title>{}{}</g>").format(bar.title, whole, drawn)


def make_day_charts(days: Sequence[dict[str, Any]]) -> list[Chart]:
    """Return the charts of rows and runs by day (oldest first), days without runs included; none without runs."""
    if not days:
        return []
    by_day = {row["day"]: row for row in days}
    first, last = days[0]["day"], days[-1]["day"]
    every_day = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    ticks = choose_ticks([f"{day:%a} {day.day} {day:%b}" for day in every_day])
    charts = []
    if any(row["rows_loaded"] or row["rows_rejected"] for row in days):
        most = max(row["rows_loaded"] + row["rows_rejected"] for row in days)
        bars = [_make_rows_bar(day, by_day.get(day)) for day in every_day]
        charts.append(Chart("Rows loaded and rejected by day", bars, f"{display.format_count(most)} rows", ticks))
    most_runs = max(row["runs"] for row in days)
    bars = [_make_states_bar(day, by_day.get(day)) for day in every_day]
    charts.append(Chart("Runs by day", bars, display.format_plural(most_runs, "run"), ticks))
    return charts


def _make_rows_bar(day: date, row: dict[str, Any] | None) -> Bar:
    loaded, rejected = (row["rows_loaded"], row["rows_rejected"]) if row else (0, 0)
    title = f"{day:%a %Y-%m-%d}: {display.format_count(loaded)} loaded, {display.format_count(rejected)} rejected"
    return Bar([(loaded, "chart-good"), (rejected, "chart-bad")], title)


def _make_states_bar(day: date, row: dict[str, Any] | None) -> Bar:
    states = {state: row[state] if row else 0 for state in ("succeeded", "interrupted", "failed")}
    words = [f"{count} {state}" for state, count in states.items() if count]
    css_classes = ("chart-good", "chart-warn", "chart-bad")
    return Bar(
        list(zip(states.values(), css_classes, strict=True)), f"{day:%a %Y-%m-%d}: {', '.join(words) or 'no runs'}"
    )


# of the small line in a row of a table
LINE_WIDTH, LINE_HEIGHT = 96, 22


def render_small_line(name: str, values: Sequence[float | None], titles: Sequence[str]) -> Markup:
    """Return the values as a small line, each point with its title; a gap where a value is missing."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    step = (LINE_WIDTH - 6) / max(len(values) - 1, 1)
    points = [
        None if value is None else (3 + index * step, _scale(value, low, high, LINE_HEIGHT))
        for index, value in enumerate(values)
    ]
    path, pen = "", "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        path += f"{pen}{point[0]:.1f} {point[1]:.1f}"
        pen = "L"
    last = len(points) - 1
    # not by Markup.format, which takes ten times as long: a page has thousands of points
    spots = "".join(
        f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="{2.6 if index == last else 1.6}">'
        f"<title>{escape(title)}</title></circle>"
        for index, (point, title) in enumerate(zip(points, titles, strict=True))
        if point is not None
    )
    label = escape(f"{name}: {titles[0]} to {titles[-1]}")
    return Markup(
        f'<svg class="small-line" width="{LINE_WIDTH}" height="{LINE_HEIGHT}" role="img" aria-label="{label}">'
        f'<path d="{path}"/>{spots}</svg>'
    )


def _scale(value: float, low: float, high: float, height: float) -> float:
    """Return the place of a value from the top; the middle where all are the same."""
    return height / 2 if high == low else 3 + (high - value) / (high - low) * (height - 6)


def make_file_chart(files: Sequence[dict[str, Any]]) -> Chart | None:
    """Return the rows of each file (newest first given), loaded, rejected and held; None without rows."""
    shown = [file for file in reversed(files) if file["rows_read"]]
    if not shown:
        return None
    most = max(file["rows_read"] for file in shown)
    bars = []
    for file in shown:
        day = file["created_at"].astimezone(display.find_reader_zone())
        parts = [
            (file["rows_loaded"] or 0, "chart-good"),
            (file["rows_held"] or 0, "chart-warn"),
            (file["rows_rejected"] or 0, "chart-bad"),
        ]
        title = f"{day:%Y-%m-%d %H:%M} {file['name']}: {display.format_count(file['rows_read'])} rows read"
        bars.append(Bar(parts, title))
    days = [f"{file['created_at'].astimezone(display.find_reader_zone()):%d %b %Y}" for file in shown]
    return Chart("Rows of each file", bars, f"{display.format_count(most)} rows", choose_ticks(days))


def choose_ticks(texts: Sequence[str]) -> tuple[str, ...]:
    """Return first, middle and last of the texts along the time axis, without repeats."""
    return tuple(dict.fromkeys((texts[0], texts[len(texts) // 2], texts[-1]))) if texts else ()

"""Draw charts as inline SVG; sizes are attributes, colours are classes of the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

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

    def render_svg(self) -> Markup:
        """Return the drawing; the table next to it has the same values as text."""
        greatest = max((sum(value for value, _ in bar.parts) for bar in self.bars), default=0) or 1
        width = WIDTH / max(len(self.bars), MIN_COLUMNS)
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


def make_run_charts(runs: Sequence[dict[str, Any]]) -> list[Chart]:
    """Return the charts of rows and durations for runs (oldest first); a chart without values is left out."""
    charts = []
    if any(run["rows_read"] for run in runs):
        most_rows = max((run["rows_loaded"] or 0) + (run["rows_rejected"] or 0) for run in runs)
        bars = [_make_rows_bar(run) for run in runs]
        charts.append(
            Chart("Rows loaded and rejected, one bar per run", bars, f"{display.format_count(most_rows)} rows")
        )
    if runs:
        longest = max(run["seconds"] or 0 for run in runs)
        bars = [_make_duration_bar(run) for run in runs]
        charts.append(Chart("Duration, one bar per run", bars, display.format_duration(longest)))
    return charts


def _describe_run(run: dict[str, Any]) -> str:
    started_at = run["started_at"].astimezone(display.find_reader_zone())
    return f"{started_at:%Y-%m-%d %H:%M} {run['job']} {run['lock_key']}".strip()


def _make_rows_bar(run: dict[str, Any]) -> Bar:
    loaded, rejected = run["rows_loaded"] or 0, run["rows_rejected"] or 0
    title = f"{_describe_run(run)}: {display.format_count(loaded)} loaded, {display.format_count(rejected)} rejected"
    return Bar([(loaded, "chart-good"), (rejected, "chart-bad")], title)


def _make_duration_bar(run: dict[str, Any]) -> Bar:
    css_class = f"chart-{display.find_tone(run['status'])}"
    title = f"{_describe_run(run)}: {display.format_duration(run['seconds'])}, {run['status']}"
    return Bar([(run["seconds"] or 0, css_class)], title)

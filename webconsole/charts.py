"""Charts as inline SVG: sizes are attributes, colours are classes of the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from webconsole import display

WIDTH, HEIGHT, GAP = 720, 120, 2


@dataclass(frozen=True)
class Bar:
    """One bar: its parts from below (value, class), what it says when pointed at, where it leads."""

    parts: Sequence[tuple[float, str]]
    title: str
    link: str = ""
    label: str = ""


@dataclass(frozen=True)
class Chart:
    """Bars over time with a scale."""

    name: str
    bars: list[Bar] = field(default_factory=list)
    top: str = ""  # the greatest value, in words

    def svg(self) -> Markup:
        """The drawing; the table beside it says the same in words."""
        most = max((sum(value for value, _ in bar.parts) for bar in self.bars), default=0) or 1
        width = WIDTH / max(len(self.bars), 12)
        drawn = Markup("").join(_bar(bar, place * width, width, most) for place, bar in enumerate(self.bars))
        return Markup(
            '<svg class="chart" viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{name}">'
            '<line class="chart-line" x1="0" x2="{w}" y1="0.5" y2="0.5"/>'
            '<line class="chart-line" x1="0" x2="{w}" y1="{middle}" y2="{middle}"/>'
            '<line class="chart-base" x1="0" x2="{w}" y1="{base}" y2="{base}"/>{drawn}</svg>'
        ).format(w=WIDTH, h=HEIGHT, name=self.name, middle=HEIGHT / 2, base=HEIGHT - 0.5, drawn=drawn)


def _bar(bar: Bar, x: float, width: float, most: float) -> Markup:
    drawn, below = Markup(""), float(HEIGHT)
    for value, kind in bar.parts:
        height = max(value / most * (HEIGHT - 4), 1.5 if value else 0)
        below -= height
        drawn += Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            kind, x + GAP / 2, below, max(width - GAP, 1), height
        )
    whole = Markup('<rect class="chart-hit" x="{:.1f}" y="0" width="{:.1f}" height="{}"/>').format(x, width, HEIGHT)
    return Markup("<g><title>{}</title>{}{}</g>").format(bar.title, whole, drawn)


def of_runs(runs: Sequence[dict[str, Any]]) -> list[Chart]:
    """Rows with rejects, and durations, of some runs, oldest first; no chart of what never happened."""
    charts = []
    if any(run["rows_read"] for run in runs):
        most = max((run["rows_loaded"] or 0) + (run["rows_rejected"] or 0) for run in runs)
        bars = [_rows_bar(run) for run in runs]
        charts.append(Chart("Rows loaded and rejected, one bar per run", bars, f"{display.count(most)} rows"))
    if runs:
        longest = max(run["seconds"] or 0 for run in runs)
        bars = [_seconds_bar(run) for run in runs]
        charts.append(Chart("Duration, one bar per run", bars, display.seconds(longest)))
    return charts


def _when(run: dict[str, Any]) -> str:
    return (
        f"{run['started_at'].astimezone(display.reader_zone()):%Y-%m-%d %H:%M} {run['job']} {run['lock_key']}".strip()
    )


def _rows_bar(run: dict[str, Any]) -> Bar:
    loaded, rejected = run["rows_loaded"] or 0, run["rows_rejected"] or 0
    title = f"{_when(run)}: {display.count(loaded)} loaded, {display.count(rejected)} rejected"
    return Bar([(loaded, "chart-good"), (rejected, "chart-bad")], title)


def _seconds_bar(run: dict[str, Any]) -> Bar:
    kind = f"chart-{display.tone(run['status'])}"
    return Bar([(run["seconds"] or 0, kind)], f"{_when(run)}: {display.seconds(run['seconds'])}, {run['status']}")

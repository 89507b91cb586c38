"""Draw when the files of a feed came: the day from left to right, the hour of the day from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from webconsole import display
from webconsole.charts import HEIGHT, WIDTH, choose_ticks

# so that no dot is cut off
SIDE, TOP = 12, 8
GRID_HOURS = (6, 12, 18)


@dataclass(frozen=True)
class ArrivalChart:
    """The drawing, and the dates below it from left to right."""

    svg: Markup
    ticks: tuple[str, ...]


@dataclass(frozen=True)
class Dot:
    """A file that came, or a due time that no file met: when, what a pointer shows, and the CSS class."""

    moment: datetime
    text: str
    css_class: str


def make_arrival_chart(files: Sequence[dict[str, Any]], missed: Sequence[dict[str, Any]]) -> ArrivalChart | None:
    """Return the chart of files and of due times that no file met; None for fewer than two files."""
    zone = display.find_reader_zone()
    came = [Dot(file["created_at"].astimezone(zone), file["name"], display.find_tone(file["status"])) for file in files]
    if len(came) < 2:
        return None
    first = min(dot.moment for dot in came)
    due = [
        Dot(row["due_at"].astimezone(zone), f"no file came {row['label']}".strip(), "missed")
        for row in missed
        if row["due_at"] >= first
    ]
    last = max(dot.moment for dot in (*came, *due))
    dots = Markup("").join(_draw_dot(dot, first, last) for dot in (*came, *due))
    grid = Markup("").join(
        Markup('<line class="chart-line" x1="0" x2="{0}" y1="{1:.1f}" y2="{1:.1f}"/>').format(WIDTH, _find_top(hour))
        for hour in GRID_HOURS
    )
    svg = Markup(
        '<svg class="chart dots" viewBox="0 0 {} {}" role="img" aria-label="When the files came">{}{}</svg>'
    ).format(WIDTH, HEIGHT, grid, dots)
    middle = first + (last - first) / 2
    return ArrivalChart(svg, choose_ticks([f"{moment:%d %b %Y}" for moment in (first, middle, last)]))


def _draw_dot(dot: Dot, first: datetime, last: datetime) -> Markup:
    share = (dot.moment - first).total_seconds() / max((last - first).total_seconds(), 1)
    return Markup(
        '<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{:%a %Y-%m-%d %H:%M} {}</title></circle>'
    ).format(
        dot.css_class, SIDE + share * (WIDTH - 2 * SIDE), _find_top(dot.moment.hour + dot.moment.minute / 60),
        dot.moment, dot.text,
    )  # fmt: skip


def _find_top(hours: float) -> float:
    return TOP + hours / 24 * (HEIGHT - 2 * TOP)

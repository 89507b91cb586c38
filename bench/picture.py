"""Draws time against size as an SVG with lines on two logarithmic scales."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 30, 60
COLOURS = (
    "#555555", "#0a7d38", "#1f5fbf", "#b3541e", "#8a2be2", "#c0392b", "#007c89", "#7a6a00", "#b0308a", "#3d4f8f",
)  # fmt: skip

# megabytes, seconds
Curve = Sequence[tuple[float, float]]


def draw_curves(curves: Mapping[str, Curve]) -> str:
    """Return the SVG; each curve has one point for each size."""
    points = [point for curve in curves.values() for point in curve]
    sizes, seconds = _find_decades(x for x, _ in points), _find_decades(y for _, y in points)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<style>text { font: 13px sans-serif }</style>",
        "<title>Seconds to load a CSV of so many megabytes</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_draw_grid(sizes, seconds),
    ]
    places = _place_labels({name: _place_y(curve[-1][1], seconds) for name, curve in curves.items()})
    for colour, (name, curve) in zip(COLOURS, curves.items(), strict=False):
        path = " ".join(f"{_place_x(x, sizes):.1f},{_place_y(y, seconds):.1f}" for x, y in curve)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        lines += [
            f'<circle cx="{_place_x(x, sizes):.1f}" cy="{_place_y(y, seconds):.1f}" r="3.5" fill="{colour}"/>'
            for x, y in curve
        ]
        x = _place_x(curve[-1][0], sizes) + 10
        lines.append(f'<text x="{x:.0f}" y="{places[name] + 4:.0f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _find_decades(values: Iterable[float]) -> tuple[int, int]:
    """Return the exponents of the powers of ten around some values."""
    logarithms = [math.log10(value) for value in values]
    return math.floor(min(logarithms) + 1e-9), max(math.ceil(max(logarithms) - 1e-9), math.floor(min(logarithms)) + 1)


def _place_x(megabytes: float, scale: tuple[int, int]) -> float:
    return LEFT + (math.log10(megabytes) - scale[0]) / (scale[1] - scale[0]) * (WIDTH - LEFT - RIGHT)


def _place_y(seconds: float, scale: tuple[int, int]) -> float:
    return HEIGHT - BOTTOM - (math.log10(seconds) - scale[0]) / (scale[1] - scale[0]) * (HEIGHT - TOP - BOTTOM)


def _draw_grid(sizes: tuple[int, int], seconds: tuple[int, int]) -> list[str]:
    lines = []
    for power in range(sizes[0], sizes[1] + 1):
        x = _place_x(10.0**power, sizes)
        lines.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{10.0**power:g} MB</text>')
    for power in range(seconds[0], seconds[1] + 1):
        y = _place_y(10.0**power, seconds)
        lines.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    return lines


def _place_labels(heights: Mapping[str, float]) -> dict[str, float]:
    """Return the height of each name at the end of its line, moved down where names would overlap."""
    places: dict[str, float] = {}
    last = -math.inf
    for name, y in sorted(heights.items(), key=lambda item: item[1]):
        places[name] = last = max(y, last + 16)
    return places

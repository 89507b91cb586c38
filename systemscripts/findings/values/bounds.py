"""What lies outside of what was usual: beyond past minimum and maximum, widened by how much they vary."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

# The larger of these: what varies much may vary more, and what never varied may a little.
DEVIATIONS = 5
# Below which a tenth, half and nine tenths of the values lie.
Quantiles = tuple[float, float, float]
SHARE_POINTS = 0.30
FIGURE_PART = 0.50
# Of fewer values no share and no median says anything.
MIN_VALUES = 30


def measure_deviation(values: Sequence[float]) -> float:
    """Return the median distance from the median."""
    middle = statistics.median(values)
    return statistics.median([abs(value - middle) for value in values])


def is_share_outside(value: float, past: Sequence[float], points: float = SHARE_POINTS) -> bool:
    """Whether a share (0 to 1) is outside of the past ones."""
    margin = max(DEVIATIONS * measure_deviation(past), points)
    return not min(past) - margin <= value <= max(past) + margin


def is_figure_outside(value: float, past: Sequence[float], part: float = FIGURE_PART) -> bool:
    """Whether a figure is outside of the past ones."""
    margin = max(DEVIATIONS * measure_deviation(past), part * abs(statistics.median(past)))
    return not min(past) - margin <= value <= max(past) + margin


def are_like(candidate: Quantiles, past: Sequence[Quantiles], indexes: Sequence[int] = (0, 1, 2)) -> bool:
    """Whether these of the three figures are like those of before."""
    return not any(is_figure_outside(candidate[index], [quantiles[index] for quantiles in past]) for index in indexes)


def format_figure(value: float) -> str:
    """Return a figure as a person writes it."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3g}"


def format_share(share: float) -> str:
    """Return a share as percent."""
    return f"{100 * share:.0f} %" if share in (0, 1) or 0.005 <= share <= 0.995 else f"{100 * share:.1f} %"

"""Sizes and durations in the units that people read."""

from __future__ import annotations

# Days are shown from so many on, such as 2 d 3 h; before that hours.
MIN_DAYS = 2
# Below these a decimal says something.
MAX_DECIMAL_SIZE = 10
MAX_DECIMAL_SECONDS = 10


def format_size(size_bytes: float) -> str:
    """Return a number of bytes as B, kB, MB, GB or TB (powers of 1000), such as 3.4 MB or 120 GB."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size_bytes < 1000 or unit == "TB":
            break
        size_bytes /= 1000
    has_decimal = unit != "B" and size_bytes < MAX_DECIMAL_SIZE
    return f"{size_bytes:.1f} {unit}" if has_decimal else f"{size_bytes:.0f} {unit}"


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as 0.4 s, 5 min 03 s, 3 h 20 min or 4 d 2 h."""
    if seconds < MAX_DECIMAL_SECONDS:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24 * MIN_DAYS:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

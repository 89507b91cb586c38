"""How long to wait before asking a site again; the scan, the downloads and the APIs share it."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_PAUSE_SECONDS = 60.0  # seconds
MAX_WAIT_SECONDS = 3600.0  # seconds; a site that names more is asked again after an hour

JITTER_SHARE = 0.25


def compute_pause(failed_attempts: int, first_pause: float) -> float:
    """Return the pause in seconds: `first_pause`, and twice as long for each further failed attempt before it."""
    return float(min(first_pause * 2 ** min(failed_attempts, 30), MAX_PAUSE_SECONDS))


def add_jitter(pause: float) -> float:
    """Return a pause in seconds, up to a quarter longer: who failed together should not ask again together."""
    return pause * random.uniform(1.0, 1 + JITTER_SHARE)


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds a Retry-After header names (RFC 9110, 10.2.3: a number or a date), or None."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())

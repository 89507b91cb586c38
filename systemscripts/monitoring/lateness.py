"""Whether files came when they were due, as declared or as they always came."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from systemscripts.configuration.arrival import Arrival, to_duration
from systemscripts.schedules.cron_times import find_last_expected

MAX_DAYS_OFF = 60  # due times that are looked back over: holidays in a row
MIN_ARRIVALS = 4  # before a rhythm is believed
MAX_GAP_DIFFERENCE = 0.2  # of the median: gaps alike
LATE_GAPS = 1.5  # of the usual gap without a file: later than a day off, earlier than a second miss


@dataclass(frozen=True)
class Late:
    """A file that did not come: when it was due, and when the last one came."""

    due: datetime
    last: datetime | None


def find_late(arrival: Arrival, last: datetime | None, since: datetime, now: datetime) -> Late | None:
    """Return the newest due time that no file has met, None where one has or none is due.

    `last`: when the newest file came. `since`: from when files are expected. A file belongs to the due time that is
    nearest to it, so that an early one counts, and one that is much too late does not count for the next.
    """
    due = _find_due(arrival, now)
    if due is None or due < since:
        return None
    before = find_last_expected(arrival.schedule, due)
    window = due - (due - before) / 2
    return Late(due, last) if last is None or last < window else None


def _find_due(arrival: Arrival, now: datetime) -> datetime | None:
    """Return the newest due time whose grace is over, days off left out; None where none is due any longer."""
    days_off = arrival.list_days_off()
    due = find_last_expected(arrival.schedule, now - to_duration(arrival.grace) + timedelta(seconds=1))
    for _ in range(MAX_DAYS_OFF):
        if due.date() not in days_off:
            break
        due = find_last_expected(arrival.schedule, due)
    if arrival.until and due.date() > arrival.until:
        return None
    return due


def find_usual_gap(arrivals: Sequence[datetime]) -> timedelta | None:
    """Return the usual gap between the last arrivals (oldest first), None where they follow no rhythm.

    Files that came on one day are one arrival.
    """
    days = sorted({moment.date(): moment for moment in arrivals}.values())
    gaps = [(after - before).total_seconds() for before, after in pairwise(days)]
    if len(gaps) < MIN_ARRIVALS - 1:
        return None
    usual = statistics.median(gaps)
    alike = all(abs(gap - usual) <= MAX_GAP_DIFFERENCE * usual for gap in gaps)
    return timedelta(seconds=usual) if alike else None


def find_silence(arrivals: Sequence[datetime], now: datetime) -> Late | None:
    """Return when a file of an import without a declaration was due, once it is half a gap too late."""
    gap = find_usual_gap(arrivals)
    if gap is None or now - arrivals[-1] <= LATE_GAPS * gap:
        return None
    return Late(arrivals[-1] + gap, arrivals[-1])

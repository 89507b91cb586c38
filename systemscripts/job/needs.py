"""What a job asks of its frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """See `systemscripts.job.job` for what they mean."""

    lock: str | None
    database: bool
    time_limit_hours: float | None
    alert: bool
    looks: tuple[str, ...] = ()
    lock_name: Callable[[str], str] = str
    sends_alerts: bool = False

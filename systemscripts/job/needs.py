"""What a job asks of its frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """See `systemscripts.job.job` for what they mean."""

    lock: str | None
    database: bool
    time_limit_hours: float | None
    alert: bool
    looks: tuple[str, ...] = ()

"""When pipelines are due, which of them are paused, and the cron file that starts them.

schedules.scheduled()                          the pipelines that cron starts on this host
schedules.not_set_up()                         those with a schedule whose `needs` are not set here
schedules.expected("30 6 * * 1", after, until) when runs should have begun, oldest first
schedules.last_expected(schedule, before)      the latest of them
schedules.next_run(schedule, after)
schedules.paused(directories, "weekly")        the Pause that keeps it from running, or None
"""

from __future__ import annotations

from systemscripts.configuration import pipeline_config
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.schedules.pauses import EVERYTHING, Pause, pause, paused, pauses, resume
from systemscripts.schedules.times import check, expected, host_zone, last_expected, next_run, warning

__all__ = [
    "EVERYTHING", "Pause", "Pipeline", "check", "expected", "host_zone", "last_expected", "next_run", "not_set_up",
    "pause", "paused", "pauses", "resume", "scheduled", "warning", "with_schedule",
]  # fmt: skip


def scheduled() -> list[Pipeline]:
    """The pipelines that cron starts here, by name; raises ConfigurationError for a faulty file or schedule."""
    return [pipeline for pipeline in with_schedule() if not pipeline.unset]


def not_set_up() -> list[Pipeline]:
    """Those that it would start were what they need set: nobody waits for them. Raises ConfigurationError."""
    return [pipeline for pipeline in with_schedule() if pipeline.unset]


def with_schedule() -> list[Pipeline]:
    """Both, by name, whatever is set on this host; raises ConfigurationError."""
    found = [pipeline for pipeline in pipeline_config.load_all() if pipeline.schedule]
    for pipeline in found:
        check(pipeline)
    return found

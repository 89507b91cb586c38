"""When pipelines are due, which of them are paused, and the cron file that starts them.

schedules.scheduled()                          the pipelines that cron starts on this host
schedules.not_set_up()                         those with a schedule whose `needs` are not set here
schedules.given_up(names)                      those of them that nobody waits for any more, each with why
schedules.expected("30 6 * * 1", after, until) when runs should have begun, oldest first
schedules.last_expected(schedule, before)      the latest of them
schedules.next_run(schedule, after)
schedules.paused(directories, "weekly")        the Pause that keeps it from running, or None
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from systemscripts.configuration import pipeline_config
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.schedules.cron_times import check, expected, host_zone, last_expected, next_run, warning
from systemscripts.schedules.pauses import EVERYTHING, Pause, pause, paused, pauses, resume

__all__ = [
    "EVERYTHING", "Pause", "Pipeline", "check", "expected", "given_up", "host_zone", "last_expected", "next_run",
    "not_set_up", "pause", "paused", "pauses", "resume", "scheduled", "warning", "with_schedule",
]  # fmt: skip


def scheduled() -> list[Pipeline]:
    """The pipelines that cron starts here, by name; raises ConfigurationError for a faulty file or schedule."""
    return [pipeline for pipeline in with_schedule() if not pipeline.unset_settings]


def not_set_up() -> list[Pipeline]:
    """Those that it would start were what they need set: nobody waits for them. Raises ConfigurationError."""
    return [pipeline for pipeline in with_schedule() if pipeline.unset_settings]


def given_up(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The pipelines that nobody waits for any more, each with why: what they need was un-set, and cron starts them not.

    A name that is no pipeline (any more) is passed over. Raises ConfigurationError for a faulty file.
    """
    from systemscripts.schedules import own_cron_file  # which is made of the file's text, and that of these functions

    wanted = set(names)
    for pipeline in not_set_up():
        if pipeline.name in wanted and not own_cron_file.starts(pipeline.name):
            unset = ", ".join(pipeline.unset_settings)
            yield (
                pipeline.name,
                f"{pipeline.name} is not set up here any more ({unset} not set) and cron starts it no more",
            )


def with_schedule() -> list[Pipeline]:
    """Both, by name, whatever is set on this host; raises ConfigurationError."""
    found = [pipeline for pipeline in pipeline_config.load_pipelines() if pipeline.schedule]
    for pipeline in found:
        check(pipeline)
    return found

"""When pipelines are due, which of them are paused, and the cron file that starts them."""

from __future__ import annotations

from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.schedules.cron_times import (
    check_schedule,
    find_clock_change_risk,
    find_last_expected,
    find_next_run,
    get_host_zone,
    list_expected,
)
from systemscripts.schedules.pauses import EVERYTHING, Pause, find_pause, pause_pipeline, read_pauses, resume_pipeline
from systemscripts.schedules.scheduled_pipelines import (
    list_not_set_up,
    list_scheduled,
    list_with_schedule,
    load_scheduled,
)

__all__ = [
    "EVERYTHING", "Pause", "Pipeline", "check_schedule", "find_clock_change_risk", "find_last_expected",
    "find_next_run", "find_pause", "get_host_zone", "list_expected", "list_not_set_up", "list_scheduled",
    "list_with_schedule", "load_scheduled", "pause_pipeline", "read_pauses", "resume_pipeline",
]  # fmt: skip

"""The pipelines that have a schedule: set up on this host, or not yet."""

from __future__ import annotations

from systemscripts.configuration import pipeline_config
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.schedules.cron_times import check_schedule


def list_scheduled() -> list[Pipeline]:
    """Return the pipelines that cron starts on this host, by name.

    Raises ConfigurationError for a faulty file or schedule, as do the functions below.
    """
    return [pipeline for pipeline in list_with_schedule() if not pipeline.unset_settings]


def list_not_set_up() -> list[Pipeline]:
    """Return the scheduled pipelines whose `needs` are not set on this host: they are not expected to run."""
    return [pipeline for pipeline in list_with_schedule() if pipeline.unset_settings]


def list_with_schedule() -> list[Pipeline]:
    """Return both by name, regardless of what is set on this host."""
    pipelines = [pipeline for pipeline in pipeline_config.load_pipelines() if pipeline.schedule]
    for pipeline in pipelines:
        check_schedule(pipeline)
    return pipelines

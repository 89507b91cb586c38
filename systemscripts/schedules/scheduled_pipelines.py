"""The pipelines that have a schedule: set up on this host, or not yet."""

from __future__ import annotations

from systemscripts import settings
from systemscripts.configuration import pipeline_config
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories
from systemscripts.schedules.cron_times import check_schedule
from systemscripts.schedules.own_schedules import apply_own_schedule


def list_scheduled() -> list[Pipeline]:
    """Return the pipelines that cron starts on this host, by name.

    Raises ConfigurationError for a faulty file or schedule, as do the functions below.
    """
    return [pipeline for pipeline in list_with_schedule() if not pipeline.unset_settings]


def list_not_set_up() -> list[Pipeline]:
    """Return the scheduled pipelines whose `needs` are not set on this host: they are not expected to run."""
    return [pipeline for pipeline in list_with_schedule() if pipeline.unset_settings]


def list_with_schedule() -> list[Pipeline]:
    """Return both by name, regardless of what is set on this host, with the times that the operator gave them."""
    return [pipeline for name in pipeline_config.list_names() if (pipeline := load_scheduled(name)).schedule]


def load_scheduled(name: str) -> Pipeline:
    """Return one pipeline with the times that the operator gave it, else those of its file, "" without any."""
    directories = Directories(settings.current().etl_data_dir)
    pipeline = apply_own_schedule(pipeline_config.load_pipeline(name), directories)
    if pipeline.schedule:
        check_schedule(pipeline)
    return pipeline

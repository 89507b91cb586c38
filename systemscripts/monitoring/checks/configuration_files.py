"""Imports, pipelines, reports and targets: their YAML files."""

from __future__ import annotations

from collections.abc import Iterator

from systemscripts import reports, schedules, targets
from systemscripts.configuration import pipeline_config, yaml_row_sync
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, Context, Line

ORDER = 70


def check(context: Context) -> Iterator[Line]:
    """Each fault a line."""
    faults = list(find_faults())
    for fault in faults:
        yield Line(FAILURE, "configuration", fault, "Correct that file; check_config.py shows whether it is sound.")
    if not faults:
        yield Line(OK, "configuration", "every YAML file is sound")


def find_faults() -> Iterator[str]:
    """What is wrong in the YAML files."""
    yield from yaml_row_sync.find_faults()
    for name in pipeline_config.list_names():
        try:
            pipeline = pipeline_config.load_pipeline(name)
            if pipeline.schedule:
                schedules.check(pipeline)
        except EtlError as error:
            yield str(error)
    yield from reports.faults()
    yield from targets.find_faults()

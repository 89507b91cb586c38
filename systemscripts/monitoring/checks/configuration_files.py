"""Check the YAML files of imports, pipelines, reports and targets."""

from __future__ import annotations

from collections.abc import Iterator

from systemscripts import reports, schedules, targets
from systemscripts.commands import format_command
from systemscripts.configuration import pipeline_config, shared_mailboxes, yaml_row_sync
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

ORDER = 70


def check(context: Context) -> Iterator[Line]:
    """Yield a line for each fault."""
    faults = list(find_faults())
    for fault in faults:
        yield Line(FAILURE, "configuration", fault, f"Correct that file, then run: {format_command('check_config')}")
    for text in shared_mailboxes.find_conflicts():
        yield Line(WARNING, "configuration", text, "Set settle: flag in both, or give each its own folder.")
    if not faults:
        yield Line(OK, "configuration", "every YAML file is valid")


def find_faults() -> Iterator[str]:
    """Yield what is wrong in the YAML files."""
    yield from yaml_row_sync.find_faults()
    for name in pipeline_config.list_names():
        try:
            pipeline = pipeline_config.load_pipeline(name)
            if pipeline.schedule:
                schedules.check_schedule(pipeline)
        except EtlError as error:
            yield str(error)
    yield from reports.find_faults()
    yield from targets.find_faults()

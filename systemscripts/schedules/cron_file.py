"""The file for /etc/cron.d: one line for each scheduled pipeline, written from config/pipelines/*.yaml.

crontab(5) and cron(8) of Debian: the name must not contain a dot, the file must belong to root, be writable by root
only and end with a newline, `%` is a line break unless written `\\%`, variables are not expanded. Cron silently ignores
a file that breaks one of these rules.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from systemscripts import settings
from systemscripts.configuration import pipeline_config
from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories, belongs_to_installation
from systemscripts.schedules import scheduled_pipelines
from systemscripts.schedules.own_schedules import read_own_schedules

EXAMPLE_PROJECT = Path("/home/etl_user/client_etl_workflow")
EXAMPLE_USER = "etl_user"
# The watchdog is not a pipeline: it must not depend on what it watches.
WATCHDOG_SCHEDULE = "17 * * * *"
# What has a time that cron does not know: see due_starts. Nothing is started, not even Python, unless something is due.
DUE_SCHEDULE = "* * * * *"
HEAD = """\
# The jobs of the Client ETL Workflow, for /etc/cron.d (cron ignores files there with a dot in their name).
#
# Generated from the schedules in config/pipelines/*.yaml. Change them there, then run: schedule.py apply
# Times are in the host's time zone; 02:00 to 03:59 is left free, because daylight saving skips or repeats it.
# The output goes to logs/etl_cron.log; alerts that could not be sent go to MAILTO.
SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
MAILTO=root
ETL_CRON=1
"""


@dataclass(frozen=True)
class CronInstallation:
    """Which installation the file starts, as whom, and with which settings."""

    project: Path = EXAMPLE_PROJECT
    user: str = EXAMPLE_USER
    # ETL_ENV_FILE and ETL_DATA_DIR, if they were given
    variables: tuple[tuple[str, str], ...] = ()
    data: Path = EXAMPLE_PROJECT

    @property
    def mark(self) -> str:
        """The line of a cron file that names its installation; configure_etl_user.sh reads and writes it too."""
        return " ".join(["# Installation:", str(self.project), *(f"{name}={value}" for name, value in self.variables)])


def get_this_installation(environment: Mapping[str, str] = os.environ) -> CronInstallation:
    """Return this installation: its user, and the current settings file."""
    named = [(name, environment[name]) for name in ("ETL_ENV_FILE", "ETL_DATA_DIR") if environment.get(name)]
    return CronInstallation(settings.PROJECT, _find_user(), tuple(named), settings.current().etl_data_dir)


def _find_user() -> str:
    """Return who runs the jobs: the owner of the project, or the service user if root owns it for the service group."""
    if is_service_installation():
        return EXAMPLE_USER
    owner = settings.PROJECT.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def is_service_installation() -> bool:
    """Return whether configure_etl_user.sh gave the project to root, for the service group to read."""
    return belongs_to_installation(settings.PROJECT)


def render_own() -> str:
    """Return the text that the cron file of this installation should have; raises ConfigurationError."""
    return render_file(
        scheduled_pipelines.list_scheduled(), get_this_installation(), scheduled_pipelines.list_not_set_up(),
        read_own_schedules(Directories(settings.current().etl_data_dir)),
    )  # fmt: skip


def render_example() -> str:
    """Return the text of etl_jobs.cron in the project: as on a host where nothing is set up yet."""
    pipelines = [pipeline for pipeline in pipeline_config.load_pipelines() if pipeline.schedule]
    return render_file(
        [pipeline for pipeline in pipelines if not pipeline.needs],
        CronInstallation(),
        [pipeline for pipeline in pipelines if pipeline.needs],
    )


def render_file(
    pipelines: Iterable[Pipeline],
    installation: CronInstallation = CronInstallation(),
    not_set_up: Iterable[Pipeline] = (),
    rescheduled: Container[str] = (),
) -> str:
    """Return the whole text of a cron file; `rescheduled`: pipelines that cron does not start."""
    lines = [HEAD.replace("SHELL=", f"{installation.mark}\nSHELL=", 1)]
    lines += [f"{name}={value}\n" for name, value in installation.variables]
    lines.append("\n# minute hour day month weekday user command\n")
    wrapper = shlex.quote(str(installation.project / "run_python_etl_script.sh"))
    lines.append("# watchdog: reports what no run reports itself, such as pipelines that did not start\n")
    lines.append(f"{WATCHDOG_SCHEDULE} {installation.user} {wrapper} watchdog.py\n")
    due = shlex.quote(str(installation.data / "var" / "due"))
    find = f'[ -z "$(find {due} -name "*.json" ! -newermt now 2>/dev/null)" ] ||'.replace("%", r"\%")
    lines.append("# due starts: pipelines and YAML jobs whose times were given in the console\n")
    lines.append(f"{DUE_SCHEDULE} {installation.user} {find} {wrapper} schedule.py due\n")
    for pipeline in pipelines:
        if pipeline.name in rescheduled:
            lines.append(f"# {pipeline.name}: its times were given in the console; due starts runs it\n")
            continue
        command = f"{wrapper} run_pipeline.py {shlex.quote(pipeline.name)}".replace("%", r"\%")
        lines.append(f"# {pipeline.name}: {' '.join(pipeline.description.split())}\n")
        lines.append(f"{' '.join(pipeline.schedule.split())} {installation.user} {command}\n")
    # the same text as long as one of its settings is missing
    for pipeline in not_set_up:
        needs = ", ".join(pipeline.needs)
        lines.append(f"# {pipeline.name}: not set up; set {needs}, then run: schedule.py apply\n")
    return "".join(lines)


# python -m systemscripts.schedules.cron_file [--here]: prints the example, or the file of this installation
if __name__ == "__main__":
    import sys

    print(render_own() if "--here" in sys.argv else render_example(), end="")

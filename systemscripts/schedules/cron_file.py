"""The file for /etc/cron.d: one line for each scheduled pipeline, written from config/pipelines/*.yaml.

crontab(5) and cron(8) of Debian: the name may hold no dot, the file must belong to root, be writable by nobody else and
end with a newline, `%` is a line break unless written `\\%`, variables are not expanded. Whatever breaks one of these
is passed over in silence, so nothing here is left to chance.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from systemscripts import schedules, settings
from systemscripts.configuration.pipeline_config import Pipeline

EXAMPLE_PROJECT = Path("/home/etl_user/client_etl_workflow")
EXAMPLE_USER = "etl_user"
WATCHDOG_SCHEDULE = "17 * * * *"  # no pipeline: it must not need what it watches
HEAD = """\
# The jobs of the Client ETL Workflow, for /etc/cron.d (cron passes over files there with a dot in their name).
#
# Made from the schedules in config/pipelines/*.yaml. Change them there, then run: schedule.py apply
# Times are those of the host's time zone; 02:00 to 03:59 is left free, because daylight saving skips or repeats it.
# The output goes to logs/etl_cron.log; what could be told to nobody goes to MAILTO.
SHELL=/bin/bash
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
MAILTO=root
ETL_CRON=1
"""


@dataclass(frozen=True)
class Place:
    """Which installation the file starts, as whom, and with which settings."""

    project: Path = EXAMPLE_PROJECT
    user: str = EXAMPLE_USER
    variables: tuple[tuple[str, str], ...] = ()  # ETL_ENV_FILE, ETL_DATA_DIR where they were given

    @property
    def mark(self) -> str:
        """The line of a cron file that names its installation; configure_etl_user.sh writes and reads it too."""
        return " ".join(["# Installation:", str(self.project), *(f"{name}={value}" for name, value in self.variables)])


def this_place(environment: Mapping[str, str] = os.environ) -> Place:
    """The place of this installation: run by the owner of the project, with the settings file named now."""
    named = [(name, environment[name]) for name in ("ETL_ENV_FILE", "ETL_DATA_DIR") if environment.get(name)]
    owner = settings.PROJECT.stat().st_uid
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = str(owner)
    return Place(settings.PROJECT, user, tuple(named))


def wanted() -> str:
    """The text that the file of this installation should have; raises ConfigurationError."""
    return content(schedules.scheduled(), this_place(), schedules.not_set_up())


def example() -> str:
    """The text of etl_jobs.cron in the project: nothing is set up yet, whatever is on this host."""
    every = schedules.with_schedule()
    return content([each for each in every if not each.needs], Place(), [each for each in every if each.needs])


def content(pipelines: Iterable[Pipeline], place: Place = Place(), not_set_up: Iterable[Pipeline] = ()) -> str:
    """The whole text of the file."""
    lines = [HEAD.replace("SHELL=", f"{place.mark}\nSHELL=", 1)]
    lines += [f"{name}={value}\n" for name, value in place.variables]
    lines.append("\n# minute hour day month weekday user command\n")
    wrapper = shlex.quote(str(place.project / "run_python_etl_script.sh"))
    lines.append("# watchdog: tells of what no run says itself, and of pipelines that did not start\n")
    lines.append(f"{WATCHDOG_SCHEDULE} {place.user} {wrapper} watchdog.py\n")
    for pipeline in pipelines:
        command = f"{wrapper} run_pipeline.py {shlex.quote(pipeline.name)}".replace("%", r"\%")
        lines.append(f"# {pipeline.name}: {' '.join(pipeline.description.split())}\n")
        lines.append(f"{' '.join(pipeline.schedule.split())} {place.user} {command}\n")
    for pipeline in not_set_up:  # the same text as long as one of them is not set
        needs = ", ".join(pipeline.needs)
        lines.append(f"# {pipeline.name}: not set up; once it has {needs}: schedule.py apply\n")
    return "".join(lines)


if __name__ == "__main__":  # python -m systemscripts.schedules.cron_file [--here]: the example, or this installation's
    import sys

    print(wanted() if "--here" in sys.argv else example(), end="")

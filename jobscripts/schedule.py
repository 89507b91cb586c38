"""When the pipelines run: show, install the cron file, pause, resume."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job


class Action(StrEnum):
    """What to do with the schedules."""

    show = "show"
    apply = "apply"
    pause = "pause"
    resume = "resume"
    next = "next"


@job(database=False, alert=False)
def schedule(
    action: Annotated[Action, typer.Argument(help="What to do.", case_sensitive=False)] = Action.show,
    pipeline: Annotated[str, typer.Argument(help="For pause, resume and next: one pipeline. Empty: all.")] = "",
    as_file: Annotated[bool, typer.Option("--as-file", help="With show: print the cron file as it should be.")] = False,
    cron_file: Annotated[
        Path | None, typer.Option(help="The installed file, where it is not this installation's own in /etc/cron.d.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="With next: how many runs to show.")] = 10,
) -> Summary:
    """Show when pipelines run and whether cron knows; write the cron file; pause and resume.

    The schedules stand in config/pipelines/*.yaml. apply shows the difference to the installed cron file and installs
    it, or prints the sudo command that does. A paused pipeline is skipped, by cron and by hand, until it is resumed.

    Examples:
        schedule.py show
        schedule.py apply
        schedule.py pause weekly
        schedule.py resume
        schedule.py next --count 20
    """
    if action is Action.pause:
        return _pause(pipeline)
    if action is Action.resume:
        return _resume(pipeline)
    if action is Action.next:
        return _next(pipeline, count)
    return _cron_file(cron_file, apply=action is Action.apply, as_file=as_file)


def _cron_file(named: Path | None, apply: bool, as_file: bool) -> Summary:
    from systemscripts import settings
    from systemscripts.directory_management import Directories
    from systemscripts.schedules import cron_file, install_cron, overview, own_cron_file

    wanted = cron_file.render_own()
    if as_file:
        print(wanted, end="")
        return Summary(shown=True)
    path = named or own_cron_file.find_path()
    compared = install_cron.compare_file(path, wanted)
    summary = overview.summarize_schedules(compared)
    if apply and not compared.is_equal:
        command = install_cron.install_file(compared, Directories(settings.current().etl_data_dir))
        summary.headline = f"{path} is not installed yet" if command else f"{path} is installed"
        summary.next_steps = [command] if command else []
    return summary


def _pause(name: str) -> Summary:
    from systemscripts import log_utils, schedules, settings
    from systemscripts.configuration import pipeline_config
    from systemscripts.directory_management import Directories

    if name:
        pipeline_config.load_pipeline(name)  # a name that is misspelt pauses nothing
    who = os.environ.get("SUDO_USER") or log_utils.get_user_name()
    made = schedules.pause_pipeline(Directories(settings.current().etl_data_dir), name or schedules.EVERYTHING, who)
    return Summary(headline=str(made), next_steps=[f"schedule.py resume {name}".strip()])


def _resume(name: str) -> Summary:
    from systemscripts import schedules, settings
    from systemscripts.configuration import pipeline_config
    from systemscripts.directory_management import Directories

    directories = Directories(settings.current().etl_data_dir)
    if name and name not in schedules.read_pauses(directories):
        pipeline_config.load_pipeline(name)
    ended = schedules.resume_pipeline(directories, name or schedules.EVERYTHING)
    summary = Summary(headline=f"{len(ended)} resumed" if ended else "nothing was paused")
    summary.rows = [{"resumed": pause.what, "paused since": pause.since, "by": pause.by} for pause in ended]
    if name and schedules.find_pause(directories, name):
        summary.warn("pipelines_paused", f"everything is still paused, {name} with it: schedule.py resume")
    return summary


def _next(name: str, count: int) -> Summary:
    from systemscripts.configuration import pipeline_config
    from systemscripts.schedules import overview

    if name:
        pipeline_config.load_pipeline(name)
    return overview.list_coming_runs(name, count)


if __name__ == "__main__":
    schedule.main()

"""Show when the pipelines run, install the cron file, pause and resume."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from systemscripts.job import Summary, job, print_text, wants_json


class Action(StrEnum):
    """What to do with the schedules."""

    show = "show"
    apply = "apply"
    pause = "pause"
    resume = "resume"
    next = "next"
    due = "due"


@job(database=False, alert=False)
def schedule(
    action: Annotated[Action, typer.Argument(help="What to do.", case_sensitive=False)] = Action.show,
    pipeline: Annotated[str, typer.Argument(help="For pause, resume and next: one pipeline. Empty: all.")] = "",
    as_file: Annotated[bool, typer.Option("--as-file", help="With show: print the expected cron file.")] = False,
    cron_file: Annotated[
        Path | None, typer.Option(help="The installed file; by default this installation's own in /etc/cron.d.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"], help="With pause: when it ends."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1000, help="With next: how many runs to show.")] = 10,
) -> Summary:
    """Show when pipelines run and whether the cron file is up to date; install it; pause and resume.

    The schedules are in config/pipelines/*.yaml. apply shows the difference to the installed cron file and installs
    it, or prints the sudo command that does. A paused pipeline is skipped, by cron and by hand, until it is resumed.
    due starts what is due by times that were given in the console; cron calls it.

    Examples:
        schedule.py show
        schedule.py apply
        schedule.py pause weekly
        schedule.py pause weekly --until 2026-01-31T06:00
        schedule.py resume
        schedule.py next --count 20
    """
    if action is Action.pause:
        from systemscripts.schedules.pause_summaries import pause_by_name

        return pause_by_name(pipeline, until)
    if action is Action.resume:
        from systemscripts.schedules.pause_summaries import resume_by_name

        return resume_by_name(pipeline)
    if action is Action.due:
        return _start_due()
    if action is Action.next:
        return _show_next_runs(pipeline, count)
    return _show_or_apply(cron_file, apply=action is Action.apply, as_file=as_file)


def _show_or_apply(path: Path | None, apply: bool, as_file: bool) -> Summary:
    from systemscripts import settings
    from systemscripts.directory_management import Directories
    from systemscripts.schedules import cron_file, install_cron, overview, own_cron_file

    expected = cron_file.render_own()
    if as_file:
        if not wants_json():
            print_text(expected.rstrip("\n"))
        return Summary(details=expected.splitlines(), shown=not wants_json())
    path = path or own_cron_file.find_path()
    compared = install_cron.compare_file(path, expected)
    summary = overview.summarize_schedules(compared)
    if apply and not compared.is_equal:
        command = install_cron.install_file(compared, Directories(settings.current().etl_data_dir))
        summary.headline = f"{path} is not installed yet" if command else f"{path} is installed"
        summary.next_steps = [command] if command else []
    return summary


def _start_due() -> Summary:
    from systemscripts import settings
    from systemscripts.directory_management import Directories
    from systemscripts.pipelines.step_process import launch_alone
    from systemscripts.schedules import due_starts

    started = due_starts.start_due(Directories(settings.current().etl_data_dir), launch_alone)
    rows = [{"started": " ".join(item.arguments), "due": item.due} for item in started]
    return Summary(headline=f"{len(started)} started" if started else "nothing is due", rows=rows)


def _show_next_runs(name: str, count: int) -> Summary:
    from systemscripts.configuration import pipeline_config
    from systemscripts.schedules import overview

    if name:
        pipeline_config.load_pipeline(name)
    return overview.list_coming_runs(name, count)


if __name__ == "__main__":
    schedule.main()

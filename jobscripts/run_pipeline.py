"""Run a pipeline: jobs in order."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from systemscripts.commands import format_command
from systemscripts.job import Summary, job


def _run_demo(values: dict[str, Any]) -> int | None:
    """Run the pipeline in an installation of the demo's own, so not as a run of this installation."""
    if not values["demo"]:
        return None
    from demo import installation

    exit_code: int = installation.run_demo(values["name"])
    return exit_code


@job(lock="{name}", time_limit_hours=24 * 32, run_instead=_run_demo, look_options=("dry_run", "list_pipelines"))
def run_pipeline(
    name: Annotated[str, typer.Argument(help="The pipeline, config/pipelines/NAME.yaml.")] = "",
    from_step: Annotated[str, typer.Option("--from", help="Start with this step (number or job).")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Run only what did not succeed last time.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps; run nothing.")] = False,
    list_pipelines: Annotated[bool, typer.Option("--list", help="Show the pipelines.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Try it in var/demo/ on generated data, without any configuration.")
    ] = False,
) -> Summary:
    """Run the steps of a pipeline, each as a separate job; steps that do not depend on a failed one still run.

    Examples:
        run_pipeline.py weekly
        run_pipeline.py weekly --failed
        run_pipeline.py weekly --from generic_import
        run_pipeline.py weekly --demo
    """
    from systemscripts import pipelines, settings
    from systemscripts.directory_management import Directories
    from systemscripts.errors import UsageError
    from systemscripts.schedules import own_schedules, pauses

    if list_pipelines:
        return _list_pipelines()
    if not name:
        raise UsageError("name a pipeline", f"See: {format_command('run_pipeline', '--list')}")
    if from_step and failed:
        raise UsageError("--from and --failed cannot be combined", "Use one of them.")
    pipeline, directories = pipelines.load_pipeline(name), Directories(settings.current().etl_data_dir)
    chosen = (
        pipelines.find_failed_steps(pipeline, directories) if failed else pipelines.choose_steps(pipeline, from_step)
    )
    unset = (
        [f"{name} is not set up here: {', '.join(pipeline.unset_settings)} not set"] if pipeline.unset_settings else []
    )
    if dry_run:
        summary = Summary(headline=pipeline.description, rows=pipelines.describe_steps(pipeline, chosen))
        for text in unset:
            summary.warn("pipeline_not_set_up", text)
        return summary
    pauses.refuse_if_paused(directories, name)
    if os.environ.get("ETL_STARTED_BY") == "cron":
        own_schedules.refuse_if_rescheduled(directories, name)
    if unset:
        return _refuse(name, unset[0])
    if not chosen:
        return Summary(headline=f"pipeline {name}: nothing failed last time", only_looked=True)
    return pipelines.run_steps(pipeline, chosen, directories)


def _refuse(name: str, text: str) -> Summary:
    """Return a summary that refuses the run; an alert is sent only if cron starts the pipeline."""
    from systemscripts import settings
    from systemscripts.schedules import own_cron_file

    summary = Summary(only_looked=not own_cron_file.starts_pipeline(name))
    summary.problem(
        f"{text}. Set it in {settings.settings_file()}, then run: {format_command('schedule', 'apply')}", 78
    )
    return summary


def _list_pipelines() -> Summary:
    from systemscripts.configuration import pipeline_config

    rows = [
        {
            "pipeline": p.name,
            "schedule": p.schedule,
            "description": p.description,
            "not set": ", ".join(p.unset_settings),
        }
        for p in pipeline_config.load_pipelines()
    ]
    return Summary(rows=rows)


if __name__ == "__main__":
    run_pipeline.main()

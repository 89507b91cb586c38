"""Run a pipeline: jobs in their order."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from systemscripts.job import Summary, job


def _demo(values: dict[str, Any]) -> int | None:
    """The demo makes an installation of its own and runs the pipeline there, so it is no run of this one."""
    if not values["demo"]:
        return None
    from demo import installation

    exit_code: int = installation.run_demo(values["name"])
    return exit_code


@job(lock="{name}", time_limit_hours=24 * 32, run_instead=_demo, look_options=("dry_run", "list_pipelines"))
def run_pipeline(
    name: Annotated[str, typer.Argument(help="The pipeline, config/pipelines/NAME.yaml.")] = "",
    from_step: Annotated[str, typer.Option("--from", help="Begin with this step (number or job).")] = "",
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not succeed last time.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps; run nothing.")] = False,
    list_pipelines: Annotated[bool, typer.Option("--list", help="Show the pipelines.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Try it in var/demo/ on made-up data, nothing configured.")
    ] = False,
) -> Summary:
    """Run the steps of a pipeline, each a job of its own; what does not depend on a failing step goes on.

    Examples:
        run_pipeline.py weekly
        run_pipeline.py weekly --failed
        run_pipeline.py weekly --from generic_import
        run_pipeline.py weekly --demo
    """
    from systemscripts import pipelines, schedules, settings
    from systemscripts.directory_management import Directories
    from systemscripts.errors import SkippedError, UsageError

    if list_pipelines:
        return _listed()
    if not name:
        raise UsageError("name a pipeline", "See: run_pipeline.py --list")
    if from_step and failed:
        raise UsageError("--from and --failed do not go together", "Give one of them.")
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
    if pause := schedules.find_pause(directories, name):
        raise SkippedError(str(pause), f"To let it run again: schedule.py resume {name}")
    if unset:
        return _not_set_up(name, unset[0])
    if not chosen:
        return Summary(headline=f"pipeline {name}: nothing failed last time", only_looked=True)
    return pipelines.run_steps(pipeline, chosen, directories)


def _not_set_up(name: str, text: str) -> Summary:
    """Refused; nobody has to hear of it who was not waiting for it: a mail goes out only where cron starts it."""
    from systemscripts import settings
    from systemscripts.schedules import own_cron_file

    summary = Summary(only_looked=not own_cron_file.starts_pipeline(name))
    summary.problem(
        f"{text}. Set it in {settings.settings_file()}; to set it up or take it from cron: schedule.py apply", 78
    )
    return summary


def _listed() -> Summary:
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

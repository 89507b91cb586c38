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

    exit_code: int = installation.run(values["name"])
    return exit_code


@job(lock="{name}", time_limit_hours=24 * 14, instead=_demo)
def run_pipeline(
    name: Annotated[str, typer.Argument(help="The pipeline, config/pipelines/NAME.yaml.")] = "",
    from_step: Annotated[str, typer.Option("--from", help="Begin with this step (number or job).")] = "1",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps; run nothing.")] = False,
    list_pipelines: Annotated[bool, typer.Option("--list", help="Show the pipelines.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Try it in var/demo/ on made-up data, nothing configured.")
    ] = False,
) -> Summary:
    """Run the steps of a pipeline, each a job of its own.

    Examples:
        run_pipeline.py weekly
        run_pipeline.py weekly --from generic_import
        run_pipeline.py weekly --demo
    """
    from systemscripts import pipelines, schedules, settings
    from systemscripts.directory_management import Directories
    from systemscripts.errors import SkippedError, UsageError

    if list_pipelines:
        found = [pipelines.load(each) for each in pipelines.names()]
        return Summary(rows=[{"pipeline": p.name, "schedule": p.schedule, "description": p.description} for p in found])
    if not name:
        raise UsageError("name a pipeline", "See: run_pipeline.py --list")
    pipeline = pipelines.load(name)
    if dry_run:
        return Summary(headline=pipeline.description, rows=pipelines.describe(pipeline))
    if pause := schedules.paused(Directories(settings.current().etl_data_dir), name):
        raise SkippedError(str(pause), "To run it again: schedule.py resume " + name)
    return pipelines.run(pipeline, pipelines.step_number(pipeline, from_step))


if __name__ == "__main__":
    run_pipeline.main()

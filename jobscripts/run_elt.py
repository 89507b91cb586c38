"""Run a whole job from one YAML file: its sources, one table, now and whenever something comes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.errors import UsageError
from systemscripts.job import Summary, as_json, deferred_signals, interruptible, job, so_far, wait_seconds

if TYPE_CHECKING:
    from systemscripts.configuration import ImportConfig
    from systemscripts.summary import Notice

GRACE_SECONDS = 3600.0  # a load under way when the signal comes is finished


def _name_of(config: str) -> str:
    from systemscripts.configuration import yaml_job

    return yaml_job.normalize_name(config)


@job(lock="{config}", lock_name=_name_of, looks=("check",), time_limit_hours=24 * 366)
def run_elt(
    config: Annotated[str, typer.Argument(help="The YAML file, or the name of a job that was uploaded.")],
    once: Annotated[bool, typer.Option("--once", help="Run it and end, instead of watching its sources.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the file; every fault at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what waiting files would do.")] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="With --once: try refused files again.")
    ] = False,
    poll_seconds: Annotated[float, typer.Option(help="How often sources are asked while watching.", min=1)] = 60,
) -> Summary:
    """Load all sources of a YAML job into its table, then watch them until g and Enter, Ctrl-C or SIGTERM.

    With start_time and end_time in the file it waits for the one and stops at the other.

    Examples:
        run_elt.py orders.yaml
        run_elt.py orders.yaml --once
        run_elt.py orders.yaml --check
    """
    from systemscripts import db_utils, log_utils
    from systemscripts.configuration import yaml_job_check
    from systemscripts.ingest import run_imports
    from systemscripts.yaml_jobs import job_cycle
    from systemscripts.yaml_jobs import single_pass as passes
    from systemscripts.yaml_jobs.stop_request import Stop

    if retry_refused and not once:
        raise UsageError("--retry-refused goes with --once", f"Type: run_elt.py {config} --once --retry-refused")
    if check and Path(config).is_file():
        return _checked(Path(config))
    known, warnings = _configuration(config)
    if check:
        return yaml_job_check.summarize_check(config, known, warnings)
    run_uuid = log_utils.get_run_uuid()
    options = run_imports.Options(dry_run=dry_run, retry_refused=retry_refused, wait_seconds=wait_seconds())

    def connect() -> db_utils.Connection:
        return db_utils.connect(purpose=f"run_elt {known.config_name}")

    if once or dry_run:
        summary = passes.run_once(connect, known, run_uuid, options)
    else:
        from systemscripts.configuration.import_parts import add_zone

        with deferred_signals(GRACE_SECONDS) as signalled:
            stop = Stop(signalled, add_zone(known.job.end_time) if known.job.end_time else None)
            options = passes.with_stop(options, stop, interruptible)
            summary = Summary()
            summary.warn_all(warnings)
            so_far(summary)  # a signal ends the run here, or while a source is asked
            job_cycle.run_and_watch(
                known, lambda: passes.run_once(connect, known, run_uuid, options), stop, poll_seconds, _say, summary
            )
    summary.warn_all(warnings)
    return summary


def _checked(path: Path) -> Summary:
    """What is wrong with a file, each fault on a line of its own."""
    from systemscripts.configuration import yaml_job, yaml_job_check
    from systemscripts.configuration.yaml_documents import FaultsError

    try:
        known, _, warnings = yaml_job.read_job(path)
        return yaml_job_check.summarize_check(str(path), known, warnings)
    except FaultsError as error:
        summary = Summary()
        for fault in error.faults:
            summary.problem(fault, error.exit_code)
        summary.headline = f"{path}: {len(error.faults)} {'fault' if len(error.faults) == 1 else 'faults'}"
    return summary


def _configuration(config: str) -> tuple[ImportConfig, list[Notice]]:
    """The job of a file, its row brought up to date; or of a row."""
    import contextlib

    from systemscripts import configuration, db_utils
    from systemscripts.configuration import yaml_job

    path = Path(config)
    with contextlib.closing(db_utils.connect(purpose="run_elt")) as connection:
        if yaml_job.is_job_file(path):
            if not path.is_file():
                raise UsageError(
                    f"{path} does not exist", "Give the path of a YAML file, or the name of an uploaded job."
                )
            return yaml_job.apply_job(connection, path)
        return configuration.load_import(connection, config), []


def _say(text: str) -> None:
    if not as_json():
        print(text, flush=True)


if __name__ == "__main__":
    run_elt.main()

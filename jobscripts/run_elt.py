"""Run a job from one YAML file: load its sources into one table, now and whenever something new arrives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from systemscripts.commands import format_command
from systemscripts.errors import UsageError
from systemscripts.job import Summary, allow_signals, defer_signals, get_wait_seconds, job, keep_summary, print_line

if TYPE_CHECKING:
    from systemscripts.configuration import ImportConfig
    from systemscripts.summary import Notice

# A load that is under way when the signal comes is finished.
GRACE_SECONDS = 3600.0


def _get_job_name(config: str) -> str:
    from systemscripts.configuration import yaml_job

    return yaml_job.normalize_name(config)


@job(lock="{config}", normalize_lock=_get_job_name, look_options=("check",), time_limit_hours=24 * 366)
def run_elt(
    config: Annotated[str, typer.Argument(help="The YAML file, or the name of a job that was uploaded.")],
    once: Annotated[bool, typer.Option("--once", help="Run once, instead of watching the sources.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the file; list every error at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done with the waiting files.")] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="With --once: try refused files again.")
    ] = False,
    poll_seconds: Annotated[float, typer.Option(help="Interval between polls of the sources.", min=1)] = 60,
) -> Summary:
    """Load all sources of a YAML job into its table, then watch them until it is stopped.

    To stop it, press g and Enter or Ctrl-C, or send SIGTERM. If the file has a start_time or an end_time, it starts and
    stops at these times.

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
        command = format_command("run_elt", config, "--once", "--retry-refused")
        raise UsageError("--retry-refused goes with --once", f"Type: {command}")
    if check and Path(config).is_file():
        return _check_file(Path(config))
    job_config, warnings = _load_job(config)
    if check:
        return yaml_job_check.summarize_check(config, job_config, warnings)
    run_uuid = log_utils.get_run_uuid()
    options = run_imports.Options(dry_run=dry_run, retry_refused=retry_refused, wait_seconds=get_wait_seconds())

    def connect() -> db_utils.Connection:
        return db_utils.connect(purpose=f"run_elt {job_config.config_name}")

    def run_pass() -> Summary:
        return passes.run_once(connect, job_config, run_uuid, options)

    if once or dry_run:
        summary = run_pass()
    else:
        from systemscripts.configuration.import_parts import add_zone

        with defer_signals(GRACE_SECONDS) as signalled:
            stop = Stop(signalled, add_zone(job_config.job.end_time) if job_config.job.end_time else None)
            options = passes.add_stop(options, stop, allow_signals)
            summary = Summary()
            summary.warn_all(warnings)
            # a signal ends the run here, or while it waits for a source
            keep_summary(summary)
            job_cycle.run_and_watch(job_config, run_pass, stop, poll_seconds, print_line, summary)
    summary.warn_all(warnings)
    return summary


def _check_file(path: Path) -> Summary:
    """Return what is wrong with a file, each fault on a line of its own."""
    from systemscripts.configuration import yaml_job, yaml_job_check
    from systemscripts.configuration.yaml_documents import FaultsError

    try:
        job_config, _, warnings = yaml_job.read_job(path)
        return yaml_job_check.summarize_check(str(path), job_config, warnings)
    except FaultsError as error:
        summary = Summary()
        for fault in error.faults:
            summary.problem(fault, error.exit_code)
        summary.headline = f"{path}: {len(error.faults)} {'fault' if len(error.faults) == 1 else 'faults'}"
    return summary


def _load_job(config: str) -> tuple[ImportConfig, list[Notice]]:
    """Return the job of a file after updating its row, or of a row."""
    import contextlib

    from systemscripts import configuration, db_utils
    from systemscripts.configuration import yaml_job

    path = Path(config)
    with contextlib.closing(db_utils.connect(purpose="run_elt")) as connection:
        if yaml_job.is_job_file(path):
            if not path.is_file():
                raise UsageError(f"{path} does not exist", "Name a YAML file, or a job that was uploaded.")
            return yaml_job.apply_job(connection, path)
        return configuration.load_import(connection, config), []


if __name__ == "__main__":
    run_elt.main()

"""What the operator can do, for pages and JSON alike: the functions of the jobs, called with the right arguments."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import IO, cast, get_args

from flask import abort

from systemscripts import log_utils, settings
from systemscripts.configuration import config_versions
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.ingest import accept_held, undo
from systemscripts.ingest.export_rejects import export_rejects as export
from systemscripts.ingest.replay_rejects import replay_rejects as replay
from systemscripts.summary import Summary
from webconsole import connections, run_processes
from webconsole.queries import datasets, runs, start_choices
from webconsole.security import access

logger = logging.getLogger(__name__)

WAIT_SECONDS = 5.0  # for an import that is at work on the same target


def start(job: str, name: str, how: str) -> str:
    """Start a job; returns the number of its run.

    Raises UsageError for what cannot be started, and where another job loads the configuration of that name.
    """
    if job not in get_args(run_processes.Job) or how not in get_args(run_processes.How):
        raise UsageError(f"{job!r} cannot be started like this", "Choose an import, a pipeline or a report.")
    if job in start_choices.TITLES:
        with connections.reading() as cursor:
            right = start_choices.find_job(cursor, name) or job
        if right != job:
            raise UsageError(
                f"{name} is {start_choices.TITLES[right]}, which {right} runs, not {job}", f"Start {right} {name}."
            )
    return run_processes.start(
        cast("run_processes.Job", job), name, cast("run_processes.How", how), access.the_user().name
    )


def retry(run_uuid: str) -> str:
    """Start what a run did once more, by the same command; returns the number of the new run.

    Raises UsageError where the console cannot: it still runs, it did what it should, or only a terminal starts it.
    """
    with connections.reading() as cursor:
        run = runs.one(cursor, run_uuid)
    if run is None:
        abort(404, "There is no such run, or it has not begun yet.")
    command = run_processes.read_command(run)
    if run["status"] not in runs.UNDONE or command is None:
        typed = f"./run_python_etl_script.sh {run['job']} {run['arguments']}".strip()
        raise UsageError(f"the run is {run['status']} and is not repeated from here", f"Type: {typed}")
    return start(*command)


def stop(run_uuid: str) -> None:
    """Ask a running job to end; 404 where there is none."""
    with connections.reading() as cursor:
        run = runs.one(cursor, run_uuid)
    if run is None:
        abort(404, "There is no such run, or it has not begun yet.")
    run_processes.stop(run, access.the_user().name)


def undo_dataset(dataset_id: int, cascade: bool) -> Summary:
    """Take a dataset back."""
    _must_exist(dataset_id)
    run_uuid = log_utils.get_run_uuid()
    return _done(
        undo.undo_datasets(connections.acting(), run_uuid, dataset_id, cascade=cascade, wait_seconds=WAIT_SECONDS)
    )


def accept_dataset(dataset_id: int) -> Summary:
    """Make a held dataset current."""
    _must_exist(dataset_id)
    directories, run_uuid = Directories(settings.current().etl_data_dir), log_utils.get_run_uuid()
    user = access.the_user().name
    return _done(
        accept_held.accept_dataset(connections.acting(), directories, run_uuid, dataset_id, WAIT_SECONDS, user)
    )


def replay_rejects(dataset_id: int) -> Summary:
    """Try the rejected rows of a dataset again."""
    directories = Directories(settings.current().etl_data_dir)
    _must_exist(dataset_id)
    return _done(replay(connections.acting(), dataset_id, WAIT_SECONDS, directories))


def export_rejects(dataset_id: int, ending: str) -> IO[bytes]:
    """The rejected rows of a dataset as a file to send back."""
    _must_exist(dataset_id)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rejects.{ending}"
        export(connections.acting(), dataset_id, path)
        return path.open("rb")  # stays readable when the folder has gone


def _must_exist(dataset_id: int) -> None:
    with connections.reading() as cursor:
        if datasets.one(cursor, dataset_id) is None:
            abort(404, f"There is no dataset {dataset_id}.")


def _done(summary: Summary) -> Summary:
    logger.info("console: %s: %s", access.the_user().name, summary.headline)
    return summary


def restore_configuration(name: str, version: int) -> str:
    """Make an import what it was at a version; says what came of it."""
    user_name = access.the_user().name
    new = config_versions.restore_version(connections.acting(), name, version, user_name)
    text = f"{name} is again as in version {version}, now version {new}" if new != version else f"{name} is so already"
    logger.info("console: %s: %s", user_name, text)
    return text

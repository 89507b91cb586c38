"""Do what the operator asks for, from a page or by JSON, with the functions that the jobs use."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import IO, cast, get_args

from flask import abort

from systemscripts import file_ledger, log_utils, settings
from systemscripts.commands import format_command
from systemscripts.configuration import config_versions, edit_import
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.ingest import accept_held, undo, undo_preview
from systemscripts.ingest.export_rejects import export_rejects as export
from systemscripts.ingest.replay_rejects import replay_rejects as replay
from systemscripts.summary import Summary
from systemscripts.tables import temporary_files
from webconsole import connections, decisions, run_processes, schedule_actions
from webconsole.queries import datasets, runs, start_choices
from webconsole.security import access

logger = logging.getLogger(__name__)

# how long an action waits for an import that works on the same target
WAIT_SECONDS = 5.0


def start_job(job: str, name: str, how: str) -> str:
    """Start a job and return the number of its run.

    Raise UsageError if it cannot be started, or if another job loads the configuration of that name.
    """
    if job not in get_args(run_processes.Job) or how not in get_args(run_processes.How):
        raise UsageError(f"{job!r} cannot be started in this way", "Choose an import, a pipeline or a report.")
    if job in start_choices.TITLES:
        with connections.read_as_etl() as cursor:
            right_job = start_choices.find_job(cursor, name) or job
        if right_job != job:
            raise UsageError(
                f"{name} is {start_choices.TITLES[right_job]}: {right_job} runs it, not {job}",
                f"Start {right_job} {name}.",
            )
    user_name = access.require_user().name
    if how == "schedule" and (run_uuid := schedule_actions.schedule_job(name, user_name)):
        return run_uuid
    return run_processes.start_job(cast("run_processes.Job", job), name, cast("run_processes.How", how), user_name)


def retry_run(run_uuid: str) -> str:
    """Start the command of a run again and return the number of the new run.

    Raise UsageError if the run is still running, has succeeded, or can only be started at a terminal.
    """
    with connections.read_as_etl() as cursor:
        run = runs.find_run(cursor, run_uuid)
    if run is None:
        abort(404, "This run does not exist or has not started yet.")
    command = run_processes.read_command(run)
    if run["status"] not in runs.REPEATABLE or command is None:
        command_line = f"{format_command(run['job'])} {run['arguments']}".strip()
        raise UsageError(f"the run is {run['status']}: the console cannot repeat it", f"Type: {command_line}")
    return start_job(*command)


def stop_run(run_uuid: str) -> None:
    """Ask a running job to stop; answer 404 if there is no such run."""
    if schedule_actions.cancel_waiting_run(run_uuid):
        return
    with connections.read_as_etl() as cursor:
        run = runs.find_run(cursor, run_uuid)
    if run is None:
        abort(404, "This run does not exist or has not started yet.")
    user_name = access.require_user().name
    run_processes.stop_run(run, user_name)
    if run["job"] == "run_elt":
        # a reboot does not start it again
        schedule_actions.forget_job(run["lock_key"])
    # who stops a run knows it: it needs no decision
    with connections.write_as_etl() as cursor:
        decisions.store_dismissal(cursor, "run", run_uuid, user_name, "stopped in the console")


def undo_dataset(dataset_id: int, cascade: bool) -> Summary:
    """Undo a dataset and return the summary."""
    _check_exists(dataset_id)
    run_uuid = log_utils.get_run_uuid()
    return _log_done(
        undo.undo_datasets(
            connections.connect_as_etl(), run_uuid, dataset_id, cascade=cascade, wait_seconds=WAIT_SECONDS
        )
    )


def undo_run(run_uuid: str, cascade: bool) -> str:
    """Start the undo of everything that a run and its steps loaded; return the number of the new run.

    Raise UsageError if there is nothing to undo.
    """
    with connections.read_as_etl() as cursor:
        going = undo_preview.preview_undo(cursor, run_uuid)
    if not going:
        raise UsageError("the run has loaded nothing that could be undone", "See the datasets of the run.")
    return run_processes.start_undo(run_uuid, cascade, access.require_user().name)


def reload_dataset(dataset_id: int) -> str:
    """Start the load of the file of an undone dataset and return the number of the new run.

    Raise UsageError if it is not undone, its import is paused, or its file is gone.
    """
    with connections.read_as_etl() as cursor:
        row = datasets.find_dataset(cursor, dataset_id) or abort(404, f"Dataset {dataset_id} does not exist.")
        if row["status"] != "undone":
            raise UsageError(
                f"dataset {dataset_id} is {row['status']}, not undone", "Only undone ones are loaded again."
            )
        cursor.execute("select is_active from dba.timportconfig where config_name = %s", (row["config_name"],))
        if cursor.fetchone() == (False,):
            raise UsageError(
                f"the import {row['config_name']} is paused, because its source would bring the rows back",
                "Resume it on the page of its feed, then load the dataset again.",
            )
        ticket = file_ledger.load_ticket_of_dataset(cursor, dataset_id)
    path = ticket.keep_path or ticket.path
    return run_processes.start_reload(row["config_name"], path, access.require_user().name)


def set_import_active(config_name: str, is_active: bool) -> str:
    """Pause or resume an import as a version of its configuration and return a sentence about it."""
    user_name = access.require_user().name
    with connections.write_as_etl() as cursor:
        cursor.execute(
            "update dba.timportconfig set is_active = %s where config_name = %s returning version",
            (is_active, config_name),
        )
        row = cursor.fetchone() or abort(404, f"The import {config_name} does not exist.")
        config_versions.note_author(cursor, config_name, row[0], user_name)
    text = f"{config_name} is {'resumed' if is_active else 'paused: its files wait'}"
    logger.info("console: %s: %s", user_name, text)
    return text


def accept_dataset(dataset_id: int) -> Summary:
    """Make a held dataset current and return the summary."""
    _check_exists(dataset_id)
    directories, run_uuid = Directories(settings.current().etl_data_dir), log_utils.get_run_uuid()
    verdict = accept_held.Verdict(access.require_user().name)
    connection = connections.connect_as_etl()
    return _log_done(accept_held.accept_dataset(connection, directories, run_uuid, dataset_id, WAIT_SECONDS, verdict))


def replay_rejects(dataset_id: int) -> Summary:
    """Check the rejected rows of a dataset again and return the summary."""
    directories = Directories(settings.current().etl_data_dir)
    _check_exists(dataset_id)
    return _log_done(replay(connections.connect_as_etl(), dataset_id, WAIT_SECONDS, directories))


def export_rejects(dataset_id: int, suffix: str) -> IO[bytes]:
    """Return the rejected rows of a dataset as an open file to send back; `suffix`: csv or xlsx."""
    _check_exists(dataset_id)
    with tempfile.TemporaryDirectory(dir=temporary_files.choose_folder()) as folder:
        path = Path(folder) / f"rejects.{suffix}"
        export(connections.connect_as_etl(), dataset_id, path)
        # the open file stays readable after its folder is removed
        return path.open("rb")


def _check_exists(dataset_id: int) -> None:
    with connections.read_as_etl() as cursor:
        if datasets.find_dataset(cursor, dataset_id) is None:
            abort(404, f"Dataset {dataset_id} does not exist.")


def _log_done(summary: Summary) -> Summary:
    logger.info("console: %s: %s", access.require_user().name, summary.headline)
    return summary


def edit_configuration(name: str, text: str) -> tuple[int | None, str]:
    """Store an edited YAML; return the number of its version (None: nothing changed) and a sentence about it.

    Raise ConfigurationError with every fault.
    """
    user_name = access.require_user().name
    version = edit_import.store_edit(connections.connect_as_etl(), name, text.encode(), user_name)
    message = f"{name} is stored as version {version}" if version else f"{name} already has this content"
    logger.info("console: %s: %s", user_name, message)
    return version, message


def restore_configuration(name: str, version: int) -> str:
    """Make an old version of an import its newest version and return a sentence about the result."""
    user_name = access.require_user().name
    new = config_versions.restore_version(connections.connect_as_etl(), name, version, user_name)
    if new == version:
        text = f"{name} already has the content of version {version}"
    else:
        text = f"{name} has the content of version {version} again, as version {new}"
    logger.info("console: %s: %s", user_name, text)
    return text

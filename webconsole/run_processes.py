"""Start and stop runs as ordinary processes of the wrapper, with a run number chosen here.

Their progress is read from dba.trun and dba.tlogentry. Only what a run prints at its end (the summary, the plan of a
dry run) is stored in files, var/console/RUN.json and RUN.err.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import shlex
import signal
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from systemscripts import log_utils, masking, settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.pipelines.step_process import WRAPPER

logger = logging.getLogger(__name__)

Job = Literal["generic_import", "run_elt", "run_pipeline", "send_report"]
How = Literal["run", "dry_run", "schedule", "retry_refused", "failed"]
# every way to start a job from the console
OPTIONS: dict[tuple[Job, How], list[str]] = {
    ("generic_import", "run"): [],
    ("generic_import", "dry_run"): ["--dry-run"],
    ("generic_import", "retry_refused"): ["--retry-refused"],
    ("run_elt", "run"): ["--once"],
    ("run_elt", "dry_run"): ["--dry-run"],
    ("run_elt", "retry_refused"): ["--once", "--retry-refused"],
    ("run_elt", "schedule"): [],
    ("run_pipeline", "run"): [],
    ("run_pipeline", "dry_run"): ["--dry-run"],
    ("run_pipeline", "failed"): ["--failed"],
    ("send_report", "run"): [],
}
# they change how a run prints and waits, not what it does
_OUTPUT_OPTIONS = {"--json", "--wait"}
# as long as someone may look at the output of an old run
KEEP_DAYS = 30
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,99}")
# runs whose exit code this console will record
_watched_runs: set[str] = set()
# they belong to the run of the console, not to the jobs that it starts
_OWN_VARIABLES = (
    "ETL_RUN_UUID",
    "ETL_PARENT_UUID",
    "ETL_ROOT_UUID",
    "ETL_STEP_NUMBER",
    "ETL_STARTED_BY",
)


@dataclass(frozen=True)
class ProcessOutput:
    """What a run of the console has printed; `exit_code` is None while it runs."""

    exit_code: int | None
    summary: dict[str, Any] | None
    error: str


def start_job(job: Job, name: str, how: How, user_name: str) -> str:
    """Start a job for one import, YAML job, pipeline or report and return its run number.

    `how`: schedule is only for YAML jobs; the run waits for the start_time of the YAML, watches its sources and stops
    at its end_time. Raise UsageError if the name is not valid or the job cannot be started in this way.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not the name of an import, a pipeline or a report", "Choose one from the list.")
    if (job, how) not in OPTIONS:
        ways = ", ".join(way for other, way in OPTIONS if other == job)
        raise UsageError(
            f"{job} {name} cannot be started with {how}; possible are: {ways}",
            f"Only YAML jobs are scheduled here. Cron runs pipelines: {format_command('schedule', 'show')}",
        )
    return _start([job, name, *OPTIONS[job, how]], user_name)


def start_undo(run_uuid: str, cascade: bool, user_name: str) -> str:
    """Start the undo of everything that a run loaded and return the number of the new run."""
    arguments = ["datasets", "undo", "--run", run_uuid, *(["--cascade"] if cascade else [])]
    return _start(arguments, user_name)


def start_reload(config_name: str, path: str, user_name: str) -> str:
    """Start the load of an archived file whose dataset was undone and return the number of the new run."""
    return _start(["generic_import", config_name, "--reload", "--file", path], user_name)


def _start(arguments: list[str], user_name: str) -> str:
    run_uuid = launch_process(arguments)
    logger.info("console: %s started %s (run %s)", user_name, " ".join(arguments), run_uuid)
    return run_uuid


def start_command(arguments: list[str], user_name: str) -> str:
    """Start a script with its arguments, which the caller has checked, and return the number of its run."""
    run_uuid = launch_process(arguments)
    logger.info("console: %s started %s (run %s)", user_name, " ".join(arguments), run_uuid)
    return run_uuid


def load_file(config_name: str, path: Path, user_name: str) -> str:
    """Start the load of one file for an import and return the number of its run."""
    run_uuid = launch_process(["generic_import", config_name, "--file", str(path)])
    logger.info("console: %s loads %s into %s (run %s)", user_name, path.name, config_name, run_uuid)
    return run_uuid


def read_command(run: dict[str, Any]) -> tuple[Job, str, How] | None:
    """Return job, name and how of a row of dba.trun, if `start_job` can start the same again, else None."""
    try:
        words = [word for word in shlex.split(run["arguments"]) if word not in _OUTPUT_OPTIONS]
    except ValueError:
        # masked or cut, so not what was typed
        return None
    names = [word for word in words if not word.startswith("-")]
    if len(names) != 1 or not _NAME.fullmatch(names[0]):
        return None
    given_options = sorted(word for word in words if word.startswith("-"))
    ways = (way for way, options in OPTIONS.items() if way[0] == run["job"] and sorted(options) == given_options)
    way = next(ways, None)
    return (way[0], names[0], way[1]) if way else None


def launch_due(arguments: list[str], run_uuid: str) -> int:
    """Start what is due as a run of this number and return the number of its process."""
    launch_process([*arguments], run_uuid)
    return int(_output_path(run_uuid, "process").read_text().partition(" ")[0])


def launch_process(arguments: list[str], run_uuid: str = "") -> str:
    """Start the wrapper with a script and its arguments and return the number that its run will have."""
    run_uuid = run_uuid or str(uuid.uuid4())
    environment = {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES}
    environment |= {"ETL_RUN_UUID": run_uuid, "ETL_NO_CRON_LOG": "1"}
    with _output_path(run_uuid, "json").open("wb") as output, _output_path(run_uuid, "err").open("wb") as errors:
        # in a new session, so that Ctrl-C stops only the console and not the jobs
        process = subprocess.Popen(
            [str(WRAPPER), *arguments, "--json"], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            env=environment, start_new_session=True,
        )  # fmt: skip
    _output_path(run_uuid, "process").write_text(f"{process.pid} {log_utils.read_process_start(process.pid)}")
    _watched_runs.add(run_uuid)
    threading.Thread(target=_wait_for_exit, args=(process, run_uuid), name=f"wait-{run_uuid[:8]}", daemon=True).start()
    return run_uuid


def _wait_for_exit(process: subprocess.Popen[bytes], run_uuid: str) -> None:
    _output_path(run_uuid, "exit").write_text(str(process.wait()))
    _watched_runs.discard(run_uuid)


def read_output(run_uuid: str) -> ProcessOutput | None:
    """Return what a run has printed, or None if the console did not start it."""
    errors = _output_path(run_uuid, "err")
    if not errors.exists():
        return None
    exit_file = _output_path(run_uuid, "exit")
    code = int(exit_file.read_text() or -1) if exit_file.exists() else None
    if code is None and run_uuid not in _watched_runs and not _is_alive(run_uuid):
        # it ended while no console was running to record its exit code
        code = -1
    lines = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
    return ProcessOutput(code, _read_summary(_output_path(run_uuid, "json")), masking.mask(lines[-1]) if lines else "")


def _is_alive(run_uuid: str) -> bool:
    """Return whether the process of a run of the console still exists."""
    try:
        pid, _, begun = _output_path(run_uuid, "process").read_text().partition(" ")
    except OSError:
        return False
    return str(log_utils.read_process_start(int(pid))) == begun


def _read_summary(path: Path) -> dict[str, Any] | None:
    try:
        summary = json.loads(path.read_text(errors="replace").strip().splitlines()[-1])
    except (OSError, IndexError, json.JSONDecodeError):
        return None
    return summary if isinstance(summary, dict) else None


def stop_run(run: dict[str, Any], user_name: str) -> None:
    """Ask a running job to stop (SIGTERM); it ends in an orderly way as interrupted.

    `run`: its row of dba.trun. Raise UsageError if it is not running or runs on another host.
    """
    if run["status"] != "running":
        raise UsageError(f"the run is not running, it is {run['status']}")
    if run["host"] != platform.node():
        raise UsageError(f"the run is on {run['host']}, not on this host", f"Type there: kill {run['pid']}")
    if run["pid"] == os.getpid():
        raise UsageError("this run is the console itself", "Stop it where it was started.")
    # the pid may belong to another process by now
    if log_utils.read_process_start(run["pid"]) != run["process_start"]:
        raise UsageError(
            "the process of this run no longer exists", "The next run of any job closes it as interrupted."
        )
    os.kill(run["pid"], signal.SIGTERM)
    logger.info("console: %s asked %s (run %s) to stop", user_name, run["job"], run["run_uuid"])


def remove_old_output() -> None:
    """Remove the output of runs that is older than KEEP_DAYS."""
    until = time.time() - KEEP_DAYS * 86_400
    for path in _output_folder().iterdir():
        if path.stat().st_mtime < until:
            path.unlink(missing_ok=True)


def _output_folder() -> Path:
    folder = Directories(settings.current().etl_data_dir).var / "console"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


def _output_path(run_uuid: str, suffix: str) -> Path:
    return _output_folder() / f"{uuid.UUID(run_uuid)}.{suffix}"

"""Runs that the console starts and stops: ordinary processes of the wrapper, with a run number chosen here.

Watching them is reading dba.trun and dba.tlogentry. Only what a run prints at its end (the summary, the plan of a dry
run) is kept beside, in var/console/RUN.json and RUN.err.
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
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.pipelines.step_process import WRAPPER

logger = logging.getLogger(__name__)

Job = Literal["generic_import", "run_elt", "run_pipeline", "send_report"]
How = Literal["run", "dry_run", "schedule", "retry_refused"]
# every way in which a job is started here
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
    ("send_report", "run"): [],
}
_NOT_IN_THE_WAY = {"--json", "--wait"}  # how a run prints and waits, not what it does
KEPT_DAYS = 30
_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,99}")
_waited_for: set[str] = set()  # runs whose end this console will note
_OWN = ("ETL_RUN_UUID", "ETL_PARENT_UUID", "ETL_ROOT_UUID", "ETL_STEP_NUMBER")  # of the console's run, not of its jobs'


@dataclass(frozen=True)
class Printed:
    """What a run that was started here has printed; `exit_code` is None while it runs."""

    exit_code: int | None
    summary: dict[str, Any] | None
    error: str


def start(job: Job, name: str, how: How, user_name: str) -> str:
    """Start a job for one import, YAML job, pipeline or report; returns its run number.

    `how`: schedule is for YAML jobs: the run waits for the start_time of the YAML, watches its sources and ends at its
    end_time. Raises UsageError for a name that could be an option, and for a way that the job does not have.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of an import, a pipeline or a report", "Choose one of the list.")
    if (job, how) not in OPTIONS:
        ways = ", ".join(way for other, way in OPTIONS if other == job)
        raise UsageError(
            f"{job} {name} cannot be started as {how}: its ways are {ways}",
            "Only YAML jobs are scheduled here; pipelines run by cron, see schedule.py.",
        )
    arguments = [job, name, *OPTIONS[job, how]]
    run_uuid = launch(arguments)
    logger.info("console: %s started %s (run %s)", user_name, " ".join(arguments), run_uuid)
    return run_uuid


def read_command(run: dict[str, Any]) -> tuple[Job, str, How] | None:
    """Return job, name and way of a run of dba.trun, where `start` can start the same again; else None."""
    try:
        words = [word for word in shlex.split(run["arguments"]) if word not in _NOT_IN_THE_WAY]
    except ValueError:  # masked or cut, so not what was typed
        return None
    names = [word for word in words if not word.startswith("-")]
    if len(names) != 1 or not _NAME.fullmatch(names[0]):
        return None
    given = sorted(word for word in words if word.startswith("-"))
    ways = (way for way, options in OPTIONS.items() if way[0] == run["job"] and sorted(options) == given)
    way = next(ways, None)
    return (way[0], names[0], way[1]) if way else None


def launch(arguments: list[str]) -> str:
    """Start the wrapper with a script and its arguments; returns the number of the run that it will be."""
    run_uuid = str(uuid.uuid4())
    environment = {name: value for name, value in os.environ.items() if name not in _OWN}
    environment |= {"ETL_RUN_UUID": run_uuid, "ETL_NO_CRON_LOG": "1"}
    with _file(run_uuid, "json").open("wb") as output, _file(run_uuid, "err").open("wb") as errors:
        # a session of its own: Ctrl-C for the console is not meant for the jobs
        process = subprocess.Popen(
            [str(WRAPPER), *arguments, "--json"], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            env=environment, start_new_session=True,
        )  # fmt: skip
    _file(run_uuid, "process").write_text(f"{process.pid} {log_utils.read_process_start(process.pid)}")
    _waited_for.add(run_uuid)
    threading.Thread(target=_wait, args=(process, run_uuid), name=f"wait-{run_uuid[:8]}", daemon=True).start()
    return run_uuid


def _wait(process: subprocess.Popen[bytes], run_uuid: str) -> None:
    _file(run_uuid, "exit").write_text(str(process.wait()))
    _waited_for.discard(run_uuid)


def printed(run_uuid: str) -> Printed | None:
    """What a run has printed, where the console started it."""
    errors = _file(run_uuid, "err")
    if not errors.exists():
        return None
    exit_file = _file(run_uuid, "exit")
    code = int(exit_file.read_text() or -1) if exit_file.exists() else None
    if code is None and run_uuid not in _waited_for and not _is_alive(run_uuid):
        # it ended while no console was there to note how
        code = -1
    lines = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
    return Printed(code, _summary(_file(run_uuid, "json")), masking.mask(lines[-1]) if lines else "")


def _is_alive(run_uuid: str) -> bool:
    """Return whether the process of a run that was started here is still there."""
    try:
        pid, _, begun = _file(run_uuid, "process").read_text().partition(" ")
    except OSError:
        return False
    return str(log_utils.read_process_start(int(pid))) == begun


def _summary(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(errors="replace").strip().splitlines()[-1])
    except (OSError, IndexError, json.JSONDecodeError):
        return None
    return found if isinstance(found, dict) else None


def stop(run: dict[str, Any], user_name: str) -> None:
    """Ask a running job to end (SIGTERM): it finishes what it must and says that it was interrupted.

    `run`: its row of dba.trun. Raises UsageError where it is not running, or runs elsewhere.
    """
    if run["status"] != "running":
        raise UsageError(f"the run is not running, it is {run['status']}")
    if run["host"] != platform.node():
        raise UsageError(f"it runs on {run['host']}, not here", f"Type there: kill {run['pid']}")
    if run["pid"] == os.getpid():
        raise UsageError("this run is the console itself", "Stop it where it was started.")
    # a pid may belong to another process by now, which nobody asked to end
    if log_utils.read_process_start(run["pid"]) != run["process_start"]:
        raise UsageError("its process is gone", "The next run of any job closes it as interrupted.")
    os.kill(run["pid"], signal.SIGTERM)
    logger.info("console: %s asked %s (run %s) to end", user_name, run["job"], run["run_uuid"])


def forget_old() -> None:
    """Remove what runs printed long ago."""
    until = time.time() - KEPT_DAYS * 86_400
    for path in _folder().iterdir():
        if path.stat().st_mtime < until:
            path.unlink(missing_ok=True)


def _folder() -> Path:
    folder = Directories(settings.current().etl_data_dir).var / "console"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


def _file(run_uuid: str, kind: str) -> Path:
    return _folder() / f"{uuid.UUID(run_uuid)}.{kind}"

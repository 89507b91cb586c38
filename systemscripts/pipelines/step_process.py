"""Run one step of a pipeline: the wrapper as a process, with its retries and its time limit."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from systemscripts import settings
from systemscripts.configuration.pipeline_config import Step

logger = logging.getLogger(__name__)

WRAPPER = settings.PROJECT / "run_python_etl_script.sh"
# How long a step that was asked to stop may take.
STOP_SECONDS = 60
# How long a step past its time limit may take to stop by itself before it is asked to.
TIMEOUT_GRACE_SECONDS = 90
# Done, or what a retry does not fix.
NOT_RETRIED_EXIT_CODES = (0, 2, 65, 78)


@dataclass
class Result:
    """How a step ended."""

    step: Step
    exit_code: int
    seconds: float
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    run_uuid: str = ""
    tries: int = 1


def run_step(step: Step, number: int, deadline: float) -> Result:
    """Run a step, and retry it after its pause while retries and time are left.

    `deadline`: by the monotonic clock.
    """
    begun = time.monotonic()
    result = _run_once(step, number, deadline)
    for attempt in range(2, step.retries + 2):
        pause = step.retry_minutes * 60
        if result.exit_code in NOT_RETRIED_EXIT_CODES or time.monotonic() + pause >= deadline:
            break
        logger.warning(
            "%s failed (%d): %s; attempt %d of %d follows in %g min",
            step.name, result.exit_code, result.error, attempt, step.retries + 1, step.retry_minutes,
            extra={"on_console": False, "code": "try_failed"},
        )  # fmt: skip
        time.sleep(pause)
        result = _run_once(step, number, deadline)
        result.tries, result.seconds = attempt, time.monotonic() - begun
    return result


def _run_once(step: Step, number: int, deadline: float) -> Result:
    begun = time.monotonic()
    seconds = max(1.0, min(step.time_limit_hours * 3600, deadline - begun))
    environment = _build_environment(number, seconds)
    process = subprocess.Popen(
        [str(WRAPPER), step.job, *step.arguments, "--wait", "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, preexec_fn=_stop_with_parent,  # noqa: PLW1509 - one prctl, before any thread
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=seconds + TIMEOUT_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        output, errors = _stop(process)
        errors += f"\nstopped by the time limit of its step, {seconds / 3600:g} h"
    except BaseException:
        _stop(process)
        raise
    return Result(
        step, _get_exit_code(process), time.monotonic() - begun, _parse_summary(output), _find_last_line(errors),
        environment["ETL_RUN_UUID"],
    )  # fmt: skip


def launch_alone(arguments: list[str], run_uuid: str) -> int:
    """Start the wrapper as a run that goes on when this process ends; return the number of its process."""
    own = ("ETL_CRON", "ETL_STARTED_BY", "ETL_PARENT_UUID", "ETL_ROOT_UUID", "ETL_STEP_NUMBER")
    environment = {name: value for name, value in os.environ.items() if name not in own} | {"ETL_RUN_UUID": run_uuid}
    process = subprocess.Popen(
        [str(WRAPPER), *arguments, "--quiet"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=environment, start_new_session=True,
    )  # fmt: skip
    return process.pid


def _build_environment(number: int, seconds: float) -> dict[str, str]:
    environment = {
        **os.environ,
        "ETL_RUN_UUID": str(uuid.uuid4()),
        "ETL_STEP_NUMBER": str(number),
        "ETL_NO_CRON_LOG": "1",
        "ETL_TIME_LIMIT_HOURS": str(seconds / 3600),
    }
    if "ETL_NOW" in os.environ:
        environment["ETL_NOW"] = settings.now().isoformat()
    return environment


def _stop_with_parent() -> None:
    """Stop a step when its pipeline is killed (prctl(2), PR_SET_PDEATHSIG): it must not run during the next run."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


def _stop(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.terminate()
    try:
        return process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


def _get_exit_code(process: subprocess.Popen[str]) -> int:
    """Return the exit code as a shell gives it: 128 + n if signal n ended the process."""
    code = int(process.returncode)
    return 128 - code if code < 0 else code


def _parse_summary(output: str) -> dict[str, Any]:
    try:
        summary: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return summary
    except (IndexError, json.JSONDecodeError):
        return {}


def _find_last_line(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith("warning:")]
    return lines[-1] if lines else ""

"""One step of a pipeline: the wrapper as a process, with its tries and its time limit."""

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
STOP_SECONDS = 60  # how long a step that is asked to end may take
LAST_WORDS_SECONDS = 90  # how long one whose time is over may take to end by itself, before it is asked
NO_SECOND_TRY = (0, 2, 65, 78)  # done, or what a second try does not mend


@dataclass
class Result:
    """How a step ended."""

    step: Step
    exit_code: int
    seconds: float
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    tries: int = 1


def run_step(step: Step, number: int, deadline: float) -> Result:
    """Run a step, again after its pause while tries and time are left; `deadline` on the monotonic clock."""
    begun = time.monotonic()
    result = _run_once(step, number, deadline)
    for attempt in range(2, step.retries + 2):
        pause = step.retry_minutes * 60
        if result.exit_code in NO_SECOND_TRY or time.monotonic() + pause >= deadline:
            break
        logger.warning(
            "%s failed (%d): %s; try %d of %d follows in %g min",
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
    process = subprocess.Popen(
        [str(WRAPPER), step.job, *step.arguments, "--wait", "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=_environment(number, seconds), preexec_fn=_end_with_parent,  # noqa: PLW1509 - one prctl, before any thread
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=seconds + LAST_WORDS_SECONDS)
    except subprocess.TimeoutExpired:
        output, errors = _end(process)
        errors += f"\nstopped by the time limit of its step, {seconds / 3600:g} h"
    except BaseException:
        _end(process)
        raise
    return Result(step, _code(process), time.monotonic() - begun, _parsed(output), _last_line(errors))


def _environment(number: int, seconds: float) -> dict[str, str]:
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


def _end_with_parent() -> None:
    """A step whose pipeline is killed must not go on beside the pipeline's next run (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)


def _end(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.terminate()
    try:
        return process.communicate(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


def _code(process: subprocess.Popen[str]) -> int:
    """The exit code as a shell gives it: 128 + n for one that signal n ended."""
    code = int(process.returncode)
    return 128 - code if code < 0 else code


def _parsed(output: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return found
    except (IndexError, json.JSONDecodeError):
        return {}


def _last_line(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith("warning:")]
    return lines[-1] if lines else ""

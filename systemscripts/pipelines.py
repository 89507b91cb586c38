"""Chains of jobs: config/pipelines/NAME.yaml, each step a process of its own."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from systemscripts import log_utils, settings
from systemscripts.configuration.pipeline_config import FOLDER, Pipeline, Step, load, names
from systemscripts.errors import UsageError
from systemscripts.summary import Counts, Summary

__all__ = ["FOLDER", "Pipeline", "Step", "describe", "load", "names", "run", "step_number"]

WRAPPER = settings.PROJECT / "run_python_etl_script.sh"
STOP_SECONDS = 60  # how long a step that is asked to end may take


@dataclass
class StepResult:
    """How a step ended."""

    step: Step
    exit_code: int
    seconds: float
    summary: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def run(pipeline: Pipeline, first: int = 1) -> Summary:
    """Run the steps from number `first` on; a failing one stops the others unless it says otherwise."""
    summary = Summary()
    stopped_by = ""
    for number, step in enumerate(pipeline.steps, start=1):
        if number < first or stopped_by:
            summary.rows.append(_row(number, step, "skipped", None))
            continue
        with log_utils.step(step.name):
            result = _run_step(step, number)
        _add(summary, number, result)
        if result.exit_code and step.on_failure == "stop":
            stopped_by = step.name
    done = sum(row["state"] == "done" for row in summary.rows)
    summary.headline = f"pipeline {pipeline.name}: {done} of {len(pipeline.steps)} steps done"
    if stopped_by:
        summary.problems.append(f"stopped after {stopped_by}")
    return summary


def _run_step(step: Step, number: int) -> StepResult:
    result = _run_once(step, number)
    for _ in range(step.retries):
        if result.exit_code in (0, 2, 65, 78):  # done, or what no second try mends
            break
        result = _run_once(step, number)
    return result


def _run_once(step: Step, number: int) -> StepResult:
    begun = time.monotonic()
    environment = {
        **os.environ,
        "ETL_RUN_UUID": str(uuid.uuid4()),
        "ETL_STEP_NUMBER": str(number),
        "ETL_NO_CRON_LOG": "1",
    }
    if "ETL_NOW" in os.environ:
        environment["ETL_NOW"] = settings.now().isoformat()
    process = subprocess.Popen(
        [str(WRAPPER), step.job, *step.arguments, "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - one prctl, before any thread of the child
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=step.time_limit_hours * 3600)
    except subprocess.TimeoutExpired:
        output, errors = _end(process)
        errors += f"\nstopped by the time limit of its step, {step.time_limit_hours:g} h"
    except BaseException:
        _end(process)
        raise
    return StepResult(step, process.returncode, time.monotonic() - begun, _parsed(output), _last_line(errors))


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


def _parsed(output: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return found
    except (IndexError, json.JSONDecodeError):
        return {}


def _last_line(errors: str) -> str:
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith("warning:")]
    return lines[-1] if lines else ""


def _row(number: int, step: Step, state: str, result: StepResult | None) -> dict[str, Any]:
    counts = result.summary.get("counts", {}) if result else {}
    return {
        "step": number,
        "job": step.name,
        "state": state,
        "seconds": round(result.seconds, 1) if result else None,
        "files": result.summary.get("files") if result else None,
        "loaded": counts.get("loaded"),
        "rejected": counts.get("rejected"),
        "says": (result.summary.get("headline") or result.error) if result else "",
    }


def _add(summary: Summary, number: int, result: StepResult) -> None:
    state = "done" if result.exit_code == 0 else f"failed ({result.exit_code})"
    summary.rows.append(_row(number, result.step, state, result))
    summary.files += result.summary.get("files") or 0
    summary.counts.add(Counts(**result.summary["counts"]) if "counts" in result.summary else Counts())
    summary.warnings += [f"{result.step.job}: {text}" for text in result.summary.get("warnings", [])]
    if result.exit_code:
        found = result.summary.get("problems") or [result.error or f"exit code {result.exit_code}"]
        for text in found:
            summary.problem(f"{result.step.name}: {text.removeprefix(result.step.job + ': ')}", result.exit_code)


def describe(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The steps as a table, for --dry-run."""
    return [
        {"step": number, "job": step.name, "on failure": step.on_failure, "retries": step.retries}
        for number, step in enumerate(pipeline.steps, start=1)
    ]


def step_number(pipeline: Pipeline, name: str) -> int:
    """The number of a step given by number or job name; raises UsageError."""
    for number, step in enumerate(pipeline.steps, start=1):
        if name in (str(number), step.job, step.name):
            return number
    raise UsageError(f"pipeline {pipeline.name} has no step {name!r}", "See: --dry-run")

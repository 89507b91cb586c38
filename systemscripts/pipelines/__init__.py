"""Chains of jobs: config/pipelines/NAME.yaml, each step a process of its own."""

from __future__ import annotations

import time
from typing import Any

from systemscripts import log_utils, progress
from systemscripts.configuration.pipeline_config import FOLDER, Pipeline, Step, list_names, load_pipeline
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.pipelines import step_process, step_states
from systemscripts.pipelines.step_states import DONE, FAILED, LEFT_OUT, SKIPPED, WAITING
from systemscripts.summary import Counts, Notice, Summary

__all__ = [
    "FOLDER",
    "Pipeline",
    "Step",
    "chosen_from",
    "describe",
    "failed_last_time",
    "list_names",
    "load_pipeline",
    "run",
]  # fmt: skip


def run(pipeline: Pipeline, chosen: set[str], directories: Directories) -> Summary:
    """Run the chosen steps (their names) in order; what depends on one that fails is skipped, the others go on."""
    summary = Summary()
    deadline = time.monotonic() + pipeline.time_limit_hours * 3600
    states = step_states.begin(directories, pipeline, chosen)
    for number, step in enumerate(pipeline.steps, start=1):
        if step.name not in chosen:
            summary.rows.append(_row(number, step, LEFT_OUT))
            continue
        hindrance = _hindrance(pipeline, number, states, chosen) or _out_of_time(pipeline, deadline)
        if hindrance:
            states[step.name] = SKIPPED
            summary.rows.append(_row(number, step, SKIPPED, says=hindrance))
        else:
            progress.now_at(f"step {number} of {len(pipeline.steps)}: {step.name}")
            with log_utils.step(step.name):
                result = step_process.run_step(step, number, deadline)
            states[step.name] = FAILED if result.exit_code else DONE
            _add(summary, number, result)
        step_states.keep(directories, pipeline, states)
    progress.now_at("")
    _conclude(summary, pipeline, [states[name] for name in chosen])
    return summary


def _hindrance(pipeline: Pipeline, number: int, states: dict[str, str], chosen: set[str]) -> str:
    """Why a step cannot run: a step it depends on failed or, less telling, did not run; "" when it can."""
    step = pipeline.steps[number - 1]
    missed: dict[str, str] = {}
    for other in pipeline.steps[: number - 1]:
        if step.depends is None:
            needed = other.on_failure == "stop"
        else:
            needed = any(other.is_named(name) for name in step.depends)
        if needed and other.name in chosen and states[other.name] != DONE:
            missed[states[other.name]] = other.name
    if FAILED in missed:
        return f"{missed[FAILED]} failed"
    return f"{missed[SKIPPED]} did not run" if missed else ""


def _out_of_time(pipeline: Pipeline, deadline: float) -> str:
    if time.monotonic() < deadline:
        return ""
    return f"the time limit of the pipeline, {pipeline.time_limit_hours:g} h, is over"


def _row(
    number: int, step: Step, state: str, result: step_process.Result | None = None, says: str = ""
) -> dict[str, Any]:
    found = result.summary if result else {}
    counts = found.get("counts", {})
    return {
        "step": number,
        "job": step.name,
        "state": f"{state} ({result.exit_code})" if result and result.exit_code else state,
        "tries": result.tries if result else None,
        "seconds": round(result.seconds, 1) if result else None,
        "files": found.get("files"),
        "loaded": counts.get("loaded"),
        "rejected": counts.get("rejected"),
        "says": says or found.get("headline") or (result.error if result else ""),
    }


def _add(summary: Summary, number: int, result: step_process.Result) -> None:
    step = result.step
    summary.rows.append(_row(number, step, FAILED if result.exit_code else DONE, result))
    summary.files += result.summary.get("files") or 0
    summary.counts.add(Counts(**result.summary["counts"]) if "counts" in result.summary else Counts())
    summary.show_warnings(_warnings_of(result))
    if result.exit_code:
        found = result.summary.get("problems") or [result.error or f"exit code {result.exit_code}"]
        for text in found:
            summary.problem(f"{step.name}: {text.removeprefix(step.job + ': ')}", _told(result.exit_code))


def _warnings_of(result: step_process.Result) -> list[Notice]:
    """The warnings of a step, which are rows of its own run; shown here, they carry its name."""
    rows = result.summary.get("warning_rows", [])
    return [Notice(**row | {"text": f"{result.step.job}: {row['text']}"}) for row in rows]


def _told(exit_code: int) -> int:
    """The exit code that a pipeline ends with for one of a step; a step killed by a signal is a failure."""
    return exit_code if exit_code in (1, 2, 65, 75, 78) else 1


def _conclude(summary: Summary, pipeline: Pipeline, states: list[str]) -> None:
    done = states.count(DONE)
    summary.headline = f"pipeline {pipeline.name}: {done} of {len(states)} steps done"
    skipped = [f"{row['job']} ({row['says']})" for row in summary.rows if row["state"] == SKIPPED]
    if skipped:
        summary.problem(f"not run: {', '.join(skipped)}")
    if summary.problems:
        summary.next_steps = [f"fix the cause, then: run_pipeline.py {pipeline.name} --failed"]


def describe(pipeline: Pipeline, chosen: set[str]) -> list[dict[str, Any]]:
    """The steps as a table, for --dry-run."""
    return [
        {
            "step": number,
            "job": step.name,
            "would run": "yes" if step.name in chosen else "no",
            "on failure": step.on_failure,
            "retries": step.retries,
            "depends on": ", ".join(step.depends) if step.depends is not None else "those before that say stop",
            "limit h": step.time_limit_hours,
        }
        for number, step in enumerate(pipeline.steps, start=1)
    ]


def chosen_from(pipeline: Pipeline, name: str) -> set[str]:
    """The names of a step, given by number or job name, and of those after it; all for "". Raises UsageError."""
    if not name:
        return {step.name for step in pipeline.steps}
    for number, step in enumerate(pipeline.steps, start=1):
        if name == str(number) or step.is_named(name):
            return {step.name for step in pipeline.steps[number - 1 :]}
    raise UsageError(
        f"pipeline {pipeline.name} has no step {name!r}", f"See: run_pipeline.py {pipeline.name} --dry-run"
    )


def failed_last_time(pipeline: Pipeline, directories: Directories) -> set[str]:
    """The names of the steps that failed, were skipped, or were never reached when the pipeline ran last.

    Raises UsageError when it never ran.
    """
    states = step_states.remembered(directories, pipeline.name)
    if not states:
        raise UsageError(f"pipeline {pipeline.name} has not run yet", f"Run: run_pipeline.py {pipeline.name}")
    return {step.name for step in pipeline.steps if states.get(step.name, WAITING) != DONE}

"""Run the chosen steps of a pipeline in order, and choose them."""

from __future__ import annotations

import time
from typing import Any

from systemscripts import log_utils, progress
from systemscripts.commands import format_command
from systemscripts.configuration.pipeline_config import Pipeline, Step
from systemscripts.directory_management import Directories
from systemscripts.errors import UsageError
from systemscripts.pipelines import step_process, step_states
from systemscripts.pipelines.step_states import DONE, FAILED, LEFT_OUT, SKIPPED, WAITING
from systemscripts.summary import Counts, Notice, Summary


def run_steps(pipeline: Pipeline, chosen: set[str], directories: Directories) -> Summary:
    """Run the steps with the chosen names in order; steps that depend on a failed one are skipped, the others run."""
    summary = Summary()
    deadline = time.monotonic() + pipeline.time_limit_hours * 3600
    states = step_states.begin_states(directories, pipeline, chosen)
    for number, step in enumerate(pipeline.steps, start=1):
        if step.name not in chosen:
            summary.rows.append(_build_row(number, step, LEFT_OUT))
            continue
        obstacle = _find_obstacle(pipeline, number, states, chosen) or _explain_timeout(pipeline, deadline)
        if obstacle:
            states[step.name] = SKIPPED
            summary.rows.append(_build_row(number, step, SKIPPED, message=obstacle))
        else:
            progress.set_status(f"step {number} of {len(pipeline.steps)}: {step.name}")
            with log_utils.step(step.name):
                result = step_process.run_step(step, number, deadline)
            states[step.name] = FAILED if result.exit_code else DONE
            _add_result(summary, number, result, directories)
        step_states.write_states(directories, pipeline, states)
    progress.set_status("")
    _conclude(summary, pipeline, [states[name] for name in chosen])
    return summary


def _find_obstacle(pipeline: Pipeline, number: int, states: dict[str, str], chosen: set[str]) -> str:
    """Return why a step cannot run: a step it depends on failed or, less important, did not run; "" if it can."""
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


def _explain_timeout(pipeline: Pipeline, deadline: float) -> str:
    if time.monotonic() < deadline:
        return ""
    return f"the time limit of the pipeline, {pipeline.time_limit_hours:g} h, has been reached"


def _build_row(
    number: int, step: Step, state: str, result: step_process.Result | None = None, message: str = ""
) -> dict[str, Any]:
    summary = result.summary if result else {}
    counts = summary.get("counts", {})
    return {
        "step": number,
        "job": step.name,
        "state": f"{state} ({result.exit_code})" if result and result.exit_code else state,
        "tries": result.tries if result else None,
        "seconds": round(result.seconds, 1) if result else None,
        "files": summary.get("files"),
        "loaded": counts.get("loaded"),
        "rejected": counts.get("rejected"),
        "held": counts.get("held"),
        "message": message or summary.get("headline") or (result.error if result else ""),
    }


def _add_result(summary: Summary, number: int, result: step_process.Result, directories: Directories) -> None:
    step = result.step
    summary.rows.append(_build_row(number, step, FAILED if result.exit_code else DONE, result))
    summary.files += result.summary.get("files") or 0
    summary.counts.add(Counts(**result.summary["counts"]) if "counts" in result.summary else Counts())
    summary.show_warnings(_list_warnings(result))
    summary.held_datasets += result.summary.get("held_datasets") or []
    if result.exit_code:
        summary.step_logs += map(str, directories.logs.glob(f"*_{result.run_uuid[:8]}.jsonl"))
        problems = result.summary.get("problems") or [result.error or f"exit code {result.exit_code}"]
        for text in problems:
            summary.problem(
                f"{step.name}: {text.removeprefix(step.job + ': ')}", _map_exit_code(result.exit_code),
                result.summary.get("cause"),
            )  # fmt: skip


def _list_warnings(result: step_process.Result) -> list[Notice]:
    """Return the warnings of a step, which its own run has recorded, each with the name of its job."""
    rows = result.summary.get("warning_rows", [])
    return [Notice(**row | {"text": f"{result.step.job}: {row['text']}"}) for row in rows]


def _map_exit_code(exit_code: int) -> int:
    """Return the exit code of a pipeline for that of a step; a step killed by a signal is a failure."""
    return exit_code if exit_code in (1, 2, 65, 75, 78) else 1


def _conclude(summary: Summary, pipeline: Pipeline, states: list[str]) -> None:
    done = states.count(DONE)
    summary.headline = f"pipeline {pipeline.name}: {done} of {len(states)} steps done"
    skipped = [f"{row['job']} ({row['message']})" for row in summary.rows if row["state"] == SKIPPED]
    if skipped:
        # because of the first that failed
        summary.problem(f"not run: {', '.join(skipped)}", error=next(iter(summary.errors), None))
    if summary.problems:
        summary.next_steps = [f"fix the cause, then: {format_command('run_pipeline', pipeline.name, '--failed')}"]


def describe_steps(pipeline: Pipeline, chosen: set[str]) -> list[dict[str, Any]]:
    """Return the steps as rows, for --dry-run."""
    return [
        {
            "step": number,
            "job": step.name,
            "would run": "yes" if step.name in chosen else "no",
            "on failure": step.on_failure,
            "retries": step.retries,
            "depends on": ", ".join(step.depends) if step.depends is not None else "earlier steps that stop",
            "limit h": step.time_limit_hours,
        }
        for number, step in enumerate(pipeline.steps, start=1)
    ]


def choose_steps(pipeline: Pipeline, name: str) -> set[str]:
    """Return the names of a step, given by number or job name, and of all later ones; "" chooses all.

    Raises UsageError.
    """
    if not name:
        return {step.name for step in pipeline.steps}
    for number, step in enumerate(pipeline.steps, start=1):
        if name == str(number) or step.is_named(name):
            return {step.name for step in pipeline.steps[number - 1 :]}
    raise UsageError(
        f"pipeline {pipeline.name} has no step {name!r}",
        f"See: {format_command('run_pipeline', pipeline.name, '--dry-run')}",
    )


def find_failed_steps(pipeline: Pipeline, directories: Directories) -> set[str]:
    """Return the names of the steps that failed, were skipped, or were not reached in the last run.

    Raises UsageError if the pipeline never ran.
    """
    states = step_states.read_states(directories, pipeline.name)
    if not states:
        raise UsageError(
            f"pipeline {pipeline.name} has not run yet", f"Run: {format_command('run_pipeline', pipeline.name)}"
        )
    return {step.name for step in pipeline.steps if states.get(step.name, WAITING) != DONE}

"""The state of each step of a pipeline in var/pipelines/NAME.json, available without a database and after a kill."""

from __future__ import annotations

import json
from pathlib import Path

from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories, atomic_write

WAITING, DONE, FAILED, SKIPPED = "waiting", "done", "failed", "skipped"
# Not chosen this time.
LEFT_OUT = "left out"


def read_states(directories: Directories, name: str) -> dict[str, str]:
    """Return the state of each step by its name; empty if the pipeline never ran."""
    try:
        content = json.loads(_get_path(directories, name).read_text())
        return {str(step): str(state) for step, state in content["steps"].items()}
    except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def begin_states(directories: Directories, pipeline: Pipeline, chosen: set[str]) -> dict[str, str]:
    """Record that the chosen steps wait to run, the others keep their last state; return all states."""
    before = read_states(directories, pipeline.name)
    states = {step.name: WAITING if step.name in chosen else before.get(step.name, WAITING) for step in pipeline.steps}
    write_states(directories, pipeline, states)
    return states


def write_states(directories: Directories, pipeline: Pipeline, states: dict[str, str]) -> None:
    """Write the states to the file of the pipeline."""
    path = _get_path(directories, pipeline.name)
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(json.dumps({"steps": states}, indent=1).encode())


def _get_path(directories: Directories, name: str) -> Path:
    return directories.var / "pipelines" / f"{name}.json"

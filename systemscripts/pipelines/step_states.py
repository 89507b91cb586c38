"""How the steps of a pipeline ended last time: var/pipelines/NAME.json, there without a database and after a kill."""

from __future__ import annotations

import json
from pathlib import Path

from systemscripts.configuration.pipeline_config import Pipeline
from systemscripts.directory_management import Directories, atomic_write

WAITING, DONE, FAILED, SKIPPED = "waiting", "done", "failed", "skipped"
LEFT_OUT = "left out"  # not chosen this time


def remembered(directories: Directories, name: str) -> dict[str, str]:
    """The state of each step by its name; empty when the pipeline never ran."""
    try:
        found = json.loads(_path(directories, name).read_text())
        return {str(step): str(state) for step, state in found["steps"].items()}
    except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError):
        return {}


def begin(directories: Directories, pipeline: Pipeline, chosen: set[str]) -> dict[str, str]:
    """Note that the chosen steps are to run; what the others said last time stays. Returns all states."""
    before = remembered(directories, pipeline.name)
    states = {s.name: WAITING if s.name in chosen else before.get(s.name, WAITING) for s in pipeline.steps}
    keep(directories, pipeline, states)
    return states


def keep(directories: Directories, pipeline: Pipeline, states: dict[str, str]) -> None:
    """Remember the states."""
    path = _path(directories, pipeline.name)
    path.parent.mkdir(exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(json.dumps({"steps": states}, indent=1).encode())


def _path(directories: Directories, name: str) -> Path:
    return directories.var / "pipelines" / f"{name}.json"

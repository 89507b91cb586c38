"""Pipelines: chains of jobs, config/pipelines/NAME.yaml, each step in a process of its own."""

from __future__ import annotations

from systemscripts.configuration.pipeline_config import Pipeline, Step, list_names, load_pipeline
from systemscripts.pipelines.run_steps import choose_steps, describe_steps, find_failed_steps, run_steps

__all__ = [
    "Pipeline", "Step", "choose_steps", "describe_steps", "find_failed_steps", "list_names", "load_pipeline",
    "run_steps",
]  # fmt: skip

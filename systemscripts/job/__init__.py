"""What every job script needs: the decorator that makes a function a job, and what it may ask of its run."""

from __future__ import annotations

from systemscripts.job.current_run import (
    allow_signals,
    count_closed_runs,
    defer_signals,
    get_wait_seconds,
    keep_summary,
    print_line,
    wants_json,
)
from systemscripts.job.decorator import Job, job
from systemscripts.job.standard_output import print_text
from systemscripts.summary import Summary

__all__ = [
    "Job", "Summary", "allow_signals", "count_closed_runs", "defer_signals", "get_wait_seconds", "job", "keep_summary",
    "print_line", "print_text", "wants_json",
]  # fmt: skip

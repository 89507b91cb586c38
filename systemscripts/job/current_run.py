"""What a job can find out about its own run. Outside a run (tests, a shell) the answers are neutral."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from systemscripts.job.standard_output import print_text
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts.job.runner import Runner

# How long --wait waits: nothing waits for ever.
WAIT_HOURS = 12.0

_runner: Runner | None = None


def set_runner(runner: Runner) -> None:
    """Make a run the current one of this process."""
    global _runner
    _runner = runner


def get_wait_seconds() -> float:
    """Return how long this run may wait for others: 0 without --wait."""
    return WAIT_HOURS * 3600 if _runner is not None and _runner.call.wait else 0.0


def wants_json() -> bool:
    """Return whether the operator asked for JSON; for jobs that print their result themselves."""
    return _runner is not None and _runner.call.as_json


def print_line(text: str) -> None:
    """Print a line on how the work of a job goes; not with --json or --quiet."""
    if _runner is None or not (_runner.call.as_json or _runner.call.quiet):
        print_text(text)


def count_closed_runs() -> int:
    """Return how many killed runs this one found and closed when it started."""
    return 0 if _runner is None else _runner.closed_runs


def keep_summary(summary: Summary) -> None:
    """Hand over the summary that is reported even if the run is terminated before the job returns."""
    if _runner is not None:
        _runner.summary = summary


@contextmanager
def allow_signals() -> Iterator[None]:
    """Inside defer_signals(), let a signal end this part at any point, such as a wait for a server."""
    with _runner.limits.allow_signals() if _runner is not None else nullcontext():
        yield


@contextmanager
def defer_signals(grace_seconds: float = 30) -> Iterator[Callable[[], bool]]:
    """Let work stop in an orderly way on request: yield `is_stop_requested()`, and raise only after the block.

    `grace_seconds`: how long the work may take to stop before the run is terminated.
    """
    if _runner is None:
        yield lambda: False
        return
    with _runner.limits.defer_signals(grace_seconds) as is_stop_requested:
        yield is_stop_requested

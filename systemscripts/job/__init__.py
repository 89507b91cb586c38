"""The frame of every script: a function's signature becomes a command line, its call a run.

    @job(lock="{config}")
    def generic_import(config: str, dry_run: bool = False) -> Summary:
        \"\"\"Load the files that wait for one import.

        Examples:
            generic_import.py meetmax_events
        \"\"\"

    if __name__ == "__main__":
        generic_import.main()
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from systemscripts.errors import EtlError
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts.job.frame import Frame

__all__ = ["Job", "Summary", "deferred_signals", "job", "wait_seconds"]

_running: Frame | None = None


class Job:
    """A function that can be run from the command line; see `job` for the parameters."""

    def __init__(
        self,
        function: Callable[..., Summary | None],
        lock: str | None,
        database: bool,
        time_limit_hours: float | None,
        instead: Callable[[dict[str, Any]], int | None] | None,
    ) -> None:
        self.function, self.name = function, function.__name__
        self.lock, self.database, self.time_limit_hours, self.instead = lock, database, time_limit_hours, instead
        self.__doc__ = function.__doc__

    def main(self) -> NoReturn:
        """Run with the process's command line and exit."""
        sys.exit(self.run(sys.argv[1:]))

    def run(self, arguments: list[str]) -> int:
        """Run with a command line; returns the exit code (see docs/architecture.md)."""
        from systemscripts.job import command_line

        debug = "--debug" in arguments
        try:
            call = command_line.parse(self.function, self.name, arguments)
            if isinstance(call, int):
                return call
            return self._execute(call)
        except EtlError as error:
            return self._before_the_run(error, debug)

    def _execute(self, call: Any) -> int:
        global _running
        from systemscripts import masking, settings

        if self.instead is not None and (exit_code := self.instead(call.values)) is not None:
            return exit_code
        masking.register(settings.current().secrets())
        from systemscripts.job.frame import Frame

        key = self.lock.format(**call.values) if self.lock is not None else None
        _running = Frame(self.name, key, call, self.database, self.time_limit_hours)
        return _running.execute(self.function, call.values)

    def _before_the_run(self, error: EtlError, debug: bool) -> int:
        from systemscripts import masking

        if debug:
            import traceback

            print(masking.mask("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        print(f"{self.name}: {masking.mask(str(error))}", file=sys.stderr, flush=True)
        return error.exit_code


def job(
    lock: str | None = None,
    database: bool = True,
    time_limit_hours: float | None = None,
    instead: Callable[[dict[str, Any]], int | None] | None = None,
) -> Callable[[Callable[..., Summary | None]], Job]:
    """Make a function a job.

    `lock`: what only one run at a time may work on, with the arguments' names in braces ("" for the whole script).
    `database`: false for jobs that need none; their log reaches the database with the next run that has one.
    `time_limit_hours`: instead of the setting JOB_TIME_LIMIT_HOURS.
    `instead`: asked first, with the arguments; returns an exit code where it did the whole work itself (the demo).
    """
    return lambda function: Job(function, lock, database, time_limit_hours, instead)


def wait_seconds() -> float:
    """How long this run may wait for others: not at all without --wait."""
    from systemscripts.job.frame import WAIT_HOURS

    return WAIT_HOURS * 3600 if _running is not None and _running.call.wait else 0.0


@contextmanager
def deferred_signals() -> Iterator[Callable[[], bool]]:
    """For work that stops by itself when asked: gives `stop_requested()`, and raises only after the block."""
    if _running is None:
        yield lambda: False
        return
    with _running.limits.deferred() as stop_requested:
        yield stop_requested

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

import atexit
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from systemscripts.errors import ConfigurationError, EtlError, UsageError
from systemscripts.job import wrapper
from systemscripts.job.needs import Needs
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts.db_utils import BackgroundConnection
    from systemscripts.job.command_line import Call
    from systemscripts.job.runner import Frame

__all__ = [
    "Job",
    "Summary",
    "as_json",
    "closed_runs",
    "deferred_signals",
    "interruptible",
    "job",
    "so_far",
    "wait_seconds",
]

# A start makes half a million small objects that live to the end, and a file's rows are no garbage either: collecting
# as often as Python does by default costs a tenth of both.
gc.set_threshold(50_000, 20, 20)

Instead = Callable[[dict[str, Any]], int | None]

_running: Frame | None = None


class Job:
    """A function that can be run from the command line; see `job` for the parameters."""

    def __init__(self, function: Callable[..., Summary | None], needs: Needs, instead: Instead | None) -> None:
        self.function, self.name = function, function.__name__
        self.needs, self.instead = needs, instead
        self.__doc__ = function.__doc__

    def main(self) -> NoReturn:
        """Run with the process's command line and exit."""
        exit_code = self.run(sys.argv[1:])
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(exit_code)  # Python would first take apart half a million objects, one by one: 25 ms

    def run(self, arguments: list[str]) -> int:
        """Run with a command line; returns the exit code (see docs/architecture.md)."""
        from systemscripts import masking
        from systemscripts.job import command_line

        masking.register_arguments(arguments)
        try:
            call = command_line.parse(self.function, self.name, arguments)
            return call if isinstance(call, int) else self._execute(call)
        except KeyboardInterrupt:
            return 130
        except Exception as error:
            return self._before_the_run(error, arguments)

    def _execute(self, call: Call) -> int:
        global _running
        from systemscripts import masking, settings

        if self.instead is not None and (exit_code := self.instead(call.values)) is not None:
            wrapper.say_own()
            return exit_code
        masking.register(settings.current().secrets())
        opening = self._opening(call)
        from systemscripts.job.runner import Frame

        _running = Frame(self.name, self.needs, call, opening)
        wrapper.say_begun()
        return _running.execute(self.function)

    def _opening(self, call: Call) -> BackgroundConnection | None:
        """Begin to connect while the frame is imported; not where it may wait, or a server must be started first."""
        if not self.needs.database or call.wait:
            return None
        from systemscripts import db_utils, settings
        from systemscripts.db_utils import embedded

        with suppress(EtlError):  # the run will meet it, and can tell of it
            if not settings.current().embedded or embedded.is_running():
                return db_utils.BackgroundConnection(self.name)
        return None

    def _before_the_run(self, error: Exception, arguments: list[str]) -> int:
        """Say what kept the run from beginning; returns its exit code."""
        import traceback

        from systemscripts import masking

        if isinstance(error, ImportError) and error.name and "." not in error.name:
            error = ConfigurationError(
                f"the Python package {error.name} is missing or broken", "Run: ./install_dependencies.sh --python-only"
            )
            error.__cause__ = None
        expected = isinstance(error, EtlError)
        text = masking.mask(str(error) if expected else " ".join(f"unexpected {type(error).__name__}: {error}".split()))
        if "--debug" in arguments or not expected:  # there is no log yet that could hold it
            print(masking.mask("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)
        exit_code = error.exit_code if isinstance(error, EtlError) else 1
        if not isinstance(error, UsageError):
            wrapper.say_failed(error, text)
        if "--json" in arguments:
            from systemscripts.job import command_line  # it may be what is missing

            command_line.show(json.dumps(Summary(problems=[text]).as_dict() | {"exit_code": exit_code}))
        return exit_code


def job(
    lock: str | None = None,
    database: bool = True,
    time_limit_hours: float | None = None,
    instead: Instead | None = None,
    alert: bool = True,
    looks: tuple[str, ...] = (),
    lock_name: Callable[[str], str] = str,
    sends_alerts: bool = False,
) -> Callable[[Callable[..., Summary | None]], Job]:
    """Make a function a job.

    `lock`: what only one run at a time may work on, with the arguments' names in braces ("" for the whole script).
    `database`: false for jobs that need none; their log reaches the database with the next run that has one.
    `time_limit_hours`: instead of the setting JOB_TIME_LIMIT_HOURS.
    `instead`: asked first, with the arguments; returns an exit code where it did the whole work itself (the demo).
    `alert`: false for tools that somebody sits in front of; nobody gets a mail when they fail.
    `looks`: arguments with which the job only looks; it needs no lock then.
    `lock_name`: of what `lock` gave the one name of the same thing, where it may be spelt in several ways.
    `sends_alerts`: whether alerts that wait go out at its end although it has none of its own (`alert=False`).
    """
    needs = Needs(lock, database, time_limit_hours, alert, looks, lock_name, sends_alerts)
    return lambda function: Job(function, needs, instead)


def wait_seconds() -> float:
    """How long this run may wait for others: not at all without --wait."""
    from systemscripts.job.runner import WAIT_HOURS

    return WAIT_HOURS * 3600 if _running is not None and _running.call.wait else 0.0


def as_json() -> bool:
    """Whether the operator asked for JSON; for jobs that print their result themselves."""
    return _running is not None and _running.call.as_json


def closed_runs() -> int:
    """How many killed runs this one found and closed at its start."""
    return 0 if _running is None else _running.closed_runs


@contextmanager
def interruptible() -> Iterator[None]:
    """Within deferred_signals(), around what a signal may end at any point, such as waiting for a server."""
    with _running.limits.interruptible() if _running is not None else nullcontext():
        yield


def so_far(summary: Summary) -> None:
    """Hand over what is to be told and noted of the run even where it is ended before the job returns."""
    if _running is not None:
        _running.summary = summary


@contextmanager
def deferred_signals(grace_seconds: float = 30) -> Iterator[Callable[[], bool]]:
    """For work that stops by itself when asked: gives `stop_requested()`, and raises only after the block.

    `grace_seconds`: how long it may take to stop before the run is ended over its head.
    """
    if _running is None:
        yield lambda: False
        return
    with _running.limits.deferred(grace_seconds) as stop_requested:
        yield stop_requested

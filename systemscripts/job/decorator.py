"""The decorator that makes a function a job: its signature becomes a command line, its call a run.

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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from systemscripts.commands import format_program
from systemscripts.errors import ConfigurationError, EtlError, UsageError
from systemscripts.job import current_run, standard_output, wrapper
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts.db_utils import BackgroundConnection
    from systemscripts.job.command_line import Call

# A start makes half a million small objects that live to the end, and a file's rows are not garbage either: collecting
# as often as Python does by default costs a tenth of both.
gc.set_threshold(50_000, 20, 20)

RunInstead = Callable[[dict[str, Any]], int | None]


@dataclass(frozen=True)
class Needs:
    """The options of a job; see `job` for what each means."""

    lock: str | None
    database: bool
    time_limit_hours: float | None
    alert: bool
    look_options: tuple[str, ...] = ()
    normalize_lock: Callable[[str], str] = str
    sends_alerts: bool = False


class Job:
    """A function that can be run from the command line; see `job` for the parameters."""

    def __init__(self, function: Callable[..., Summary | None], needs: Needs, run_instead: RunInstead | None) -> None:
        self.function, self.name = function, function.__name__
        self.needs, self.run_instead = needs, run_instead
        self.__doc__ = function.__doc__

    def main(self) -> NoReturn:
        """Run with the command line of the process and exit."""
        exit_code = self.run(sys.argv[1:])
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        # Python would first take apart half a million objects, one by one: 25 ms
        os._exit(exit_code)

    def run(self, arguments: list[str]) -> int:
        """Run with a command line; return the exit code (see docs/architecture.md)."""
        from systemscripts import masking
        from systemscripts.job import command_line

        masking.register_arguments(arguments)
        try:
            call = command_line.parse_arguments(self.function, self.name, arguments)
            return call if isinstance(call, int) else self._execute(call)
        except KeyboardInterrupt:
            return 130
        except Exception as error:
            return self._report_failed_start(error, arguments)

    def _execute(self, call: Call) -> int:
        if self.run_instead is not None and (exit_code := self.run_instead(call.values)) is not None:
            wrapper.say_own()
            return exit_code
        from systemscripts import masking, settings

        masking.register_secrets(settings.current().list_secrets())
        connection = self._begin_to_connect(call)
        from systemscripts.job.runner import Runner

        # what the start has made stays: no collection looks at it again
        gc.freeze()
        runner = Runner(self.name, self.needs, call, connection)
        current_run.set_runner(runner)
        wrapper.say_begun()
        return runner.execute(self.function)

    def _begin_to_connect(self, call: Call) -> BackgroundConnection | None:
        """Connect while the runner is imported, except where it may wait or a server must be started first."""
        if not self.needs.database or call.wait:
            return None
        from systemscripts import db_utils, settings
        from systemscripts.db_utils import embedded

        # the run meets the error again, and can report it
        with suppress(EtlError):
            if not settings.current().uses_embedded_database or embedded.is_running():
                return db_utils.BackgroundConnection(self.name)
        return None

    def _report_failed_start(self, error: Exception, arguments: list[str]) -> int:
        """Report why the run could not start; return its exit code."""
        import traceback

        from systemscripts import masking

        if isinstance(error, ImportError) and error.name and "." not in error.name:
            error = ConfigurationError(
                f"the Python package {error.name} is missing or broken",
                f"Run: {format_program('install_dependencies.sh', '--python-only')}",
            )
            error.__cause__ = None
        expected = isinstance(error, EtlError)
        text = masking.mask(str(error) if expected else " ".join(f"unexpected {type(error).__name__}: {error}".split()))
        # there is no log yet that could hold the traceback
        if "--debug" in arguments or not expected:
            print(masking.mask("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)
        exit_code = error.exit_code if isinstance(error, EtlError) else 1
        if not isinstance(error, UsageError):
            wrapper.say_failed(error, text)
        if "--json" in arguments:
            standard_output.print_text(json.dumps(Summary(problems=[text]).as_dict() | {"exit_code": exit_code}))
        return exit_code


def job(
    lock: str | None = None,
    database: bool = True,
    time_limit_hours: float | None = None,
    run_instead: RunInstead | None = None,
    alert: bool = True,
    look_options: tuple[str, ...] = (),
    normalize_lock: Callable[[str], str] = str,
    sends_alerts: bool = False,
) -> Callable[[Callable[..., Summary | None]], Job]:
    """Make a function a job.

    `lock`: what only one run at a time may work on, with argument names in braces ("": the whole script).
    `database`: false for jobs that need none; their log reaches the database with the next run that has one.
    `time_limit_hours`: replaces the setting JOB_TIME_LIMIT_HOURS.
    `run_instead`: called first with the arguments; returns an exit code if it did the whole work itself (the demo).
    `alert`: false for tools that people use interactively; their failures are not mailed.
    `look_options`: options with which the job only reads; it needs no lock then.
    `normalize_lock`: turns the several spellings of one lock into one.
    `sends_alerts`: send queued alerts at the end although the job has none of its own (`alert=False`).
    """
    needs = Needs(lock, database, time_limit_hours, alert, look_options, normalize_lock, sends_alerts)
    return lambda function: Job(function, needs, run_instead)

"""How a run ends: its status, its exit code, and the one line that says why."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from systemscripts import alerts
from systemscripts.directory_management import NO_SPACE, advise_access
from systemscripts.errors import DatabaseDownError, EtlError, SkippedError
from systemscripts.job.signals_and_timeout import RunEnded
from systemscripts.summary import Summary


@dataclass(frozen=True)
class Ending:
    """How a run ended; `kind` tells one way of failing from another."""

    status: str
    exit_code: int
    error: str | None = None
    kind: str = ""


def of_summary(summary: Summary) -> Ending:
    """A run whose function returned."""
    problems = "; ".join(summary.problems) or None
    return Ending("failed" if summary.exit_code else "succeeded", summary.exit_code, problems, "problems")


def of_stop(ended: RunEnded) -> Ending:
    """A run that was asked to end, or had no more time."""
    return Ending(ended.status, ended.exit_code, f"{ended.reason}. Run the same command again to go on.")


def of_error(error: BaseException, log_file: Path) -> Ending:
    """A run that an exception ended; `error` as `explained` gives it."""
    if isinstance(error, SkippedError):
        return Ending("skipped", error.exit_code, str(error))
    if isinstance(error, DatabaseDownError):
        return Ending("failed", error.exit_code, str(error), alerts.DATABASE_DOWN)
    cause = error.__cause__ if isinstance(error, EtlError) and error.__cause__ else error
    kind = type(cause).__name__
    if isinstance(error, EtlError):
        return Ending("failed", error.exit_code, str(error), kind)
    text = " ".join(f"unexpected {kind}: {error}".split())
    hint = f"The traceback is in {log_file.with_suffix('.txt')}, or run it again with --debug."
    return Ending("failed", 1, f"{text.rstrip('.')}. {hint}", kind)


def explained(error: BaseException) -> BaseException:
    """An error of the driver or the operating system as one of the suite's own, where it means something there."""
    found: EtlError | None = None
    if isinstance(error, OSError):
        if error.errno in NO_SPACE:
            found = EtlError(f"no space left for {error.filename or 'a file'}", "Free space, then run it again.")
        elif isinstance(error, PermissionError) and error.filename:
            found = EtlError(f"{error.filename}: permission denied", advise_access(Path(os.fsdecode(error.filename))))
    elif "psycopg2" in sys.modules:
        import psycopg2

        from systemscripts import db_utils

        found = db_utils.translate_error(error) if isinstance(error, psycopg2.Error) else None
    if found is None:
        return error
    found.__cause__ = error
    return found

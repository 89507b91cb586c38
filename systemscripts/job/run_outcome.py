"""The outcome of a run: its status, its exit code, and the one line that says why."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import settings
from systemscripts.directory_management import NO_SPACE, Directories, advise_access
from systemscripts.errors import DiskFullError, EtlError, SkippedError
from systemscripts.job.signals_and_timeout import RunEnded
from systemscripts.summary import Summary

if TYPE_CHECKING:
    from systemscripts import alerts

ABOUT_A_FILE = re.compile(r"\b(?:is|are|stays) held\b|\bis refused\b")


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended; `failure_type` distinguishes one way of failing from another."""

    status: str
    exit_code: int
    error: str | None = None
    failure_type: str = ""
    cause: alerts.Cause | None = None


def build_from_summary(summary: Summary) -> RunOutcome:
    """Return the outcome of a run whose function returned."""
    # the reader's login sees what comes before the first file that is held or refused (dba.without_findings)
    problems = "; ".join(sorted(summary.problems, key=lambda text: bool(ABOUT_A_FILE.search(text)))) or None
    if not summary.exit_code:
        return RunOutcome("succeeded", 0, problems, "problems")
    from systemscripts import alerts

    cause = alerts.find_common_cause(summary.errors, len(summary.problems), _get_directories())
    return RunOutcome("failed", summary.exit_code, problems, "problems", cause)


def _get_directories() -> Directories:
    return Directories(settings.current().etl_data_dir)


def build_from_stop(ended: RunEnded) -> RunOutcome:
    """Return the outcome of a run that was asked to stop, or reached its time limit."""
    return RunOutcome(ended.status, ended.exit_code, f"{ended.reason}. Run the same command again to continue.")


def build_from_error(error: BaseException, log_file: Path) -> RunOutcome:
    """Return the outcome of a run that an exception ended; `error`: as `translate_error` returns it."""
    from systemscripts import alerts

    if isinstance(error, SkippedError):
        return RunOutcome("skipped", error.exit_code, str(error))
    shared_cause = alerts.find_cause(error, _get_directories())
    cause = error.__cause__ if isinstance(error, EtlError) and error.__cause__ else error
    failure_type = type(cause).__name__
    if isinstance(error, EtlError):
        return RunOutcome("failed", error.exit_code, str(error), failure_type, shared_cause)
    text = " ".join(f"unexpected {failure_type}: {error}".split())
    hint = f"The traceback is in {log_file.with_suffix('.txt')}, or run it again with --debug."
    return RunOutcome("failed", 1, f"{text.rstrip('.')}. {hint}", failure_type, shared_cause)


def translate_error(error: BaseException) -> BaseException:
    """Return an error of the driver or the operating system as an EtlError where it has a meaning here, else itself."""
    known: EtlError | None = None
    if isinstance(error, OSError):
        if error.errno in NO_SPACE:
            known = DiskFullError(Path(os.fsdecode(error.filename)) if error.filename else _get_directories().data)
        elif isinstance(error, PermissionError) and error.filename:
            known = EtlError(f"{error.filename}: permission denied", advise_access(Path(os.fsdecode(error.filename))))
    elif "psycopg2" in sys.modules:
        import psycopg2

        from systemscripts import db_utils

        known = db_utils.translate_error(error) if isinstance(error, psycopg2.Error) else None
    if known is None:
        return error
    known.__cause__ = error
    return known

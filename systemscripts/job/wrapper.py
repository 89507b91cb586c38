"""What a script says to run_python_etl_script.sh, which speaks where the script could not begin to.

The wrapper gives a descriptor, ETL_START_FD, and reads it when the script has ended. Without one nothing is said.
"""

from __future__ import annotations

import os
from contextlib import suppress

from systemscripts.errors import EtlError

# Taken out of the environment: what this process starts is no start of the wrapper's.
_descriptor = os.environ.pop("ETL_START_FD", "")


def say_begun() -> None:
    """Say that the run has begun: from here on it has its own log and alert."""
    _say("begun")


def say_own() -> None:
    """Say that the script did its work without a run, so that its exit code is its own affair."""
    _say("own")


def say_failed(error: Exception, text: str) -> None:
    """Say why the run could not begin; `text` without secrets."""
    # what is wrong with the host is wrong for every script; a missing package perhaps for this one alone
    key = type(error).__name__ if isinstance(error, EtlError) and error.__cause__ is None else ""
    if isinstance(error, EtlError) and isinstance(error.__cause__, OSError):
        key = f"{type(error).__name__} {error.__cause__.strerror}"
    _say(f"{key or f'script {text}'}\t{text}")


def say_untold(job: str, error: str) -> None:
    """Say that the run failed and its alert could not be kept."""
    _say(f"alerts\t{job} failed and its alert could not be kept in var/alerts: {error}")


def _say(line: str) -> None:
    if not _descriptor.isdecimal():
        return
    with suppress(OSError):
        # a full pipe must not stop the job: one short line for each thing, at most three in a run
        os.write(
            int(_descriptor), " ".join(line.replace("\t", "\0").split()).replace("\0", "\t")[:2000].encode() + b"\n"
        )

"""Messages from a script to run_python_etl_script.sh, which alerts people if the script cannot start.

The wrapper passes a descriptor, ETL_START_FD, and reads it when the script has ended; without it nothing is written.
"""

from __future__ import annotations

import os
from contextlib import suppress

from systemscripts.errors import EtlError

# Removed from the environment: the processes that this one starts are not starts of the wrapper.
_descriptor = os.environ.pop("ETL_START_FD", "")


def say_begun() -> None:
    """Report that the run has begun: from here on it has its own log and alert."""
    _say("begun")


def say_own() -> None:
    """Report that the script did its work without a run, so its exit code needs no alert."""
    _say("own")


def say_failed(error: Exception, text: str) -> None:
    """Report why the run could not start; `text`: without secrets."""
    # a fault of the host concerns every script; a missing package perhaps only this one
    key = type(error).__name__ if isinstance(error, EtlError) and error.__cause__ is None else ""
    if isinstance(error, EtlError) and isinstance(error.__cause__, OSError):
        key = f"{type(error).__name__} {error.__cause__.strerror}"
    _say(f"{key or f'script {text}'}\t{text}")


def say_alert_lost(job: str, error: str) -> None:
    """Report that the run failed and its alert could not be kept."""
    _say(f"alerts\t{job} failed and its alert could not be kept in var/alerts: {error}")


def _say(line: str) -> None:
    if not _descriptor.isdecimal():
        return
    with suppress(OSError):
        # a full pipe must not stop the job: short lines, at most three in a run
        os.write(
            int(_descriptor), " ".join(line.replace("\t", "\0").split()).replace("\0", "\t")[:2000].encode() + b"\n"
        )

"""Runs that take too long: their markers in var/runs/ say since when, so that no database is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from systemscripts import log_utils, settings
from systemscripts.alerts import Finding
from systemscripts.monitoring.watchdog_view import View

KEYS = ("long",)


def find(view: View) -> Iterator[Finding]:
    """Name each chain of runs that lives longer than WATCHDOG_RUN_HOURS."""
    limit = settings.current().watchdog_run_hours
    for path in sorted(view.directories.runs.glob("*.json")):
        try:
            run = log_utils.Run(**json.loads(path.read_text()))
            hours = (time.time() - path.stat().st_mtime) / 3600
        except (OSError, ValueError, TypeError):
            continue
        alive = log_utils.read_process_start(run.pid) == run.process_start
        if not alive or not run.alert or hours <= limit:  # a server runs for ever, a step belongs to its pipeline
            continue
        name = f"{run.job} {run.lock_key}".strip()
        yield Finding(
            f"long {run.run_uuid}", f"{name} runs too long",
            f"it has been running for more than {limit:g} hours (pid {run.pid}, log {run.log_file})",
            f"look at what it does (status.py); kill {run.pid} ends it, and the same command goes on where it was",
        )  # fmt: skip

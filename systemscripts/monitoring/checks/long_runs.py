"""Find runs that take too long by their markers in var/runs/, so that no database is needed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from systemscripts import log_utils, settings
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.monitoring.watchdog_view import View

KEYS = ("long",)


def find(view: View) -> Iterator[Finding]:
    """Report each run or pipeline that takes longer than WATCHDOG_RUN_HOURS."""
    limit = settings.current().watchdog_run_hours
    for path in sorted(view.directories.runs.glob("*.json")):
        try:
            run = log_utils.Run(**json.loads(path.read_text()))
            hours = (time.time() - path.stat().st_mtime) / 3600
        except (OSError, ValueError, TypeError):
            continue
        is_alive = log_utils.read_process_start(run.pid) == run.process_start
        # a server runs without end, a step belongs to its pipeline
        if not is_alive or not run.alert or hours <= limit:
            continue
        name = f"{run.job} {run.lock_key}".strip()
        yield Finding(
            f"long {run.run_uuid}", f"{name} runs too long",
            f"it has been running for more than {limit:g} hours (pid {run.pid}, log {run.log_file})",
            f"see what it does ({format_command('status')}); to stop it run: kill {run.pid};"
            " the same command then continues the work",
        )  # fmt: skip

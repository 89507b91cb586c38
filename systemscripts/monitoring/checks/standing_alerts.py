"""Report the failures that last, and the runs that were killed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from systemscripts import alerts, log_utils
from systemscripts.commands import format_command
from systemscripts.monitoring.doctor_lines import OK, WARNING, Context, Line

ORDER = 100


def check(context: Context) -> Iterator[Line]:
    """Yield lines on failures that have not recovered, and on runs whose process is gone."""
    failing = [state for _, state in alerts.list_states(context.directories) if state.is_failing]
    for state in failing:
        yield Line(
            WARNING,
            "alert",
            f"{state.name}: failing since {state.since}: {state.error}",
            "The alert's mail says what to do.",
        )
    for text in alerts.list_unsent(context.directories) if context.settings is not None else []:
        yield Line(WARNING, "unsent", text, f"The next job sends it; see: {format_command('doctor', '--test-mail')}")
    for path in sorted(context.directories.runs.glob("*.json")):
        try:
            run = log_utils.Run(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue
        if log_utils.read_process_start(run.pid) != run.process_start:
            yield Line(
                WARNING,
                "run",
                f"{run.job} was killed and is not closed yet",
                f"Run: {format_command('close_interrupted_runs')}",
            )
    if not failing:
        yield Line(OK, "alerts", "nothing is failing")

"""What is known to be bad, and what killed runs have left."""

from __future__ import annotations

import json
from collections.abc import Iterator

from systemscripts import alerts, log_utils
from systemscripts.monitoring.doctor_lines import OK, WARNING, Context, Line

ORDER = 100


def check(context: Context) -> Iterator[Line]:
    """Alerts that stand; runs whose process is gone."""
    bad = [state for _, state in alerts.all_states(context.directories) if state.bad]
    for state in bad:
        yield Line(
            WARNING,
            "alert",
            f"{state.name}: bad since {state.since}: {state.error}",
            "The alert's mail says what to do.",
        )
    for path in sorted(context.directories.runs.glob("*.json")):
        try:
            run = log_utils.Run(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue
        if log_utils.read_process_start(run.pid) != run.process_start:
            yield Line(WARNING, "run", f"{run.job} was killed and is not closed yet", "Run: close_interrupted_runs.py")
    if not bad:
        yield Line(OK, "alerts", "nothing is known to be bad")

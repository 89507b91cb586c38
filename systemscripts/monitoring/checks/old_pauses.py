"""Remind of pauses without an end that are most likely forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from systemscripts import schedules
from systemscripts.alerts import Finding
from systemscripts.commands import format_command
from systemscripts.monitoring.watchdog_view import View

KEYS = ("pause",)
# who pauses for longer can say until when
REMIND_AFTER_DAYS = 14


def find(view: View) -> Iterator[Finding]:
    """Report each pause without an end that is two weeks old."""
    for pause in schedules.read_pauses(view.directories).values():
        if pause.until or view.now - pause.began < timedelta(days=REMIND_AFTER_DAYS):
            continue
        name = [] if pause.name == schedules.EVERYTHING else [pause.name]
        yield Finding(
            f"pause {pause.name}", f"{pause.what} is paused for more than {REMIND_AFTER_DAYS} days",
            f"since {pause.began:%a %Y-%m-%d} by {pause.by}: it does not run",
            f"let it run again ({format_command('schedule', 'resume', *name)}), or say until when"
            f" ({format_command('schedule', 'pause', *name)} --until yyyy-MM-dd)",
        )  # fmt: skip

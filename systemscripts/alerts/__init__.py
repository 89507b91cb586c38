"""Alerts: one message when something fails or fails in a new way, a weekly reminder, and one when it recovers.

The state is stored in var/alerts/, not in the database, because the database may be what is down. A message that could
not be sent waits there for the next run of any job. Nothing here ever fails a job.
"""

from __future__ import annotations

from systemscripts.alerts.alert_state import State, list_states
from systemscripts.alerts.events import DATABASE_DOWN, Finding, Outcome
from systemscripts.alerts.when_to_send import (
    queue_message,
    record_database_down,
    record_database_up,
    record_findings,
    retire_job,
    send_waiting,
    try_record_outcome,
)

__all__ = [
    "DATABASE_DOWN", "Finding", "Outcome", "State", "list_states", "queue_message", "record_database_down",
    "record_database_up", "record_findings", "retire_job", "send_waiting", "try_record_outcome",
]  # fmt: skip

"""Alerts: one message when something fails or fails in a new way, a weekly reminder, and one when it recovers.

The state is stored in var/alerts/, not in the database, because the database may be what is down. A message that could
not be sent waits there for the next run of any job. Nothing here ever fails a job.
"""

from __future__ import annotations

from systemscripts.alerts.alert_state import State, list_states
from systemscripts.alerts.causes import CLOCK_TITLE, advise_space, describe_full_disk, find_cause, find_common_cause
from systemscripts.alerts.events import Cause, Finding, Outcome
from systemscripts.alerts.undecided import list_undecided
from systemscripts.alerts.unsent_mail import list_unsent
from systemscripts.alerts.when_to_send import (
    queue_message,
    record_database_down,
    record_database_up,
    record_findings,
    retire_job,
    send_waiting,
    settle_decided,
    try_record_outcome,
)

__all__ = [
    "CLOCK_TITLE", "Cause", "Finding", "Outcome", "State", "advise_space", "describe_full_disk", "find_cause",
    "find_common_cause", "list_states", "list_undecided", "list_unsent", "queue_message", "record_database_down",
    "record_database_up", "record_findings", "retire_job", "send_waiting", "settle_decided", "try_record_outcome",
]  # fmt: skip

"""One mail when something turns bad or fails in a new way, a reminder each week, one when it recovers.

alerts.notice(outcome, directories)            how a run ended
alerts.observe(findings, directories, unseen)  what the watchdog finds wrong; what it finds no more has recovered
alerts.let_go(job, key, reason, directories)   a bad job that nobody asks for any more
alerts.tell(key, recipients, subject, text, directories)   one thing, to the people an import names
alerts.send_waiting(directories)               what could not go out before, and the reminders that are due

The state lies in var/alerts/, not in the database, for the database may be what is down. What could not go out waits
there and goes with the next run of any job. Nothing here ever fails a job.
"""

from __future__ import annotations

from systemscripts.alerts.alert_state import State, all_states
from systemscripts.alerts.events import DATABASE_DOWN, Finding, Outcome
from systemscripts.alerts.policy import database_back, database_down, let_go, notice, observe, send_waiting, tell

__all__ = [
    "DATABASE_DOWN", "Finding", "Outcome", "State", "all_states", "database_back", "database_down", "let_go", "notice",
    "observe", "send_waiting", "tell",
]  # fmt: skip

"""The log of a run: one JSON-lines file is the truth; CSV, TXT, dba.tlogentry and dba.trun are written from it.

The first record of a run says that it began and the last that it ended, so dba.trun too can be written later, when the
database was away. A marker in var/runs/ stands for as long as something of a run has not reached the database:
RUN.json while it runs, RUN.ended once its log is whole. Its process holds a kernel lock on it: a marker that can be
locked belongs to a process that is gone.
"""

from __future__ import annotations

from systemscripts.log_utils.database_delivery import Delivery
from systemscripts.log_utils.entries import BEGAN, ENDED, LOGGER, end_record, entries
from systemscripts.log_utils.heartbeat import Keeper
from systemscripts.log_utils.run_log import (
    Run,
    RunLog,
    current_run_uuid,
    install,
    new_run,
    new_run_uuid,
    process_start,
    step,
    user_name,
)
from systemscripts.log_utils.run_markers import Leftover, remove_unbegun, undelivered, unfinished
from systemscripts.log_utils.text_and_csv import write_readable

__all__ = [
    "BEGAN",
    "ENDED",
    "LOGGER",
    "Delivery",
    "Keeper",
    "Leftover",
    "Run",
    "RunLog",
    "current_run_uuid",
    "end_record",
    "entries",
    "install",
    "new_run",
    "new_run_uuid",
    "process_start",
    "remove_unbegun",
    "step",
    "undelivered",
    "unfinished",
    "user_name",
    "write_readable",
]

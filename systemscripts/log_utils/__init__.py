"""The log of a run: one JSON-lines file is the truth; CSV, TXT, dba.tlogentry and dba.trun are written from it.

The first record says that the run began and the last that it ended, so dba.trun can also be written later if the
database was away. A marker in var/runs/ exists until everything of a run has reached the database: RUN.json while it
runs, RUN.ended once its log is complete. The process holds a kernel lock on it, so a marker that can be locked belongs
to a process that is gone.
"""

from __future__ import annotations

from systemscripts.log_utils.database_delivery import Delivery
from systemscripts.log_utils.entries import BEGAN, ENDED, LOGGER, build_end_record, read_entries
from systemscripts.log_utils.heartbeat import Heartbeat
from systemscripts.log_utils.run_log import (
    Run,
    RunLog,
    attach_log,
    choose_run_uuid,
    describe_run,
    get_run_uuid,
    read_boot,
    read_process_start,
    step,
)
from systemscripts.log_utils.run_markers import DeadRun, list_undelivered, list_unfinished, remove_incomplete_markers
from systemscripts.log_utils.text_and_csv import write_text_and_csv

__all__ = [
    "BEGAN",
    "ENDED",
    "LOGGER",
    "DeadRun",
    "Delivery",
    "Heartbeat",
    "Run",
    "RunLog",
    "attach_log",
    "build_end_record",
    "choose_run_uuid",
    "describe_run",
    "get_run_uuid",
    "list_undelivered",
    "list_unfinished",
    "read_boot",
    "read_entries",
    "read_process_start",
    "remove_incomplete_markers",
    "step",
    "write_text_and_csv",
]

"""The log of a run: one JSON-lines file is the truth; CSV, TXT, dba.tlogentry and dba.trun are written from it.

The first record of a run says that it began and the last that it ended, so dba.trun too can be written later, when the
database was away. A marker in var/runs/ stands for as long as something of a run has not reached the database. Its
process holds a kernel lock on it: a marker that can be locked belongs to a process that is gone.
"""

from __future__ import annotations

from systemscripts.log_utils.delivery import Delivery, end_record
from systemscripts.log_utils.keeper import Keeper
from systemscripts.log_utils.leftovers import Leftover, leftovers
from systemscripts.log_utils.readable import write_readable
from systemscripts.log_utils.run_log import BEGAN, ENDED, LOGGER, Run, RunLog, current_run_uuid, install, new_run, process_start, step

__all__ = [
    "BEGAN", "ENDED", "LOGGER", "Delivery", "Keeper", "Leftover", "Run", "RunLog", "current_run_uuid", "end_record", "install", "leftovers",
    "new_run", "process_start", "step", "write_readable",
]  # fmt: skip

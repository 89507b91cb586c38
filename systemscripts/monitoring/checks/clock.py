"""Check the clock of the host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from systemscripts import alerts, schedules, settings
from systemscripts.alerts import Finding
from systemscripts.db_utils import Connection, transaction
from systemscripts.errors import EtlError
from systemscripts.human_units import format_duration
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.monitoring.watchdog_view import View
from systemscripts.retention import clock_guard

KEYS = ("clock",)
# What looks wrong under a wrong clock: it is not reported before the clock is right.
CONSEQUENCES = (
    "missed", "late", "silent", "backup", "certificate", "undecided", "pgp", "pause", "full_on", "interrupted_load",
)  # fmt: skip
MAX_DIFFERENCE_SECONDS = 60
SET_CLOCK = "timedatectl set-ntp true"
ORDER = 90


def check(context: Context) -> Iterator[Line]:
    """Yield whether the time is right."""
    if set_time := os.environ.get("ETL_NOW"):
        yield Line(WARNING, "clock", f"ETL_NOW sets it to {set_time}", "Unset ETL_NOW; it is for tests.")
    if context.settings is not None:
        try:
            yield Line(OK, "clock", f"{settings.now():%Y-%m-%d %H:%M:%S %z}; cron uses {schedules.get_host_zone()}")
        except EtlError as error:
            yield Line.from_error("clock", error)
    if datetime.now(UTC).year < 2025:
        yield Line(FAILURE, "clock", "the host's clock is years behind", f"Run: {SET_CLOCK}")
    if jump := clock_guard.find_jump(context.directories):
        yield Line(FAILURE, "clock", jump, clock_guard.advise())
    if clock_guard.is_synchronized() is False:
        yield Line(WARNING, "clock", "the host does not synchronize its clock", f"Run: {SET_CLOCK}")


def find(view: View) -> Iterator[Finding]:
    """Report that the clock differs from that of the database, or jumped; else it is trusted from now on."""
    difference = _measure_difference(view.connection) if view.connection is not None else 0.0
    if abs(difference) > MAX_DIFFERENCE_SECONDS:
        direction = "ahead of" if difference > 0 else "behind"
        yield Finding(
            "clock", alerts.CLOCK_TITLE,
            f"the clock of this host is {format_duration(abs(difference))} {direction} that of the database",
            f"run on the host whose clock is wrong: {SET_CLOCK}; what a wrong clock seems to show, such as missed runs"
            " or expired certificates, is not reported before",
        )  # fmt: skip
    elif jump := clock_guard.find_jump(view.directories, view.connection):
        yield Finding("clock", alerts.CLOCK_TITLE, jump, clock_guard.advise())
    else:
        clock_guard.note_look(view.directories)
        # whether it differs from that of the database
        view.need_database()


def _measure_difference(connection: Connection) -> float:
    """Return by how many seconds the clock of this host is ahead of that of the database."""
    with transaction(connection) as cursor:
        cursor.execute("select extract(epoch from clock_timestamp())::float")
        row: Any = cursor.fetchone()
    return time.time() - float(row[0])

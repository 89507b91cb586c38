"""Check the clock of the host."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

from systemscripts import schedules, settings
from systemscripts.errors import EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line

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
        yield Line(FAILURE, "clock", "the host's clock is years behind", "Run: timedatectl set-ntp true")
    if _is_out_of_sync():
        yield Line(WARNING, "clock", "the host does not synchronize its clock", "Run: timedatectl set-ntp true")


def _is_out_of_sync() -> bool:
    if not shutil.which("timedatectl"):
        return False
    done = subprocess.run(
        ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
        capture_output=True,
        text=True,
        timeout=5,
        check=False,
    )
    return done.stdout.strip() == "no"

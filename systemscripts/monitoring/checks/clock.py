"""The clock."""

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
    """Whether the time is the real one."""
    if named := os.environ.get("ETL_NOW"):
        yield Line(
            WARNING, "clock", f"ETL_NOW sets it to {named}", "Take ETL_NOW out of the environment; it is for tests."
        )
    if context.settings is not None:
        try:
            yield Line(OK, "clock", f"{settings.now():%Y-%m-%d %H:%M:%S %z}; cron goes by {schedules.host_zone()}")
        except EtlError as error:
            yield Line.of("clock", error)
    if datetime.now(UTC).year < 2025:
        yield Line(FAILURE, "clock", "the host's clock is years behind", "Run: timedatectl set-ntp true")
    if _not_synchronized():
        yield Line(WARNING, "clock", "the host does not keep its clock right", "Run: timedatectl set-ntp true")


def _not_synchronized() -> bool:
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

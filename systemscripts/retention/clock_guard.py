"""Notice that the clock of the host jumped: what is deleted because it is old would be deleted by a wrong clock, too.

The watchdog notes each hour what the clock shows, with the time since the host started, which no one sets. Between two
looks in one start of the host both must have gone on alike. Over a restart the clock must be later, but not by more
than a host is switched off. As long as it is not, the last trusted look stays: once the clock is right, so is this.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from systemscripts import log_utils, settings
from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, transaction
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ClockJumpedError
from systemscripts.human_units import format_duration

# Daylight saving does not move this clock; what synchronizes it moves it by seconds, after a long sleep by minutes.
TOLERANCE_SECONDS = 600.0
# A host that was off for longer is rare, and its operator is there when it starts again.
MAX_OFF_SECONDS = 45 * 86400.0
# timedatectl asks a daemon.
SYNC_SECONDS = 5.0
ACCEPT_OPTION = "--clock-is-right"


@dataclass(frozen=True)
class Look:
    """What the clock showed (seconds since 1970), and how long the host had been running, in which start of it."""

    shown: float
    running: float
    boot: str


def find_jump(directories: Directories, connection: Connection | None = None) -> str:
    """Return in words how the clock jumped since the last trusted look, "" if it did not.

    Before the first look of the watchdog the runs of the database tell when the clock was last right.
    """
    # set for a trial; nothing is known of it
    if settings.is_clock_set():
        return ""
    present, known = _look(), _read_look(directories)
    last = known or _find_last_run(connection)
    if last is None:
        return ""
    if last.boot == present.boot:
        jump = (present.shown - last.shown) - (present.running - last.running)
        has_jumped = abs(jump) > TOLERANCE_SECONDS
    else:
        jump = present.shown - last.shown
        has_jumped = not -TOLERANCE_SECONDS <= jump <= MAX_OFF_SECONDS
    # a virtual machine that was stopped for hours jumps too, and time servers know that it was right to
    if not has_jumped or is_synchronized():
        return ""
    if known is None:
        # this very run will be the last one
        _write_look(directories, last)
    return _describe(present, last, jump)


def is_synchronized() -> bool | None:
    """Return whether time servers set the clock, None if unknown: a flag of the kernel that a change by hand clears."""
    if not shutil.which("timedatectl"):
        return None
    done = subprocess.run(
        ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
        capture_output=True, text=True, timeout=SYNC_SECONDS, check=False,
    )  # fmt: skip
    return {"yes": True, "no": False}.get(done.stdout.strip())


def note_look(directories: Directories) -> None:
    """Trust what the clock shows now."""
    if settings.is_clock_set():
        return
    _write_look(directories, _look())


def refuse_after_jump(directories: Directories, connection: Connection) -> None:
    """Raise ClockJumpedError if the clock jumped and no one has said that it is right."""
    if jump := find_jump(directories, connection):
        raise ClockJumpedError(f"nothing was deleted, because {jump}", advise())


def advise() -> str:
    """Return what to do after a jump."""
    return (
        f"Correct the clock: sudo timedatectl set-ntp true. If it is right, run:"
        f" {format_command('purge', '--clock-is-right')}"
    )


def _look() -> Look:
    return Look(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), log_utils.read_boot())


def _write_look(directories: Directories, present: Look) -> None:
    with atomic_write(_get_path(directories), durable=False) as stream:
        stream.write(json.dumps(asdict(present)).encode())


def _read_look(directories: Directories) -> Look | None:
    try:
        return Look(**json.loads(_get_path(directories).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _find_last_run(connection: Connection | None) -> Look | None:
    """Return the newest earlier run as a look of another start of the host, None if there is none."""
    if connection is None:
        return None
    with transaction(connection) as cursor:
        cursor.execute(
            """select extract(epoch from started_at)::float8 from dba.trun
               where status <> 'running' order by started_at desc limit 1"""
        )
        row = cursor.fetchone()
    return Look(float(row[0]), 0.0, "") if row else None


def _describe(present: Look, last: Look, jump: float) -> str:
    zone = settings.get_zone()
    now, before = (datetime.fromtimestamp(moment, UTC).astimezone(zone) for moment in (present.shown, last.shown))
    way = "forward" if jump > 0 else "back"
    return (
        f"the clock jumped {way} by {format_duration(abs(jump))}: it shows {now:%Y-%m-%d %H:%M}, and was last known to"
        f" be right at {before:%Y-%m-%d %H:%M}"
    )


def _get_path(directories: Directories) -> Path:
    return directories.var / "clock.json"

"""The causes that several jobs share: the database is down or refuses the login, a disk is full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from systemscripts import disk_space, settings
from systemscripts.alerts.alert_state import State
from systemscripts.alerts.events import Cause
from systemscripts.commands import format_command
from systemscripts.directory_management import NO_SPACE, Directories
from systemscripts.errors import (
    ClockJumpedError,
    DatabaseDiskFullError,
    DatabaseDownError,
    DatabaseLoginError,
    DiskFullError,
)

# The jobs in the states of causes.
DATABASE, DATABASE_DISK = "database", "database disk"
# The job in the states of what the watchdog finds; a full disk is one of them, whether a run or the watchdog meets it.
WATCHED = "watchdog finding"
DISK, FULL = "disk", "full"
CLOCK, CLOCK_TITLE = "clock", "the clock is wrong"
_LATER = "the message of its recovery names the jobs that could not run"


def find_cause(error: BaseException | dict[str, Any] | None, directories: Directories) -> Cause | None:
    """Return the cause that an error shares with those of other jobs; None if it has none.

    `error`: also a cause as the summary of a step has it.
    """
    if isinstance(error, dict):
        return Cause(**error)
    for link in _follow_chain(error):
        if isinstance(link, DatabaseDownError):
            hint = f"start it ({format_command('doctor')} says what is wrong); {_LATER}."
            return Cause(DATABASE, "", "down", "the database is down", hint)
        if isinstance(link, DatabaseLoginError):
            hint = (
                f"correct DATABASE_URL in {settings.settings_file()}, or the login in PostgreSQL, then run"
                f" {format_command('doctor')}; {_LATER}."
            )
            return Cause(DATABASE, "", "login", "the database refuses the login", hint)
        if isinstance(link, ClockJumpedError):
            return Cause(WATCHED, CLOCK, "", CLOCK_TITLE, link.hint)
        if isinstance(link, DatabaseDiskFullError):
            return _find_database_disk(directories)
        if isinstance(link, DiskFullError):
            return describe_full_disk(disk_space.find_folder(link.path, directories))
        if isinstance(link, OSError) and link.errno in NO_SPACE and isinstance(link.filename, str):
            return describe_full_disk(disk_space.find_folder(Path(link.filename).absolute(), directories))
    return None


def find_common_cause(errors: Sequence[Any], number_of_problems: int, directories: Directories) -> Cause | None:
    """Return the cause of all problems of a run; None if one of them has another."""
    causes = {find_cause(error, directories) for error in errors}
    return causes.pop() if len(causes) == 1 and len(errors) >= number_of_problems else None


def describe_full_disk(folder: Path) -> Cause:
    """Return a full disk as a cause."""
    return Cause(WATCHED, f"{DISK} {folder}", FULL, f"the disk of {folder} is full", advise_space())


def advise_space() -> str:
    """Return what to do when a disk is full, or nearly."""
    return (
        f"free space: {format_command('purge', '--dry-run')} shows what would be deleted; or use a larger disk;"
        f" {_LATER}."
    )


def is_over(state: State) -> bool:
    """Return whether the cause of a job that now succeeded is over."""
    if state.job != WATCHED:
        return True
    if not state.key.startswith(f"{DISK} "):
        return False
    folder = Path(state.key.removeprefix(f"{DISK} "))
    if not folder.exists():
        return True
    return not disk_space.is_full(folder) and (
        disk_space.measure_free_percent(folder) >= settings.current().disk_free_percent
    )


def is_shared(state: State) -> bool:
    """Return whether a state is of a cause that several jobs share; its items are then their commands."""
    return state.job in (DATABASE, DATABASE_DISK) or (
        state.job == WATCHED and state.key.partition(" ")[0] in (DISK, CLOCK, "cron")
    )


def _find_database_disk(directories: Directories) -> Cause:
    """Return the full disk of the database: one of this host, if it is the embedded one."""
    folder = disk_space.find_database_folder(directories)
    if settings.current().uses_embedded_database and folder is not None:
        return describe_full_disk(disk_space.find_folder(folder, directories))
    hint = f"free space where PostgreSQL keeps its data, on its host; {_LATER}."
    return Cause(DATABASE_DISK, "", FULL, "the disk of the database is full", hint)


def _follow_chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    # "raise error from error" makes an error its own cause
    while error is not None and error not in seen:
        yield error
        seen.append(error)
        error = error.__cause__

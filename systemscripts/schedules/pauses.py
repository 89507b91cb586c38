"""Pauses in var/pauses.json: what an operator has told the suite not to start for now."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, SkippedError, UsageError

# Used instead of a pipeline's name.
EVERYTHING = "*"


@dataclass(frozen=True)
class Pause:
    """One pause: of a pipeline, or of everything."""

    name: str
    # ISO time with zone
    since: str
    by: str
    # ISO time with zone at which it ends by itself; "": not before it is resumed
    until: str = ""

    @property
    def until_moment(self) -> datetime | None:
        """The time at which it ends by itself, None for one without an end."""
        return datetime.fromisoformat(self.until) if self.until else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended by itself."""
        return self.until_moment is not None and self.until_moment <= settings.now()

    @property
    def began(self) -> datetime:
        """The time at which it began."""
        return datetime.fromisoformat(self.since)

    @property
    def what(self) -> str:
        """The paused pipeline, or "everything"."""
        return "everything" if self.name == EVERYTHING else self.name

    def __str__(self) -> str:
        until = f" until {self.until}" if self.until else ""
        return f"{self.what} is paused since {self.since}{until} by {self.by}"


def read_pauses(directories: Directories) -> dict[str, Pause]:
    """Return every pause that is not over, by its pipeline; raises ConfigurationError if the file cannot be read."""
    path = _get_path(directories)
    try:
        pauses = {name: Pause(name, **rest) for name, rest in json.loads(path.read_text()).items()}
        return {name: pause for name, pause in pauses.items() if not pause.is_over}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", f"Delete it; {format_command('schedule', 'pause')} creates it again."
        ) from error


def refuse_if_paused(directories: Directories, name: str) -> None:
    """Raise SkippedError, with the command that resumes it, if a pipeline or everything is paused."""
    if pause := find_pause(directories, name):
        raise SkippedError(str(pause), f"To resume it, run: {format_command('schedule', 'resume', name)}")


def find_pause(directories: Directories, name: str) -> Pause | None:
    """Return the pause that keeps a pipeline from running, its own or that of everything; None if there is none."""
    pauses = read_pauses(directories)
    return pauses.get(name) or pauses.get(EVERYTHING)


def pause_pipeline(directories: Directories, name: str, by: str, until: datetime | None = None) -> Pause:
    """Pause a pipeline or EVERYTHING; one that is already paused keeps its start time and gets the new end.

    `until`: when the pause ends by itself, None: not before it is resumed. Raises UsageError for a past time.
    """
    if until is not None and until <= settings.now():
        raise UsageError(f"{until:%Y-%m-%d %H:%M} has passed", "Name a later time, or none.")
    with _hold_lock(directories):
        pauses = read_pauses(directories)
        since = pauses[name].since if name in pauses else settings.now().isoformat(timespec="seconds")
        pauses[name] = Pause(name, since, by, until.isoformat(timespec="seconds") if until else "")
        _write_pauses(directories, pauses)
    return pauses[name]


def resume_pipeline(directories: Directories, name: str) -> list[Pause]:
    """End a pause, or all of them with EVERYTHING; return those that ended."""
    with _hold_lock(directories):
        pauses = read_pauses(directories)
        if name == EVERYTHING:
            ended = list(pauses.values())
        else:
            ended = [pauses[name]] if name in pauses else []
        _write_pauses(directories, {key: pause for key, pause in pauses.items() if pause not in ended})
    return ended


@contextmanager
def _hold_lock(directories: Directories) -> Iterator[None]:
    with (directories.locks / "pauses.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _get_path(directories: Directories) -> Path:
    return directories.var / "pauses.json"


def _write_pauses(directories: Directories, pauses: dict[str, Pause]) -> None:
    if not pauses:
        _get_path(directories).unlink(missing_ok=True)
        return
    values = {
        name: {"since": pause.since, "by": pause.by} | ({"until": pause.until} if pause.until else {})
        for name, pause in pauses.items()
    }
    with atomic_write(_get_path(directories)) as stream:
        stream.write(json.dumps(values, indent=1).encode())

"""Pauses: what somebody has told the suite not to start for now, in var/pauses.json."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from systemscripts import settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError

EVERYTHING = "*"  # in the place of a pipeline's name


@dataclass(frozen=True)
class Pause:
    """One pause: of a pipeline, or of everything."""

    name: str
    since: str  # ISO time with zone
    by: str

    @property
    def began(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.since)

    @property
    def what(self) -> str:
        """What is paused, in words."""
        return "everything" if self.name == EVERYTHING else self.name

    def __str__(self) -> str:
        return f"{self.what} is paused since {self.since} by {self.by}"


def pauses(directories: Directories) -> dict[str, Pause]:
    """Every pause there is, by the name it is for; raises ConfigurationError when the file cannot be read."""
    path = _path(directories)
    try:
        return {name: Pause(name, **rest) for name, rest in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", "Delete it: schedule.py pause makes it.") from error


def paused(directories: Directories, name: str) -> Pause | None:
    """The pause that keeps a pipeline from running, if there is one: its own, or that of everything."""
    found = pauses(directories)
    return found.get(name) or found.get(EVERYTHING)


def pause(directories: Directories, name: str, by: str) -> Pause:
    """Pause a pipeline or EVERYTHING; one that is paused already keeps its beginning."""
    with _only_one(directories):
        found = pauses(directories)
        found.setdefault(name, Pause(name, settings.now().isoformat(timespec="seconds"), by))
        _write(directories, found)
    return found[name]


def resume(directories: Directories, name: str) -> list[Pause]:
    """End a pause, with EVERYTHING all of them; returns those that ended."""
    with _only_one(directories):
        found = pauses(directories)
        ended = list(found.values()) if name == EVERYTHING else [found[name]] if name in found else []
        _write(directories, {each: pause for each, pause in found.items() if pause not in ended})
    return ended


@contextmanager
def _only_one(directories: Directories) -> Iterator[None]:
    with (directories.locks / "pauses.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _path(directories: Directories) -> Path:
    return directories.var / "pauses.json"


def _write(directories: Directories, found: dict[str, Pause]) -> None:
    if not found:
        _path(directories).unlink(missing_ok=True)
        return
    values = {name: {k: v for k, v in asdict(pause).items() if k != "name"} for name, pause in found.items()}
    with atomic_write(_path(directories)) as stream:
        stream.write(json.dumps(values, indent=1).encode())

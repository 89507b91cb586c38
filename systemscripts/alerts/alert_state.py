"""What is known of one thing that went bad: a file in var/alerts/ while it is bad, or somebody is to be told."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from systemscripts.directory_management import Directories, atomic_write


@dataclass
class State:
    """One bad thing; the file goes when its recovery has been told."""

    job: str
    key: str
    kind: str  # a failure of another kind is news
    since: str
    error: str
    title: str = ""  # in place of the job's name, for what is no job
    told: bool = False  # whether anybody was told that it is bad
    told_at: str = ""  # when last
    recovered_at: str | None = None
    subject: str = ""  # of the last message
    text: str = ""
    reason: str = ""  # the message that said it is bad
    message_id: str = ""
    pending: list[str] = field(default_factory=list)  # the channels that have not taken that message
    to: list[str] = field(default_factory=list)  # who alone gets it; none: as the settings say
    items: list[str] = field(default_factory=list)  # what it was about so far (files, jobs)
    is_remainder: bool = False  # whether it is for one recipient alone, and the others have it

    @property
    def name(self) -> str:
        """What is bad, in words."""
        return self.title or f"{self.job} {self.key}".strip()

    @property
    def bad(self) -> bool:
        """Whether it still is."""
        return self.recovered_at is None

    def told_outside(self, begin: datetime, end: datetime) -> bool:
        """Whether the last message is older than a time, or later: then it went out under a wrong clock."""
        return self.told and bool(self.told_at) and not begin <= datetime.fromisoformat(self.told_at) <= end


def path_of(job: str, key: str, directories: Directories) -> Path:
    """Where the state of a job and key lies."""
    name = f"{job}-{key}" if key else job
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)[:80]
    return directories.alerts / f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.json"


def read(path: Path) -> State | None:
    """A state; None where there is none, or a damaged one."""
    try:
        return State(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write(path: Path, state: State) -> None:
    """Keep a state; raises OSError."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(asdict(state), indent=1).encode())


@contextmanager
def lock(directories: Directories, name: str = "alerts.lock") -> Iterator[None]:
    """Keep other processes out of the states meanwhile; raises OSError."""
    with (directories.locks / name).open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def lock_if_free(directories: Directories, name: str) -> Iterator[bool]:
    """Take a lock without waiting, and yield whether it was free; raises OSError."""
    with (directories.locks / name).open("a") as stream:
        is_free = False
        with suppress(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        yield is_free


def all_states(directories: Directories) -> Iterator[tuple[Path, State]]:
    """Every state there is, with its file."""
    for path in sorted(directories.alerts.glob("*.json")):
        state = read(path)
        if state is not None:
            yield path, state

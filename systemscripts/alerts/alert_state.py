"""The state of one failure: a file in var/alerts/ until it has recovered and its messages are sent."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from systemscripts.directory_management import Directories, atomic_write, make_hashed_name


@dataclass
class State:
    """One failure; its file is removed when its recovery has been reported."""

    job: str
    key: str
    # a failure of another kind is reported again
    kind: str
    since: str
    error: str
    # replaces the job's name if this is not about a job
    title: str = ""
    # whether the failure was reported to anyone, and when last
    told: bool = False
    told_at: str = ""
    recovered_at: str | None = None
    # the last message
    subject: str = ""
    text: str = ""
    # the message that reported the failure
    reason: str = ""
    message_id: str = ""
    # the channels that have not sent the last message yet
    pending: list[str] = field(default_factory=list)
    # the only recipients; empty: those of the settings
    to: list[str] = field(default_factory=list)
    # what it was about so far: files that wait, files that were held or refused, commands that could not run
    items: list[str] = field(default_factory=list)
    # whether the job has succeeded since, while some of its files are not decided yet
    waits_for_decision: bool = False
    # whether it is for one recipient alone because the others have it already
    is_remainder: bool = False

    @property
    def name(self) -> str:
        """The title, or the job with its key."""
        return self.title or f"{self.job} {self.key}".strip()

    @property
    def is_failing(self) -> bool:
        """Whether it has not recovered yet."""
        return self.recovered_at is None

    def was_told_outside(self, begin: datetime, end: datetime) -> bool:
        """Return whether the last message was not sent between two times; a later one was sent under a wrong clock."""
        return self.told and bool(self.told_at) and not begin <= datetime.fromisoformat(self.told_at) <= end


def build_path(job: str, key: str, directories: Directories) -> Path:
    """Return the path of the state of a job and key."""
    name = f"{job}-{key}" if key else job
    return directories.alerts / f"{make_hashed_name(name, max_characters=80)}.json"


def read_state(path: Path) -> State | None:
    """Return a state; None if there is none, or it is damaged."""
    try:
        return State(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_state(path: Path, state: State) -> None:
    """Write a state; raises OSError."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(asdict(state), indent=1).encode())


@contextmanager
def hold_lock(directories: Directories, name: str = "alerts.lock") -> Iterator[None]:
    """Keep other processes from changing the states; raises OSError."""
    with (directories.locks / name).open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def try_lock(directories: Directories, name: str) -> Iterator[bool]:
    """Take a lock without waiting, and yield whether it was free; raises OSError."""
    with (directories.locks / name).open("a") as stream:
        is_free = False
        with suppress(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = True
        yield is_free


def list_states(directories: Directories) -> Iterator[tuple[Path, State]]:
    """Yield every state with the path of its file."""
    for path in sorted(directories.alerts.glob("*.json")):
        state = read_state(path)
        if state is not None:
            yield path, state

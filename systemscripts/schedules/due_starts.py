"""Start what has a time that cron does not know: pipelines that were rescheduled, and YAML jobs with a start_time.

What waits is a file in var/due/ whose time of change is the time at which it is due: so cron asks each minute with
`find` whether there is something to do, without a process that waits. The console asks too, while it runs. Everything
survives a reboot; a YAML job that a reboot interrupted is started again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from systemscripts import log_utils, settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.schedules.cron_times import find_next_run
from systemscripts.schedules.own_schedules import read_own_schedules

logger = logging.getLogger(__name__)

# a YAML job that runs is looked after so often: whether a reboot has interrupted it
CHECK_AGAIN = timedelta(hours=1)
# starts the wrapper with these words for a run of this number; returns the number of the process
Launch = Callable[[list[str], str], int]


@dataclass(frozen=True)
class DueStart:
    """A start that waits; times in ISO with zone. `process`: boot and start of the running process of a YAML job."""

    kind: Literal["pipeline", "job"]
    name: str
    due: str
    by: str
    run_uuid: str = ""
    end: str = ""
    pid: int = 0
    process: str = ""

    @property
    def due_at(self) -> datetime:
        """The time at which it is due."""
        return datetime.fromisoformat(self.due)

    @property
    def end_at(self) -> datetime | None:
        """The end_time of a YAML job, if it has one."""
        return datetime.fromisoformat(self.end) if self.end else None

    @property
    def is_started(self) -> bool:
        """Whether the YAML job runs."""
        return bool(self.pid)

    @property
    def arguments(self) -> list[str]:
        """The words of its command."""
        return ["run_pipeline", self.name] if self.kind == "pipeline" else ["run_elt", self.name]


def plan_pipeline(directories: Directories, name: str) -> None:
    """Let a pipeline start at the next time that the operator gave it; forget it where there is none."""
    with _hold_lock(directories):
        _plan_pipeline(directories, name)


def plan_catch_up(directories: Directories, name: str) -> None:
    """Let a pipeline that was missed start with the next minute, once; it goes on by its schedule afterwards."""
    now = settings.now()
    with _hold_lock(directories):
        _write(directories, DueStart("pipeline", name, now.isoformat(), "catch_up"), now)


def plan_job(directories: Directories, name: str, start: datetime, end: datetime | None, by: str) -> str:
    """Let a YAML job start at its start_time, and return the number that its run will have."""
    due_start = DueStart(
        "job", name, start.isoformat(), by, str(uuid.uuid4()), end.isoformat() if end else "",
    )  # fmt: skip
    with _hold_lock(directories):
        _write(directories, due_start, start)
    return due_start.run_uuid


def cancel_job(directories: Directories, name: str) -> bool:
    """Forget the start of a YAML job; return whether it was waiting or is looked after."""
    with _hold_lock(directories):
        path = _get_path(directories, "job", name)
        is_known = path.exists()
        path.unlink(missing_ok=True)
    return is_known


def list_jobs(directories: Directories) -> list[DueStart]:
    """Return the YAML jobs that wait for their time or are looked after, the next one first."""
    jobs = [due_start for due_start in _read_all(directories) if due_start.kind == "job"]
    return sorted(jobs, key=lambda item: item.due_at)


def find_job(directories: Directories, run_uuid: str) -> DueStart | None:
    """Return the YAML job that waits to start with a run of this number, None where there is none."""
    return next((item for item in list_jobs(directories) if item.run_uuid == run_uuid and not item.is_started), None)


def is_something_due(directories: Directories) -> bool:
    """Return whether there may be something to start: a quick look at the times of the files."""
    now = settings.now().timestamp()
    try:
        with os.scandir(_get_folder(directories)) as entries:
            return any(entry.stat().st_mtime <= now for entry in entries if entry.name.endswith(".json"))
    except FileNotFoundError:
        return False


def start_due(directories: Directories, launch: Launch) -> list[DueStart]:
    """Start everything that is due, each once, and return what was started."""
    started = []
    with _hold_lock(directories):
        now = settings.now()
        for due_start in _read_all(directories):
            if due_start.is_started:
                started += _look_after(directories, due_start, launch)
            elif due_start.due_at <= now:
                _start(directories, due_start, launch)
                started.append(due_start)
    return started


def _start(directories: Directories, due_start: DueStart, launch: Launch) -> None:
    logger.info("%s %s is due since %s", due_start.kind, due_start.name, due_start.due)
    pid = launch(due_start.arguments, due_start.run_uuid or str(uuid.uuid4()))
    if due_start.kind == "pipeline":
        _plan_pipeline(directories, due_start.name)
        return
    running = replace(due_start, pid=pid, process=log_utils.read_process_start(pid) or "")
    _write(directories, running, settings.now() + CHECK_AGAIN)


def _look_after(directories: Directories, due_start: DueStart, launch: Launch) -> list[DueStart]:
    """Start a YAML job again that a reboot interrupted before its end; forget one that has ended."""
    if log_utils.read_process_start(due_start.pid) == due_start.process:
        _write(directories, due_start, settings.now() + CHECK_AGAIN)
        return []
    is_same_boot = due_start.process.partition(":")[0] == log_utils.read_boot()
    is_over = due_start.end_at is not None and due_start.end_at <= settings.now()
    if is_same_boot or is_over:
        _get_path(directories, "job", due_start.name).unlink(missing_ok=True)
        return []
    again = replace(due_start, run_uuid=str(uuid.uuid4()), pid=0, process="")
    _start(directories, again, launch)
    return [again]


def _plan_pipeline(directories: Directories, name: str) -> None:
    own = read_own_schedules(directories).get(name)
    if own is None:
        _get_path(directories, "pipeline", name).unlink(missing_ok=True)
        return
    due_at = find_next_run(own.schedule, settings.now())
    _write(directories, DueStart("pipeline", name, due_at.isoformat(), own.by), due_at)


def _read_all(directories: Directories) -> Iterator[DueStart]:
    for path in sorted(_get_folder(directories).glob("*.json")):
        try:
            yield DueStart(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            text = f"{path} cannot be read and is left out: {error}"
            logger.warning("%s", text, extra={"code": "due_start_unreadable"})


def _write(directories: Directories, due_start: DueStart, moment: datetime) -> None:
    path = _get_path(directories, due_start.kind, due_start.name)
    path.parent.mkdir(mode=0o770, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(json.dumps(asdict(due_start), indent=1).encode())
    os.utime(path, (moment.timestamp(), moment.timestamp()))


@contextmanager
def _hold_lock(directories: Directories) -> Iterator[None]:
    with (directories.locks / "due_starts.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _get_path(directories: Directories, kind: str, name: str) -> Path:
    return _get_folder(directories) / f"{kind}-{name}.json"


def _get_folder(directories: Directories) -> Path:
    return directories.var / "due"

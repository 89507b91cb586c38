"""Write the JSON-lines log of one run, and hold its marker."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import platform
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from systemscripts import masking, person, settings
from systemscripts.directory_management import Directories, explain_write_error
from systemscripts.errors import ConfigurationError
from systemscripts.log_utils.entries import build_notice_detail
from systemscripts.summary import Notice

RUNNING_MARKER, ENDED_MARKER = ".json", ".ended"
BEGINNING_MARKER = ".new"
# Next to the marker of an ended run: the records that did not fit on a full disk.
UNWRITTEN = ".unwritten"
OUR_LOGGERS = ("systemscripts", "jobscripts", "webconsole", "demo", "__main__")
QUIET_LIBRARIES = ("scrapy", "twisted", "urllib3", "asyncio", "filelock", "paramiko")


@dataclass
class Run:
    """The description of a run, as its first record holds it."""

    run_uuid: str
    root_uuid: str
    parent_uuid: str | None
    step_number: int | None
    job: str
    lock_key: str
    arguments: str
    host: str
    os_user: str
    pid: int
    process_start: str
    log_file: str
    # of the project; runs begun by one that did not note it have none
    version: str | None = None
    # whether an alert is sent if it is killed
    alert: bool = True


def read_boot() -> str:
    """Return the id of this boot of the host (random(4)): another one after a reboot; raises OSError."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def read_process_start(pid: int) -> str | None:
    """Return boot id and start tick of a process (proc(5), stat field 22), or None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = read_boot()
    except OSError:
        return None
    return f"{boot}:{stat.rpartition(')')[2].split()[19]}"


class RunLog(logging.Handler):
    """Writes the records of one run to its JSON-lines file and holds the run's marker."""

    def __init__(self, run: Run, directories: Directories) -> None:
        super().__init__()
        self.run = run
        self.path = Path(run.log_file)
        self.sequence = 0
        self.step = ""
        # the entries that did not fit on a full disk
        self.unwritten: list[dict[str, Any]] = []
        self._step_begun = self._begun = time.monotonic()
        self._write_lock = threading.Lock()
        self._torn = False
        # hashes of the warnings of one day
        self._warned_day, self._warned = settings.now().date(), set[int]()
        try:
            self.marker = directories.runs / f"{run.run_uuid}{RUNNING_MARKER}"
            self._marker = _create_locked_marker(self.marker, run)
            self._stream = self.path.open("ab", buffering=0)
        except OSError as error:
            raise explain_write_error(Path(error.filename or self.path), error) from error

    def begin_step(self, name: str) -> None:
        """Set the part of the job that the next records belong to."""
        self.step, self._step_begun = masking.mask(name), time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record of Python's logging."""
        try:
            message = record.getMessage()
        # a library whose arguments do not fit its text must not fail the job
        except Exception:
            message = f"{record.msg} {record.args}"
        detail = getattr(record, "detail", None)
        if notice := _get_notice(record, message):
            if self._was_warned(notice):
                return
            detail = {**build_notice_detail(notice), **(detail or {})}
        if record.exc_info and record.exc_info[0] is not None:
            detail = {**(detail or {}), "traceback": "".join(traceback.format_exception(*record.exc_info))}
        self.write(record.levelname, record.name, message, detail if isinstance(detail, dict) else None)

    def _was_warned(self, notice: Notice) -> bool:
        """Return whether this run gave the same warning today: a job that watches for weeks meets it at each pass."""
        today = settings.now().date()
        if self._warned_day != today:
            self._warned_day, self._warned = today, set()
        before = len(self._warned)
        self._warned.add(hash(notice))
        return len(self._warned) == before

    def write(self, level: str, logger: str, message: str, detail: dict[str, Any] | None = None) -> None:
        """Write one masked entry; raises EtlError if the disk is full."""
        with self._write_lock:
            self.sequence += 1
            moment = time.monotonic()
            entry = {
                "time": settings.now().isoformat(),
                "run_uuid": self.run.run_uuid,
                "sequence": self.sequence,
                "process_type": self.run.job,
                "step": self.step,
                "user": self.run.os_user,
                "step_seconds": round(moment - self._step_begun, 3),
                "total_seconds": round(moment - self._begun, 3),
                "level": level,
                "logger": logger,
                "message": masking.mask(message),
                "detail": masking.mask_values(detail),
            }
            self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        if self._torn:
            line = b"\n" + line
        try:
            self._torn = self._stream.write(line) != len(line)
            if self._torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.unwritten.append(entry)
            raise explain_write_error(self.path, error) from error

    def finish_marker(self, is_delivered: bool) -> None:
        """Remove the marker of the ended run, or mark that only its delivery to the database is left."""
        if is_delivered:
            self.marker.unlink(missing_ok=True)
            return
        if self.unwritten:
            # the disk of the logs is full, perhaps that of var/ is not
            rest = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in self.unwritten)
            self.marker.with_suffix(UNWRITTEN).write_text(rest, encoding="utf-8")
        self.marker.rename(self.marker.with_suffix(ENDED_MARKER))

    def close(self) -> None:
        """Close the files, which releases the lock of the marker."""
        self._stream.close()
        self._marker.close()
        super().close()


def _get_notice(record: logging.LogRecord, message: str) -> Notice | None:
    """Return the warning that a record of our own code is; warnings of libraries are logged but not counted."""
    if record.levelno != logging.WARNING or record.name.partition(".")[0] not in OUR_LOGGERS:
        return None
    notice = getattr(record, "notice", None)
    return notice if isinstance(notice, Notice) else Notice(getattr(record, "code", "other"), message)


def _create_locked_marker(path: Path, run: Run) -> IO[str]:
    # under another name until it is locked and complete, so that it is not mistaken for that of a dead process
    beginning = path.with_suffix(BEGINNING_MARKER)
    while True:
        stream = beginning.open("w")
        fcntl.flock(stream, fcntl.LOCK_EX)
        # before it was locked, another process may have removed it as a leftover
        if beginning.exists():
            break
        stream.close()
    stream.write(json.dumps(asdict(run)))
    stream.flush()
    beginning.rename(path)
    return stream


def describe_run(job: str, lock_key: str, arguments: str, run_uuid: str, directories: Directories, alert: bool) -> Run:
    """Return the run of this process; the process that started it passes parent, root and step in the environment."""
    step = os.environ.get("ETL_STEP_NUMBER", "")
    # the beginning of the UUID gives two runs of one second different files
    log_file = directories.logs / f"{job}_{settings.format_file_stamp()}_{run_uuid[:8]}.jsonl"
    return Run(
        run_uuid=run_uuid,
        root_uuid=_read_environment_uuid("ETL_ROOT_UUID") or run_uuid,
        parent_uuid=_read_environment_uuid("ETL_PARENT_UUID"),
        step_number=int(step) if step.isdecimal() else None,
        job=job,
        lock_key=masking.mask(lock_key),
        arguments=masking.mask(arguments),
        host=platform.node(),
        os_user=person.get_account(),
        pid=os.getpid(),
        process_start=read_process_start(os.getpid()) or "",
        log_file=str(log_file),
        version=settings.read_version(),
        alert=alert,
    )


def choose_run_uuid() -> str:
    """Return the run's UUID: the one given by the process that started this one, else a new one."""
    return _read_environment_uuid("ETL_RUN_UUID") or str(uuid.uuid4())


def _read_environment_uuid(name: str) -> str | None:
    value = os.environ.get(name)
    try:
        return str(uuid.UUID(value)) if value else None
    except ValueError as error:
        raise ConfigurationError(f"{name} is not a UUID: {value!r}", f"Run: unset {name}") from error


def get_run_uuid() -> str:
    """Return the UUID of this process's run; a new one outside a run (tests, a shell)."""
    running = next((h.run.run_uuid for h in logging.getLogger().handlers if isinstance(h, RunLog)), None)
    return running or str(uuid.uuid4())


def attach_log(handler: RunLog, debug: bool) -> None:
    """Send Python's logging, including that of libraries, to the run's log."""
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(True)
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Record the part of the job under way in every entry of the run's log."""
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, RunLog)]
    before = [handler.step for handler in handlers]
    for handler in handlers:
        handler.begin_step(name)
    try:
        yield
    finally:
        for handler, earlier in zip(handlers, before, strict=True):
            handler.begin_step(earlier)

"""What one run says: its JSON-lines file, and its marker."""

from __future__ import annotations

import fcntl
import getpass
import json
import logging
import os
import platform
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from systemscripts import masking, settings
from systemscripts.directory_management import Directories, unwritable

LOGGER = "systemscripts.log_utils"
BEGAN, ENDED = "run began", "run ended"
QUIET_LIBRARIES = ("scrapy", "twisted", "urllib3", "asyncio", "filelock", "charset_normalizer", "paramiko")


@dataclass
class Run:
    """What the first record of a run holds."""

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


def process_start(pid: int) -> str | None:
    """Boot id and start tick of a process (proc(5), stat field 22), or None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
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
        self._step_begun = self._begun = time.monotonic()
        self._write_lock = threading.Lock()
        try:
            self._stream: IO[str] = self.path.open("a", encoding="utf-8")
            self.marker = directories.runs / f"{run.run_uuid}.json"
            self._marker = self.marker.open("a+")
        except OSError as error:
            raise unwritable(self.path.parent, error) from error
        fcntl.flock(self._marker, fcntl.LOCK_EX)
        self._marker.write(json.dumps(asdict(run)))
        self._marker.flush()

    def begin_step(self, name: str) -> None:
        """Name the part of the job that the next records belong to."""
        self.step, self._step_begun = name, time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record of Python's logging."""
        if threading.current_thread().name.startswith("etl-keeper") and record.name.startswith("psycopg2"):
            return
        detail = getattr(record, "detail", None)
        if record.exc_info and record.exc_info[0] is not None:
            detail = {**(detail or {}), "traceback": "".join(traceback.format_exception(*record.exc_info))}
        self.write(record.levelname, record.name, record.getMessage(), detail)

    def write(self, level: str, logger: str, message: str, detail: dict[str, Any] | None = None) -> None:
        """Write one entry; secrets are masked on the final text."""
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
                "message": masking.mask(message).replace("\x00", ""),
                "detail": _masked(detail),
            }
            self._stream.write(json.dumps(entry, ensure_ascii=False, default=str) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the files; the marker stays until everything is delivered."""
        self._stream.close()
        self._marker.close()
        super().close()

    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._begun


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masking.mask(value).replace("\x00", "")
    if isinstance(value, dict):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


def new_run(job: str, lock_key: str, arguments: str, run_uuid: str, directories: Directories) -> Run:
    """Describe the run that this process is; parent, root and step come from the environment of whoever started it."""
    step = os.environ.get("ETL_STEP_NUMBER")
    # a second look at the name makes two runs of one second two files
    log_file = directories.logs / f"{job}_{settings.file_stamp()}_{run_uuid[:8]}.jsonl"
    return Run(
        run_uuid=run_uuid,
        root_uuid=os.environ.get("ETL_ROOT_UUID") or run_uuid,
        parent_uuid=os.environ.get("ETL_PARENT_UUID") or None,
        step_number=int(step) if step else None,
        job=job,
        lock_key=lock_key,
        arguments=masking.mask(arguments),
        host=platform.node(),
        os_user=getpass.getuser(),
        pid=os.getpid(),
        process_start=process_start(os.getpid()) or "",
        log_file=str(log_file),
    )


def current_run_uuid() -> str:
    """The run that this process is; a new one where it is none (a test, a shell)."""
    running = next((h.run.run_uuid for h in logging.getLogger().handlers if isinstance(h, RunLog)), None)
    return running or str(uuid.uuid4())


def install(handler: RunLog, debug: bool) -> None:
    """Send Python's logging, libraries included, to the run's log."""
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(True)
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name the part of the job under way in every record of the run's log."""
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, RunLog)]
    before = [handler.step for handler in handlers]
    for handler in handlers:
        handler.begin_step(name)
    try:
        yield
    finally:
        for handler, earlier in zip(handlers, before, strict=True):
            handler.begin_step(earlier)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON-lines file; a line torn by a kill is left out."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            with suppress(json.JSONDecodeError):
                yield json.loads(line)

"""Runs whose process is gone before everything of them had reached the database."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.log_utils.delivery import end_record
from systemscripts.log_utils.readable import write_readable
from systemscripts.log_utils.run_log import BEGAN, ENDED, LOGGER, Run, entries


@dataclass
class Leftover:
    """A run whose process is gone, but which has not wholly reached the database; holds the marker's lock."""

    run: Run
    path: Path
    marker: Path
    lock: IO[str]

    def close_as_interrupted(self) -> bool:
        """Give the run its last record when it has none; true when it was interrupted."""
        found = list(entries(self.path)) if self.path.exists() else []
        if any(entry["message"] == ENDED and entry["logger"] == LOGGER for entry in found):
            return False
        moment = settings.now().isoformat()
        last = found[-1] if found else {"sequence": 0, "step_seconds": 0, "total_seconds": 0}
        error = "the process ended without a word (killed, or the machine went down). Run the same command again."
        common = {"run_uuid": self.run.run_uuid, "process_type": self.run.job, "step": "", "user": self.run.os_user,
                  "logger": LOGGER, "time": moment, "step_seconds": last["step_seconds"],
                  "total_seconds": last["total_seconds"]}  # fmt: skip
        written = []
        if not found:
            written.append({"level": "INFO", "message": BEGAN, "detail": asdict(self.run)})
        written.append({"level": "ERROR", "message": ENDED, "detail": end_record("interrupted", 137, error)})
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write("\n" if found else "")  # a torn last line must not swallow the record
            for number, entry in enumerate(written, start=last["sequence"] + 1):
                stream.write(json.dumps({**common, "sequence": number, **entry}) + "\n")
        write_readable(self.path)
        return True

    def release(self, delivered: bool) -> None:
        """Let go of the marker, and remove it once everything is delivered."""
        if delivered:
            self.marker.unlink(missing_ok=True)
        self.lock.close()


def leftovers(directories: Directories) -> Iterator[Leftover]:
    """The runs of which something has not reached the database and whose process is gone, oldest first."""
    for marker in sorted(directories.runs.glob("*.json"), key=_modified):
        try:
            lock = marker.open("r+")
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        text = lock.read()
        if not marker.exists():  # somebody else finished it between our open and our lock
            lock.close()
            continue
        try:
            run = Run(**json.loads(text))
        except (json.JSONDecodeError, TypeError):
            marker.unlink(missing_ok=True)  # killed before it had said anything
            lock.close()
            continue
        yield Leftover(run, Path(run.log_file), marker, lock)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

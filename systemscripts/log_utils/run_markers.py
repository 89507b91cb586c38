"""Runs whose process is gone before everything of them had reached the database."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from systemscripts import settings
from systemscripts.directory_management import Directories
from systemscripts.log_utils.entries import BEGAN, ENDED, LOGGER, build_end_record, is_end, read_entries
from systemscripts.log_utils.run_log import BEGINNING_MARKER, ENDED_MARKER, RUNNING_MARKER, UNWRITTEN, Run
from systemscripts.log_utils.text_and_csv import write_text_and_csv

WITHOUT_A_WORD = "the process ended without a word (killed, or the machine went down). Run the same command again."


@dataclass
class DeadRun:
    """A run whose process is gone; holds the marker's lock."""

    run: Run
    path: Path
    marker: Path
    lock: IO[str]

    def interrupted(self) -> bool:
        """Whether the run was killed before it could say how it ended."""
        return not self.path.exists() or not any(is_end(entry) for entry in read_entries(self.path))

    def close_as_interrupted(self) -> None:
        """Give the run its last record, and the first where not even that was written."""
        found = list(read_entries(self.path)) if self.path.exists() else []
        last = found[-1] if found else {"sequence": 0, "step_seconds": 0, "total_seconds": 0}
        written: list[dict[str, Any]] = []
        if not found:
            written.append({"level": "INFO", "message": BEGAN, "detail": asdict(self.run)})
        detail = build_end_record("interrupted", 137, WITHOUT_A_WORD)
        written.append({"level": "ERROR", "message": ENDED, "detail": detail})
        with self.path.open("ab") as stream:
            stream.write(b"\n")  # a torn last line must not swallow the record
            for number, entry in enumerate(written, start=last["sequence"] + 1):
                stream.write(json.dumps(self._common(last) | {"sequence": number} | entry).encode() + b"\n")
        write_text_and_csv(self.path)

    def complete_readable(self) -> None:
        """Write the CSV and the TXT of a run that was killed after its last record."""
        with suppress(OSError):
            write_text_and_csv(self.path)

    def _common(self, last: dict[str, Any]) -> dict[str, Any]:
        return {
            "time": settings.now().isoformat(),
            "run_uuid": self.run.run_uuid,
            "process_type": self.run.job,
            "step": "",
            "user": self.run.os_user,
            "step_seconds": last["step_seconds"],
            "total_seconds": last["total_seconds"],
            "logger": LOGGER,
        }

    def log_is_whole(self) -> None:
        """Note that only the way into the database is left."""
        self.marker = self.marker.rename(self.marker.with_suffix(ENDED_MARKER))

    def complete_log(self) -> None:
        """Give the log the records that a full disk kept out of it; raises OSError while it is still full."""
        rest = self.marker.with_suffix(UNWRITTEN)
        if not rest.exists():
            return
        with self.path.open("ab") as stream:
            # a torn last line must not swallow the first of them
            stream.write(b"\n" + rest.read_bytes())
        rest.unlink()
        write_text_and_csv(self.path)

    def delivered(self) -> None:
        """Note that nothing is left to do."""
        self.marker.unlink(missing_ok=True)


def remove_incomplete_markers(directories: Directories) -> None:
    """Remove the markers of processes that were killed while they wrote them: their runs had not begun."""
    for marker in directories.runs.glob(f"*{BEGINNING_MARKER}"):
        with suppress(OSError), marker.open("r+") as stream:
            if _lock(stream):
                marker.unlink(missing_ok=True)


def list_unfinished(directories: Directories) -> Iterator[DeadRun]:
    """The runs that had not ended by themselves, as far as their markers know, oldest first."""
    return _locked(directories, RUNNING_MARKER)


def list_undelivered(directories: Directories) -> Iterator[DeadRun]:
    """The ended runs of which something has not reached the database, oldest first."""
    return _locked(directories, ENDED_MARKER)


def _locked(directories: Directories, ending: str) -> Iterator[DeadRun]:
    for marker in sorted(directories.runs.glob(f"*{ending}"), key=_modified):
        try:
            stream = marker.open("r+")
        except OSError:
            continue
        with stream:
            if _lock(stream) and marker.exists() and (run := _read(stream)):
                # the log's folder may have been moved since
                yield DeadRun(run, directories.logs / Path(run.log_file).name, marker, stream)


def _lock(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(stream: IO[str]) -> Run | None:
    try:
        return Run(**json.load(stream))
    except (ValueError, TypeError):  # a power cut can leave an empty file
        return None


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

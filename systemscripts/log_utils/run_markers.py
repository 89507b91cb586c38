"""Find the runs whose process is gone and that have not reached the database completely."""

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


@dataclass
class DeadRun:
    """A run whose process is gone; holds the lock of its marker."""

    run: Run
    path: Path
    marker: Path
    lock: IO[str]

    def was_interrupted(self) -> bool:
        """Return whether the run was killed before it could record how it ended."""
        return not self.path.exists() or not any(is_end(entry) for entry in read_entries(self.path))

    def read_memory(self) -> dict[str, Any]:
        """Return what the first record says of the memory of its cgroup; empty if it says nothing."""
        if not self.path.exists():
            return {}
        detail = next((entry["detail"] for entry in read_entries(self.path) if entry["message"] == BEGAN), None)
        memory = detail.get("memory") if isinstance(detail, dict) else None
        return memory if isinstance(memory, dict) else {}

    def close_as_interrupted(self, reason: str) -> None:
        """Write the last records of the run, and the first one if not even that was written."""
        recorded = list(read_entries(self.path)) if self.path.exists() else []
        last = recorded[-1] if recorded else {"sequence": 0, "step_seconds": 0, "total_seconds": 0}
        added: list[dict[str, Any]] = []
        if not recorded:
            added.append({"level": "INFO", "message": BEGAN, "detail": asdict(self.run)})
        added.append({"level": "ERROR", "message": reason, "detail": None})
        detail = build_end_record("interrupted", 137, f"{reason}. Run the same command again.")
        added.append({"level": "ERROR", "message": ENDED, "detail": detail})
        with self.path.open("ab") as stream:
            # a line that was not finished must not swallow the record
            stream.write(b"\n")
            for number, entry in enumerate(added, start=last["sequence"] + 1):
                stream.write(
                    json.dumps(self._build_common_fields(last) | {"sequence": number} | entry).encode() + b"\n"
                )
        write_text_and_csv(self.path)

    def write_readable_logs(self) -> None:
        """Write the CSV and the TXT file of a run that was killed after its last record."""
        with suppress(OSError):
            write_text_and_csv(self.path)

    def _build_common_fields(self, last: dict[str, Any]) -> dict[str, Any]:
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

    def mark_log_complete(self) -> None:
        """Mark the log as complete: only its delivery to the database is left."""
        self.marker = self.marker.rename(self.marker.with_suffix(ENDED_MARKER))

    def append_unwritten(self) -> None:
        """Append the records that did not fit on a full disk; raises OSError while it is still full."""
        unwritten = self.marker.with_suffix(UNWRITTEN)
        if not unwritten.exists():
            return
        with self.path.open("ab") as stream:
            # a line that was not finished must not swallow the first of them
            stream.write(b"\n" + unwritten.read_bytes())
        unwritten.unlink()
        write_text_and_csv(self.path)

    def mark_delivered(self) -> None:
        """Remove the marker: nothing is left to do."""
        self.marker.unlink(missing_ok=True)


def remove_incomplete_markers(directories: Directories) -> None:
    """Remove the markers of processes that were killed while writing them: their runs had not begun."""
    for marker in directories.runs.glob(f"*{BEGINNING_MARKER}"):
        with suppress(OSError), marker.open("r+") as stream:
            if _try_lock(stream):
                marker.unlink(missing_ok=True)


def list_unfinished(directories: Directories) -> Iterator[DeadRun]:
    """Yield the runs that did not end by themselves according to their markers, oldest first."""
    return _iterate_locked(directories, RUNNING_MARKER)


def list_undelivered(directories: Directories) -> Iterator[DeadRun]:
    """Yield the ended runs that have not reached the database completely, oldest first."""
    return _iterate_locked(directories, ENDED_MARKER)


def _iterate_locked(directories: Directories, suffix: str) -> Iterator[DeadRun]:
    for marker in sorted(directories.runs.glob(f"*{suffix}"), key=_get_modified_time):
        try:
            stream = marker.open("r+")
        except OSError:
            continue
        with stream:
            if _try_lock(stream) and marker.exists() and (run := _read_marker(stream)):
                # the folder of the logs may have been moved since
                yield DeadRun(run, directories.logs / Path(run.log_file).name, marker, stream)


def _try_lock(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read_marker(stream: IO[str]) -> Run | None:
    try:
        return Run(**json.load(stream))
    # a power cut can leave an empty file
    except (ValueError, TypeError):
        return None


def _get_modified_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

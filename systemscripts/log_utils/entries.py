"""The records of a JSON-lines log, among them the first and the last of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from systemscripts.summary import Notice

LOGGER = "systemscripts.log_utils"
BEGAN, ENDED = "run began", "run ended"
FIELDS = (
    "time",
    "run_uuid",
    "sequence",
    "process_type",
    "step",
    "user",
    "step_seconds",
    "total_seconds",
    "level",
    "logger",
    "message",
    "detail",
)


def parse_entries(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the records in some lines; a line that a kill or a full disk left incomplete is skipped."""
    for line in lines:
        with suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.keys() >= set(FIELDS):
                yield entry


def read_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSON-lines file."""
    with path.open("rb") as stream:
        yield from parse_entries(stream)


def is_begin(entry: dict[str, Any]) -> bool:
    """Return whether this record says that a run began; its detail is the Run."""
    return bool(entry["logger"] == LOGGER and entry["message"] == BEGAN)


def is_end(entry: dict[str, Any]) -> bool:
    """Return whether this record says how a run ended; its detail comes from `build_end_record`."""
    return bool(entry["logger"] == LOGGER and entry["message"] == ENDED)


def build_notice_detail(notice: Notice) -> dict[str, Any]:
    """Return the detail of a record that is a warning."""
    values = {"code": notice.code, "import": notice.config_name, "file_id": notice.file_id}
    values |= {"dataset_id": notice.dataset_id}
    return {name: value for name, value in values.items() if value is not None}


def is_warning(entry: dict[str, Any]) -> bool:
    """Return whether this record becomes a row of dba.twarning; its detail comes from `build_notice_detail`."""
    return entry["level"] == "WARNING" and "code" in (entry["detail"] or {})


def build_end_record(status: str, exit_code: int, error: str | None, **counts: int | None) -> dict[str, Any]:
    """Return the detail of the last record of a run."""
    empty = dict.fromkeys(("files", "read", "loaded", "rejected", "skipped", "held"))
    return {"status": status, "exit_code": exit_code, "error": error, **empty, **counts}

"""The CSV and the TXT of a run, for people."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from systemscripts.directory_management import atomic_write
from systemscripts.log_utils.run_log import entries

_CSV_COLUMNS = (
    "time", "run_uuid", "sequence", "process_type", "step", "user", "step_seconds", "total_seconds", "level", "logger",
    "message", "detail",
)  # fmt: skip


def write_readable(path: Path) -> None:
    """Write the CSV and the TXT beside a run's JSON-lines file."""
    table, text = io.StringIO(), io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for entry in entries(path):
        detail = entry["detail"]
        writer.writerow([entry[name] for name in _CSV_COLUMNS[:-1]] + [json.dumps(detail) if detail else ""])
        step_name = f" [{entry['step']}]" if entry["step"] else ""
        text.write(f"{entry['time']} {entry['level']:7}{step_name} {entry['message']}\n")
        if detail and detail.get("traceback"):
            text.write(detail["traceback"])
    for ending, content in ((".csv", table), (".txt", text)):
        with atomic_write(path.with_suffix(ending)) as stream:
            stream.write(content.getvalue().encode())

"""Write the CSV and the TXT file of a run, for people."""

from __future__ import annotations

import codecs
import csv
import json
from pathlib import Path
from typing import Any

from systemscripts.directory_management import atomic_write
from systemscripts.log_utils.entries import FIELDS, read_entries


def write_text_and_csv(path: Path) -> None:
    """Write the CSV and the TXT file next to the JSON-lines file of a run."""
    csv_file, text_file = path.with_suffix(".csv"), path.with_suffix(".txt")
    with atomic_write(csv_file, durable=False) as table, atomic_write(text_file, durable=False) as text:
        writer = csv.writer(codecs.getwriter("utf-8")(table), lineterminator="\n")
        writer.writerow(FIELDS)
        for entry in read_entries(path):
            detail = json.dumps(entry["detail"], ensure_ascii=False) if entry["detail"] else ""
            writer.writerow([*(entry[name] for name in FIELDS[:-1]), detail])
            text.write(_format_entry(entry).encode())


def _format_entry(entry: dict[str, Any]) -> str:
    step_name = f" [{entry['step']}]" if entry["step"] else ""
    line = f"{entry['time']} {entry['level']:7}{step_name} {entry['message']}\n"
    return line + ((entry["detail"] or {}).get("traceback") or "")

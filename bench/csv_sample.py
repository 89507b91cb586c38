"""Generates a clean CSV of ten columns and any size, always the same; also with lineage fields for `psql \\copy`."""

from __future__ import annotations

import random
from pathlib import Path

COLUMNS = ("id", "email", "sent", "amount", "flag", "code", "name", "city", "note", "score")
TEXT_TYPES = dict.fromkeys(COLUMNS, "text")
SCHEMA = {
    "id": "integer",
    "email": {"checks": {"email": True}},
    "sent": {"type": "timestamp", "formats": "dd/MM/yyyy HH:mm"},
    "amount": {"type": "numeric", "null": ["-"]},
    "score": "integer",
}


def generate(path: Path, megabytes: float) -> int:
    """Write a clean file of about this size; return the number of rows."""
    source, rows, size = random.Random(1), 0, 0
    with path.open("w") as stream:
        stream.write(",".join(COLUMNS) + "\n")
        while size < megabytes * 1e6:
            chunk = "".join(_row(source, rows + n) for n in range(10_000))
            rows, size = rows + 10_000, size + len(chunk)
            stream.write(chunk)
    return rows


def _row(source: random.Random, n: int) -> str:
    amount = "-" if n % 50 == 0 else f"{source.random() * 1000:.2f}"
    return (
        f"{n},user{n}@example{n % 97}.com,{1 + n % 28:02}/{1 + n % 12:02}/2025 {n % 24:02}:{n % 60:02},{amount},yes,"
        f"{n % 1000:05},Name {n % 5000},City {n % 300},some note text here {n},{n % 100}\n"
    )


def spoil_rows(path: Path, target: Path, bad_rows: int) -> None:
    """Write the same file with this many rows that lack one field, spread over the file."""
    size, written = path.stat().st_size, 0
    with path.open("rb") as source, target.open("wb") as stream:
        done = 0
        for line in source:
            if written < bad_rows and done > size * (written + 0.5) / bad_rows:
                line = line.replace(b",", b" ", 1)
                written += 1
            done += len(line)
            stream.write(line)


def add_lineage(path: Path, target: Path) -> None:
    """Write the same rows, each after a dataset and a line number."""
    with path.open() as source, target.open("w") as stream:
        next(source)
        stream.writelines(f"1,{number},{line}" for number, line in enumerate(source, start=2))

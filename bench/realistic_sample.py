"""Generate a CSV as clients send them: typed columns, codes, quoted notes with line breaks, some fields empty.

Ten columns: integer, code with leading zeros, numeric, date, timestamp, boolean, name, city, category, and a note with
commas, quotes, line breaks and letters beyond ASCII. About one field in fifty is empty.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

COLUMNS = ("id", "article_code", "amount", "ordered_on", "changed_at", "paid", "name", "city", "category", "note")
# What suggest_import.py proposes for this file.
SCHEMA: Mapping[str, object] = {
    "id": "integer", "amount": "numeric", "ordered_on": "date", "changed_at": "timestamp", "paid": "boolean",
}  # fmt: skip
TYPES = {name: str(SCHEMA.get(name, "text")) for name in COLUMNS}
# Of the fields that may be empty.
EMPTY_SHARE = 0.02
CHUNK_ROWS = 10_000
FIRST_DAY = date(2024, 1, 1)
CITIES = ("Köln", "São Paulo", "Zürich", "London", "New York", "Łódź", "Paris", "Málaga", "Wien", "Oslo")
CATEGORIES = ("tools", "garden", "office", "kitchen", "toys")
NOTES = (
    "delivered on time",
    "customer asked for a call, morning only",
    'the box says "fragile", handle with care',
    "first line of the address\nsecond line of the address",
    "café délivré à l'heure",
    "gift wrapping; two cards",
)


def generate(path: Path, megabytes: float, quoted: bool = True, delimiter: str = ",", line_end: str = "\n") -> int:
    """Write a file of about this size; return the number of rows.

    `quoted`: notes have commas, quotes and line breaks and are quoted; else they have none and nothing is quoted.
    """
    source, rows, size = random.Random(1), 0, 0
    with path.open("w", newline="", encoding="utf-8") as stream:
        stream.write(delimiter.join(COLUMNS) + line_end)
        while size < megabytes * 1e6:
            text = _write_rows(source, rows, quoted, delimiter, line_end)
            rows, size = rows + CHUNK_ROWS, size + len(text.encode())
            stream.write(text)
    return rows


def _write_rows(source: random.Random, first: int, quoted: bool, delimiter: str, line_end: str) -> str:
    chunk = io.StringIO(newline="")
    writer = csv.writer(chunk, delimiter=delimiter, lineterminator=line_end)
    writer.writerows(_build_row(source, first + number, quoted) for number in range(CHUNK_ROWS))
    return chunk.getvalue()


def _build_row(source: random.Random, number: int, quoted: bool) -> list[str]:
    day = FIRST_DAY + timedelta(days=source.randrange(700))
    note = source.choice(NOTES)
    if not quoted:
        note = note.translate(str.maketrans({",": " ", ";": " ", '"': " ", "\n": " "}))
    minute = source.randrange(1440)
    values = [
        f"{source.randrange(100_000):05}",
        f"{source.randrange(-2_000, 100_000) / 100:.2f}",
        day.isoformat(),
        f"{day + timedelta(days=source.randrange(9))} {minute // 60:02}:{minute % 60:02}:{source.randrange(60):02}",
        source.choice(("true", "false")),
        f"Name {source.randrange(5_000)}",
        source.choice(CITIES),
        source.choice(CATEGORIES),
        f"{note} {number}",
    ]
    return [str(number), *("" if source.random() < EMPTY_SHARE else value for value in values)]


def add_lineage(path: Path, target: Path, delimiter: str = ",") -> None:
    """Write the same rows without the header, each after a dataset and a row number, for `psql \\copy`."""
    with path.open(newline="", encoding="utf-8") as source, target.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.reader(source, delimiter=delimiter)
        next(rows)
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerows([1, number, *row] for number, row in enumerate(rows, start=2))

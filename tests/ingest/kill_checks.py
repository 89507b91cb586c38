"""What the end of a run is compared by: rows of ledgers and targets, files, and what is left of the runs."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from tests.conftest import Installation

TIMES = {"created_at", "status_at", "warned_at", "changed_at", "updated_at"}
IDENTITIES = {"run_uuid", "sequence", "schema_change_id", "row_history_id", "rejected_row_id"}
MOMENTS = {"archived_at", "settled_at", "purged_at", "replayed_at"}
LEDGERS = (
    "tdataset", "tdatasetmonth", "tdatasetoverlap", "tfile", "trejectedrow", "trowhistory", "tschemachange", "twarning",
)  # fmt: skip


class Numbers:
    """The numbers of datasets and files, counted without the gaps that a killed run leaves."""

    def __init__(self, installation: Installation) -> None:
        self._folder = str(installation.data)
        self._known = {
            name: {
                number: step
                for step, (number,) in enumerate(installation.sql(f"select {name} from {table} order by 1"))
            }
            for name, table in (("dataset_id", "dba.tdataset"), ("file_id", "dba.tfile"))
        }

    def row(self, values: dict[str, Any]) -> str:
        """Return a row as a text that is equal for equal rows."""
        kept = {}
        for name, value in values.items():
            if name in TIMES | IDENTITIES:
                continue
            if name in ("superseded_by", "previous_dataset_id", "holder_id"):
                value = self._place("dataset_id", value)
            elif name in self._known or name == "resolved_by":
                value = self._place(name if name in self._known else "file_id", value)
            if name == "plan" and value:
                # the DDL has a transaction of its own: a killed run may have made what the next one finds
                value = {key: item for key, item in value.items() if key not in ("create", "added")}
            kept[name] = value is not None if name in MOMENTS else value
        return self.text(json.dumps(kept, sort_keys=True, default=str))

    def _place(self, name: str, number: int | None) -> str:
        return f"place {self._known[name].get(number, 'unknown') if number is not None else number}"

    def text(self, text: str) -> str:
        """Return a text in which datasets and files have their places instead of their numbers."""
        datasets, files = self._known["dataset_id"], self._known["file_id"]
        for names, places in ((r'(?:dataset|accept|undo)[ _]|"dataset_id": ', datasets), ('"file_id": ', files)):
            text = re.sub(
                rf"({names})(\d+)\b",
                lambda match, places=places: f"{match[1]}{places.get(int(match[2]), match[2])}",
                text,
            )
        text = re.sub(r"\bby run [0-9a-f-]{36}", "by run R", text).replace(self._folder, "DATA")
        # where a command was printed for, from which folder it would be typed
        return re.sub(r"\S*/etl ", "etl ", text)


def state(installation: Installation) -> dict[str, Any]:
    """Return everything that must be equal: all rows of ledgers and targets, all files, what is left of the runs."""
    numbers = Numbers(installation)
    tables = [f"dba.{name}" for name in LEDGERS]
    tables += [
        f"public.{name}"
        for (name,) in installation.sql(
            "select table_name from information_schema.tables where table_schema = 'public'"
        )
    ]
    result: dict[str, Any] = {}
    for table in tables:
        dumped = installation.sql(f"select to_jsonb(t) from {table} t")
        result[table] = sorted(numbers.row(row[0]) for row in dumped)
    result["running"] = installation.sql("select count(*) from dba.trun where status = 'running'")
    for folder in ("archive", "file_watcher", "north", "south", "west", "lake"):
        result[folder] = {
            numbers.text(name): content for name, content in files(installation.data / folder, numbers).items()
        }
    left = ("var/runs", "var/unpacked")
    result["left"] = [
        str(p.relative_to(installation.data)) for name in left for p in (installation.data / name).rglob("*")
    ]
    result["left"] += [str(p.relative_to(installation.data)) for p in installation.data.rglob("*.part")]
    return result


def files(folder: Path, numbers: Numbers) -> dict[str, str]:
    """Return every file and folder of a folder with a hash of its content; of a zip and of Parquet what is within."""
    result = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            result[name] = "a folder"
        elif path.suffix == ".zip" and folder.name == "archive" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as opened:
                members = [(entry, hashlib.sha256(opened.read(entry)).hexdigest()) for entry in opened.namelist()]
            result[name] = str(sorted(members))
        elif path.suffix == ".parquet":
            result[name] = _parquet_rows(path, numbers)
        else:
            content = _without_time(path.read_bytes())
            if path.name.endswith(".reason.txt"):
                content = numbers.text(content.decode()).encode()
            result[name] = hashlib.sha256(content).hexdigest()
    return result


def _parquet_rows(path: Path, numbers: Numbers) -> str:
    import duckdb

    with duckdb.connect() as connection:
        cursor = connection.execute(f"select * from read_parquet('{path}') order by source_row")
        names = [column[0] for column in cursor.description or []]
        return "\n".join(numbers.row(dict(zip(names, row, strict=True))) for row in cursor.fetchall())


def _without_time(content: bytes) -> bytes:
    """Leave out the minute that a reason file begins with."""
    return re.sub(rb" on \d{4}-\d\d-\d\d \d\d:\d\d\.", b"", content[:300]) + content[300:]


def compare(now: dict[str, Any], expected: dict[str, Any], said: str) -> None:
    """Assert that two states are equal; say only what differs."""
    for name in expected:
        if now[name] != expected[name]:
            more, less = _differences(now[name], expected[name])
            raise AssertionError(f"{said}: {name} has {more}, lacks {less}")


def _differences(now: Any, expected: Any) -> tuple[list[str], list[str]]:
    left, right = ([str(e) for e in (v.items() if isinstance(v, dict) else v)] for v in (now, expected))
    for item in list(left):
        if item in right:
            left.remove(item)
            right.remove(item)
    return [item[:600] for item in left[:5]], [item[:600] for item in right[:5]]

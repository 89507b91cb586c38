"""Three bad rows among very many: the right lines, reasons that a client understands, and in they come once fixed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Installation

SCHEMA: dict[str, Any] = {"id": {"type": "integer"}, "day": {"type": "date", "formats": ["dd/MM/yyyy", "yyyy-MM-dd"]}}
HUGE = pytest.param(1_000_000, marks=pytest.mark.long)


def content(rows: int, bad: dict[int, str]) -> str:
    """A file whose data begin in line 2; `bad`: line -> what stands there."""
    lines = [f"{number},05/01/2026,name {number}" for number in range(2, rows + 2)]
    for line, text in bad.items():
        lines[line - 2] = text
    return "id,day,name\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("rows", [60_000, HUGE])
def test_declared_columns(installation: Installation, rows: int) -> None:
    installation.configure("lists", load_mode="append", schema=SCHEMA)
    bad = {17: "16,31/02/2026,x", rows // 2: "12x,05/01/2026,x", rows + 1: "1,05/01/2026,x,one too many"}
    installation.drop("lists.csv", content(rows, bad))
    [row] = installation.summary("generic_import", "lists")["rows"]
    assert (row["read"], row["loaded"], row["rejected"], row["skipped"]) == (rows, rows - 3, 3, 0)
    assert installation.sql("select source_row, reason, raw_row from dba.trejectedrow order by 1") == [
        (17, "day: '31/02/2026' is not a date of the form dd/MM/yyyy or yyyy-MM-dd", bad[17]),
        (rows // 2, "id: '12x' is not a whole number", bad[rows // 2]),
        (rows + 1, "has 4 values, expected 3", bad[rows + 1]),
    ]
    installation.configure("lists", schema={"id": {"type": "integer", "null": ["12x"]}, "day": SCHEMA["day"]})
    replayed = installation.summary("generic_import", "--replay-rejects", row["dataset"])
    assert replayed["counts"] == {"read": 3, "loaded": 1, "rejected": 2, "skipped": 0, "held": 0}
    assert installation.sql("select count(*), count(id), max(source_row) from public.lists") == [
        (rows - 2, rows - 3, rows)
    ]


@pytest.mark.parametrize("rows", [60_000, HUGE])
def test_text_as_it_stands(installation: Installation, rows: int) -> None:
    installation.configure("lists", load_mode="append")
    bad = {17: "short", rows // 2: "1,2,3,4", rows + 1: "1,2,\x00"}
    installation.drop("lists.csv", content(rows, bad))
    [row] = installation.summary("generic_import", "lists")["rows"]
    assert (row["read"], row["loaded"], row["rejected"], row["skipped"]) == (rows, rows - 3, 3, 0)
    assert installation.sql("select source_row, reason from dba.trejectedrow order by 1") == [
        (17, "has 1 value, expected 3"),
        (rows // 2, "has 4 values, expected 3"),
        (rows + 1, "contains a NUL character"),
    ]

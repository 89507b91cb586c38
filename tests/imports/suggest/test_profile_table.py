"""Whole files are looked at by two processes, and the evidence is what one alone would have found."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from systemscripts.errors import EtlError
from systemscripts.imports.suggest import infer_types, profile_table
from systemscripts.tables import forked_process
from systemscripts.tables.open_table import open_table

pytestmark = pytest.mark.fast

ROWS = 30_000


def write_table(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    lines = ["Id,Odd,Code,Day,Both,Amount,Late,Twin"]
    for n in range(ROWS):
        odd = "12x" if n in (20_000, 29_000) else n
        late = "" if n < 15_000 else n  # the first half is blank
        day, both = f"{1 + n % 28:02}/03/2026", f"0{1 + n % 9}/03/2026"
        amount = "-" if n % 3 == 0 else f"{n}.50"
        lines.append(f"{n},{odd},{n % 900:04},{day},{both},{amount},{late},t{min(n, ROWS - 2)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def proposals(path: Path) -> dict[str, tuple[object, ...]]:
    with open_table(path) as table:
        evidence, rows = profile_table.profile_columns(table, table.columns, lambda done: None)
        assert rows == ROWS
        proposed = infer_types.infer_columns(table.columns, evidence, ",")
        pairs = zip(proposed, evidence, strict=True)
        return {p.column: (p.declared["type"], p.reason, seen.is_unique) for p, seen in pairs}


@pytest.mark.parametrize("processes", [1, 2])
def test_counts_lines_and_keys_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    monkeypatch.setattr(profile_table, "FIRST_ROWS_COUNT", 1000)
    monkeypatch.setattr(profile_table, "PIECE_BYTES", 2**14)
    monkeypatch.setattr(forked_process, "is_possible", lambda: processes == 2)
    ambiguous = (
        "date dd/MM/yyyy; Day has dMy; AMBIGUOUS: reads as date dd/MM/yyyy and as date MM/dd/yyyy, ask the client"
    )
    assert proposals(write_table(tmp_path)) == {
        "Id": ("integer", "integer", True),
        "Odd": ("integer", "integer, 2 of 30,000 do not fit: '12x' line 20,002, '12x' line 29,002", False),
        "Code": ("text", "text: codes with leading zeros", False),
        "Day": ("date", "date dd/MM/yyyy", False),
        "Both": ("date", ambiguous, False),
        "Amount": ("numeric", "numeric, no value: '-' (10,000)", False),
        "Late": ("integer", "integer", False),
        "Twin": ("text", "text", False),
    }


def test_a_second_process_that_dies_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_table, "FIRST_ROWS_COUNT", 1000)
    monkeypatch.setattr(profile_table, "PIECE_BYTES", 2**14)
    monkeypatch.setattr(forked_process, "is_possible", lambda: True)
    monkeypatch.setattr(profile_table, "_run_helper", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(EtlError, match="ended early"):
        proposals(write_table(tmp_path))


@pytest.mark.parametrize(
    ("first", "later", "declared"),
    [
        ("{n}", "{n}.234,50 €", {"type": "numeric", "decimal": ",", "thousands": ".", "currency": "€"}),
        ("{n}.5", "({n}.25)", {"type": "numeric", "negative": "brackets"}),
        ("13/01/2{n:03}", "13/01/2{n:03} 14:30", {"type": "timestamp", "formats": ["dd/MM/yyyy", "dd/MM/yyyy HH:mm"]}),
        ("JA", "NEIN", {"type": "boolean", "true": "JA", "false": "NEIN"}),
        ("{n}", "0{n}", {"type": "text"}),
        ("{n}", "soon", {"type": "text"}),
        ("{n}", " n/a ", {"type": "integer", "null": ["n/a"]}),
        ("", "{n}", {"type": "integer"}),
    ],
)
def test_a_column_that_is_written_otherwise_further_down_is_read_again(
    tmp_path: Path, first: str, later: str, declared: dict[str, object]
) -> None:
    path = tmp_path / "list.csv"
    rows = [first.format(n=1 + n % 900) for n in range(3000)] + [later.format(n=1 + n % 900) for n in range(3000)]
    path.write_text("id;value\n" + "".join(f"{n};{value}\n" for n, value in enumerate(rows)))
    with open_table(path) as table:
        profiles, _ = profile_table.profile_columns(table, table.columns, lambda done: None)
        proposal = infer_types.infer_columns(table.columns, profiles, ";")[1]
    assert proposal.declared == declared
    assert profiles[0].is_unique

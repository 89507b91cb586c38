"""DuckDB tests the columns of a large file as they are tested here, and leaves alone what it cannot confirm."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.column_spellings.labels import COUNTRIES
from bench.labelled_files import SPELLINGS
from systemscripts.imports.suggest import duckdb_profile, infer_types, profile_table, read_file
from systemscripts.imports.suggest.infer_types import Proposal
from systemscripts.tables.column_names import make_column_names
from systemscripts.tables.open_table import open_table

IS_LONG = bool(os.environ.get("ETL_TEST_LONG"))
ROWS, WIDTH = 300, 8


@pytest.fixture(autouse=True)
def _few_rows_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_table, "FIRST_ROWS_COUNT", 100)
    monkeypatch.setattr(profile_table, "PIECE_BYTES", 2**12)
    monkeypatch.setattr(duckdb_profile, "MIN_BYTES", 0)


def propose(path: Path) -> tuple[list[tuple[Proposal, bool]], int]:
    """The proposal for each column with whether it is different in every row, and the number of rows."""
    with open_table(path) as table:
        names = make_column_names(table.columns)
        profiles, rows = profile_table.profile_columns(table, names, lambda done: None)
        proposals = infer_types.infer_columns(names, profiles, table.detected.delimiter)
    return list(zip(proposals, (seen.is_unique for seen in profiles), strict=True)), rows


def propose_in_both_ways(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[Proposal, bool]], int, bool]:
    """What is proposed, which is the same without DuckDB; and whether DuckDB has confirmed it."""
    counts: list[int | None] = []
    profile_file = duckdb_profile.profile_file

    def watch(*arguments: object) -> int | None:
        counts.append(profile_file(*arguments))
        return counts[-1]

    monkeypatch.setattr(duckdb_profile, "profile_file", watch)
    proposed = propose(path)
    monkeypatch.setattr(duckdb_profile, "profile_file", lambda *_: None)
    assert propose(path) == proposed
    assert counts in ([None], [proposed[1]])
    return *proposed, counts != [None]


def write(path: Path, headers: Sequence[str], columns: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(headers)
        writer.writerows(zip(*columns, strict=True))


def test_every_spelling_is_confirmed_as_it_is_found_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(7)
    columns = []
    for spelling in SPELLINGS if IS_LONG else draw.sample(SPELLINGS, 64):
        if not spelling.in_workbook:
            country = draw.choice([country for country in COUNTRIES if spelling.fits(country)])
            columns.append(spelling.make(draw, country, ROWS))
            for row in draw.sample(range(draw.choice((10, 200)), ROWS), 9):
                columns[-1].cells[row] = "" if "text" in columns[-1].types else "n/a"
    confirmed = []
    for begin in range(0, len(columns), WIDTH):
        group = columns[begin : begin + WIDTH]
        path = tmp_path / f"{begin}.csv"
        write(path, [f"{column.header} {n}" for n, column in enumerate(group)], [column.cells for column in group])
        with monkeypatch.context() as patch:
            _, rows, is_confirmed = propose_in_both_ways(path, patch)
        assert rows == ROWS
        confirmed.append(is_confirmed)
    # a text that is written like half a date has exceptions
    assert confirmed.count(False) <= 1


def test_notes_of_several_lines_and_repeated_keys_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [*range(1, ROWS), 7]
    notes = [f'call "Bob", \n room {number}' if number % 3 else "" for number in ids]
    path = tmp_path / "list.csv"
    write(path, ["Id", "Line", "Note"], [ids, range(ROWS), notes])
    proposed, rows, is_confirmed = propose_in_both_ways(path, monkeypatch)
    assert (rows, is_confirmed) == (ROWS, True)
    assert [(proposal.declared["type"], unique) for proposal, unique in proposed] == [
        ("integer", False), ("integer", True), ("text", False),
    ]  # fmt: skip


@pytest.mark.parametrize("last", ["12x\tb", "1\tb\tmore", '"1\tb'])
def test_what_does_not_fit_is_looked_at_here(tmp_path: Path, last: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Id\tName\n" + "".join(f"{number}\tname\n" for number in range(ROWS)) + f"{last}\n")
    (proposal, _), _ = propose(path)[0]
    assert proposal.declared["type"] == "integer"
    assert ("'12x' line 302" in proposal.reason) == last.startswith("12x")


def test_a_total_in_the_last_row_is_still_found(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    rows = [f'{number},client {number},{number}.50,"a, \n{number}"\n' for number in range(20_000)]
    path.write_text("Id,Name,Amount,Note\n" + "".join(rows) + "Total,,200000000.00,\n")
    facts = read_file.read_file(path, lambda done: None)
    assert [skip.rule for skip in facts.skips] == [{"id": ["Total"], "name": [""], "note": [""]}]
    assert "row 40002" in facts.skips[0].reason

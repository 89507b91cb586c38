"""transform: a function for what configuration cannot say, between the file and the checks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.configuration import referenced_files
from systemscripts.directory_management import Directories
from systemscripts.ingest import replay_rejects, run_imports
from systemscripts.summary import Summary
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
CONFIG: dict[str, Any] = {"transform": "clean", "load_mode": "append", "max_reject_rate": 1}
SPLIT = """
def clean(rows):
    rows = rows[rows["name"] != "Total"].copy()
    rows[["first", "last"]] = rows["name"].str.split(" ", n=1, expand=True)
    rows["amount"] = rows["amount"].str.replace("EUR ", "")
    return rows.drop(columns=["name"])
"""


class Desk:
    """Loads in this very process, so that the folder of functions can be another."""

    def __init__(self, here: Installation, connection: Any, folder: Path) -> None:
        self.here, self.connection, self.folder = here, connection, folder
        self.directories = Directories(here.data).create()

    def load(self, content: str, function: str, **options: Any) -> Summary:
        (self.folder / "clean.py").write_text(function)
        self.here.drop("lists.csv", content)
        config = configuration.load_import(self.connection, "lists")
        return run_imports.run_imports(self.connection, [config], self.directories, RUN, run_imports.Options(**options))


@pytest.fixture
def desk(here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    (tmp_path / "transforms").mkdir()
    monkeypatch.setattr(referenced_files, "TRANSFORMS", tmp_path / "transforms")
    with contextlib.closing(psycopg2.connect(here.url)) as connection:
        yield Desk(here, connection, tmp_path / "transforms")


def test_columns_and_rows_change_and_every_row_is_accounted_for(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG, schema={"amount": "numeric"})
    summary = desk.load("name,amount\nAda Lovelace,EUR 3.50\nTotal,EUR 9\nMax,much\n", SPLIT)
    [row] = summary.rows
    assert (row["read"], row["loaded"], row["rejected"], row["skipped"]) == (3, 1, 1, 1), summary
    assert desk.here.sql("select source_row, amount::text, first, last from public.lists") == [
        (2, "3.50", "Ada", "Lovelace")
    ]
    # the reject is the row as the client wrote it, not as the function left it
    assert desk.here.sql("select source_row, raw_row, value, reason from dba.trejectedrow") == [
        (4, "Max,much", "much", "amount: 'much' is not a number")
    ]


def test_rejected_rows_go_through_it_again(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG, schema={"amount": "numeric"})
    dataset = desk.load("name,amount\nAda L,EUR 1\nMax M,much\n", SPLIT).rows[0]["dataset"]
    (desk.folder / "clean.py").write_text(SPLIT.replace('"EUR ", ""', '"EUR ", "").replace("much", "7"'))
    replay_rejects.replay_rejects(desk.connection, dataset, 0, desk.directories)
    assert desk.here.sql("select source_row, amount::integer, last from public.lists order by 1") == [
        (2, 1, "L"), (3, 7, "M"),
    ]  # fmt: skip


def test_values_of_other_types_become_what_a_file_would_hold(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG)
    typed = """
import pandas
def clean(rows):
    rows["whole"] = pandas.to_numeric(rows["n"])
    rows["half"] = rows["whole"] / 2
    rows["none"] = rows["half"].where(rows["half"] > 1)
    rows["day"] = pandas.Timestamp(2026, 1, 5, 6)
    rows["yes"] = rows["whole"] > 1
    return rows
"""
    desk.load("n\n1\n4\n", typed)
    assert desk.here.sql("select n, whole, half, none, day, yes from public.lists order by 1") == [
        ("1", "1", "0.5", None, "2026-01-05 06:00:00", "false"), ("4", "4", "2", "2", "2026-01-05 06:00:00", "true"),
    ]  # fmt: skip


def test_a_dry_run_shows_the_columns_that_come_out(desk: Desk) -> None:
    desk.here.configure("lists", **CONFIG)
    summary = desk.load("name,amount\nAda L,EUR 1\n", SPLIT, dry_run=True)
    assert '"last" text' in "\n".join(summary.details)
    assert desk.here.sql("select to_regclass('public.lists') is null") == [(True,)]


@pytest.mark.parametrize(
    ("function", "code", "said"),
    [
        ("def clean(rows):\n    return rows['nowhere']\n", 65, "clean.py, line 2: KeyError: 'nowhere'"),
        ("def other(rows):\n    return rows\n", 78, "has no function clean"),
        ("def clean(rows:\n", 78, "clean.py, line 1: SyntaxError"),
        ("def clean(rows):\n    return 5\n", 78, "does not return a DataFrame"),
        ("import pandas\ndef clean(rows):\n    return pandas.concat([rows, rows])\n", 78, "the same row twice"),
        ("def clean(rows):\n    return rows.rename(columns={'n': 'No!'})\n", 78, "are not valid column names"),
    ],
)
def test_a_function_that_fails_is_one_line_and_loads_nothing(desk: Desk, function: str, code: int, said: str) -> None:
    desk.here.configure("lists", **CONFIG)
    summary = desk.load("n\n1\n2\n", function)
    assert (summary.exit_code, said in summary.problems[0]) == (code, True), summary
    assert len(summary.problems[0].splitlines()) == 1
    assert desk.here.sql("select count(*) from dba.tdataset") == [(0,)]
    assert desk.here.list_waiting() == ([] if code == 65 else ["lists.csv"])


def test_it_comes_before_a_parquet_file_too(desk: Desk) -> None:
    lake = {"target": {"parquet": "var/lake/lists"}, "target_table": "parquet:var/lake/lists"}
    desk.here.configure("lists", **CONFIG | lake, schema={"amount": {"type": "numeric", "scale": 2}})
    summary = desk.load("name,amount\nAda Lovelace,EUR 3.50\nTotal,EUR 9\n", SPLIT)
    assert (summary.counts.loaded, summary.counts.skipped) == (1, 1), summary
    import duckdb

    [path] = (desk.here.data / "var" / "lake" / "lists").glob("*.parquet")
    assert duckdb.sql(f"select first, amount::text from read_parquet('{path}')").fetchall() == [("Ada", "3.50")]

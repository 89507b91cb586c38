"""What changed from one dataset to the next of its label."""

from __future__ import annotations

import csv
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Installation

CONFIG = {
    "metadata_label_source": "filename", "metadata_label_location": "1", "dateconfig": "filename", "datelocation": "2",
    "dateformat": "yyyyMMdd", "file_pattern": r"list_\w+_\d{8}.*\.csv", "target_table": "public.lists",
    "key_columns": ["ticker|company_name"],
    "reading": {"aliases": {"ticker": ["Company Ticker"], "company_name": ["Company/Organization"]}},
}  # fmt: skip


@pytest.fixture
def lists(installation: Installation) -> Installation:
    installation.configure("lists", **CONFIG)
    return installation


def load(installation: Installation, day: str, text: str, label: str = "a") -> None:
    installation.drop(f"list_{label}_{day}.csv", text)
    rows = installation.summary("generic_import", "lists")["rows"]
    assert [row["state"] for row in rows] == ["loaded"]


def changes(installation: Installation, *arguments: str) -> list[tuple[Any, ...]]:
    """The table without its first two columns and without the first list of each label."""
    rows = installation.summary("dataset_changes", "public.lists", *arguments)["rows"]
    return [tuple(row.values())[2:] for row in rows if row["change"] != "first"]


def test_added_removed_and_changed_by_key(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Company Name,Cap\nA,Alpha,1\nB,Beta,2\n,Gamma,3\n")
    load(lists, "20260112", "Ticker,Company Name,Cap\n,Gamma,4\nA,Alpha,1\nD,Delta,5\n")
    assert changes(lists) == [
        ("added", "D", "", "", ""),
        ("removed", "B", "", "", ""),
        ("changed", "Gamma", "Cap", "3", "4"),
    ]


def test_the_key_is_found_whichever_header_carries_it(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Company Name\nA,Alpha\n,Gamma\n")
    load(lists, "20260112", "Company/Organization,Company Ticker\nAlpha Inc.,A\nGamma,\n")
    assert changes(lists) == [("changed", "A", "Company/Organization", "Alpha", "Alpha Inc.")]


def test_a_column_of_only_one_dataset_is_no_change_of_every_row(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Cap,Room\nA,1,10\nB,2,20\n")
    load(lists, "20260112", "Ticker,Cap,Dinner\nA,1,Yes\nB,3,No\n")
    assert changes(lists) == [
        ("new column", "", "Dinner", "", ""),
        ("gone column", "", "Room", "", ""),
        ("changed", "B", "Cap", "2", "3"),
    ]


def test_a_new_ticker_column_does_not_rename_every_row(lists: Installation) -> None:
    load(lists, "20260105", "Company Name,Cap\nAlpha,1\nBeta,2\n")
    load(lists, "20260112", "Company Name,Ticker,Cap\nAlpha,A,1\nBeta,B,9\n")
    assert changes(lists) == [("new column", "", "Ticker", "", ""), ("changed", "Beta", "Cap", "2", "9")]


def test_rows_without_a_key_are_compared_whole_and_counted(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Note\nA,x\n,to come\n,to come\n,maybe\n")
    load(lists, "20260112", "Ticker,Note\nA,x\n,to come\n,perhaps\n")
    assert changes(lists) == [
        ("added", "perhaps", "", "", ""),
        ("removed", "to come", "", "", ""),
        ("removed", "maybe", "", "", ""),
    ]


def test_a_key_that_occurs_twice_pairs_equal_rows_first_and_says_so(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Room\nA,1\nA,2\nA,3\n")
    load(lists, "20260112", "Ticker,Room\nA,2\nA,5\n")
    assert changes(lists) == [("removed", "A", "", "", ""), ("changed", "A", "Room", "1", "5")]
    assert "more than once" in lists.summary("dataset_changes", "lists")["warnings"][0]


def test_order_spaces_around_keys_and_missing_values_are_no_change(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Room\nA,1\nB,\n")
    load(lists, "20260112", 'Ticker,Room\nB,""\nA,1\n')
    assert changes(lists) == []


def test_files_with_nothing_in_common(lists: Installation) -> None:
    lists.configure("lists", **CONFIG, columns={"missing": "take", "renamed": "take"})
    load(lists, "20260105", "Ticker\nA\n")
    load(lists, "20260112", "Sector\nEnergy\n")
    assert [row[:3] for row in changes(lists)] == [
        ("new column", "", "Sector"), ("gone column", "", "Ticker"), ("added", "Energy", ""), ("removed", "A", ""),
    ]  # fmt: skip


def test_more_columns_than_a_function_takes_arguments(lists: Installation) -> None:
    headers = ",".join(["Ticker", *(f"c{n}" for n in range(150))])
    load(lists, "20260105", f"{headers}\nA{',x' * 150}\n")
    load(lists, "20260112", f"{headers}\nA{',x' * 149},y\n")
    assert changes(lists) == [("changed", "A", "c149", "x", "y")]


def test_each_label_by_itself_and_only_valid_datasets(lists: Installation) -> None:
    load(lists, "20260105", "Ticker\nA\n")
    load(lists, "20260105", "Ticker\nX\n", label="b")
    load(lists, "20260112", "Ticker\nB\n")
    lists.summary("generic_import", "--undo", "3")
    load(lists, "20260119", "Ticker\nA\nC\n")
    assert changes(lists) == [("added", "C", "", "", "")]
    assert changes(lists, "--label", "b") == []


def test_days_choose_what_changed_after_the_one_and_up_to_the_other(lists: Installation) -> None:
    for day, rows in (("20260105", "A\n"), ("20260112", "A\nB\n"), ("20260119", "A\nB\nC\n")):
        load(lists, day, f"Ticker\n{rows}")
    assert [row[1] for row in changes(lists, "--from", "2026-01-12")] == ["C"]
    assert [row[1] for row in changes(lists, "--from", "2026-01-05", "--to", "2026-01-12")] == ["B"]


def test_the_table_as_a_csv_file(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,Note\nA,x\n")
    load(lists, "20260112", 'Ticker,Note\nA,"y, ""z"""\n')
    path = lists.data / "changes.csv"
    assert lists.run("dataset_changes", "lists", "--csv", path).returncode == 0
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0] | {"change": "first", "to": "1 row"} == rows[0]
    assert (rows[1]["date"], rows[1]["key"], rows[1]["from"], rows[1]["to"]) == ("2026-01-12", "A", "x", 'y, "z"')


def test_an_upsert_tells_what_each_dataset_changed(installation: Installation) -> None:
    installation.configure("prices", load_mode="upsert", key_columns=["id"], file_pattern=r"prices_.*")
    for number, text in enumerate(("1,a,5\n2,b,6\n", "2,b,7\n3,c,8\n", "2,b,9\n"), start=1):
        installation.drop(f"prices_{number}.csv", f"Id,Name,Unit Price\n{text}")
        installation.summary("generic_import", "prices")
    rows = [tuple(row.values())[2:] for row in installation.summary("dataset_changes", "prices")["rows"]]
    assert rows == [
        ("added", "1", "", "", ""), ("added", "2", "", "", ""),
        ("added", "3", "", "", ""), ("changed", "2", "Unit Price", "6", "7"),
        ("changed", "2", "Unit Price", "7", "9"),
    ]  # fmt: skip


def test_an_upsert_tells_what_it_inserted_also_after_later_changes_and_an_undo(
    installation: Installation,
) -> None:
    installation.configure(
        "prices", load_mode="upsert", key_columns=["at", "id"], file_pattern=r"prices_.*",
        schema={"at": "timestamptz", "price": "numeric"},
    )  # fmt: skip
    at = "2026-01-05 10:00"
    texts = (f"{at},b,1\n{at},a,2\n{at},c,3\n", f"{at},a,20\n{at},b,10\n{at},d,4\n", f"{at},d,40\n{at},b,100\n")
    for number, text in enumerate(texts, start=1):
        installation.drop(f"prices_{number}.csv", f"At,Id,Price\n{text}")
        last = installation.summary("generic_import", "prices")["rows"][0]["dataset"]

    def list_added() -> list[str]:
        rows = installation.summary("dataset_changes", "prices")["rows"]
        return [row["key"].rpartition(" / ")[2] for row in rows if row["change"] == "added"]

    # in the order of each file
    assert list_added() == ["b", "a", "c", "d"]
    installation.summary("generic_import", "--undo", last)
    assert list_added() == ["b", "a", "c", "d"]


def test_columns_of_any_name_are_compared(lists: Installation) -> None:
    load(lists, "20260105", "Ticker,C,R,T,K\nA,1,1,1,1\n")
    load(lists, "20260112", "Ticker,C,R,T,K\nA,2,3,4,5\n")
    assert changes(lists) == [
        ("changed", "A", column, "1", after) for column, after in zip("CRTK", "2345", strict=True)
    ]


def test_a_reader_who_has_seen_enough_ends_it_quietly(lists: Installation) -> None:
    for day, value in (("20260105", "old"), ("20260112", "new")):
        load(lists, day, "Ticker,Note\n" + "".join(f"T{number},{value * 10}\n" for number in range(2000)))
    with lists.start("dataset_changes", "lists") as process:
        assert process.stdout is not None
        assert "2000 changed" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == ("", 0)


def test_an_upsert_tells_an_old_change_as_it_was_then(installation: Installation) -> None:
    installation.configure(
        "prices", load_mode="upsert", key_columns=["id", "day"], file_pattern=r"prices_.*",
        schema={"id": "integer", "day": {"type": "date"}, "price": "numeric"},
    )  # fmt: skip
    for number, price in enumerate(("5.0", "7.50", "9"), start=1):
        installation.drop(f"prices_{number}.csv", f"Id,Day,Price\n1,2026-01-05,{price}\n{number + 1},2026-01-05,0\n")
        installation.summary("generic_import", "prices")
    rows = [tuple(row.values())[2:] for row in installation.summary("dataset_changes", "prices")["rows"]]
    assert [row for row in rows if row[0] == "changed"] == [
        ("changed", "1 / 2026-01-05", "Price", "5.0", "7.50"), ("changed", "1 / 2026-01-05", "Price", "7.50", "9"),
    ]  # fmt: skip


def test_an_unknown_name_is_one_line_with_the_nearest(lists: Installation) -> None:
    done = lists.run("dataset_changes", "public.list")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "public.lists" in done.stderr


def test_of_many_changes_the_first_are_shown_and_all_are_counted(lists: Installation, tmp_path: Path) -> None:
    lines = [f"T{number},Company {number},{number}" for number in range(3000)]
    head = "Ticker,Company Name,Cap\n"
    load(lists, "20260105", head + "\n".join(lines))
    load(lists, "20260112", head + "\n".join(f"{line}0" for line in [*lines[10:], "Z1,New 1,", "Z2,New 2,"]))
    counts = "1 datasets compared: 2 added, 10 removed, 2990 changed"
    done = lists.run("dataset_changes", "public.lists")
    assert done.stdout.startswith(counts)
    assert 1000 < done.stdout.count("\n") < 1010
    assert "2,002 more rows are not shown; all of them: " in done.stdout and "--csv=changes.csv" in done.stdout
    assert lists.summary("dataset_changes", "public.lists")["headline"].startswith(counts)
    assert len(changes(lists)) == 3002
    assert lists.run("dataset_changes", "public.lists", "--csv", tmp_path / "all.csv").returncode == 0
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 3002 + 2
    # a reader that has seen enough
    [(shown, errors, code)] = run_with_reader("head -2", lists, "dataset_changes", "public.lists")
    assert shown.startswith("label ") and (errors, code) == ("", 0)


def run_with_reader(reader: str, own: Installation, *command: str) -> list[tuple[str, str, int]]:
    """What a reader at the end of a pipe shows, what is said on standard error, and the exit code of the command."""
    shell = f'"$@" | {reader}; exit "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *own.command(*command)], env=own.process_environment(), capture_output=True,
        text=True, stdin=subprocess.DEVNULL, cwd=own.data,
    )  # fmt: skip
    return [(done.stdout.partition("\n")[2], done.stderr, done.returncode)]


@pytest.mark.parametrize(
    "command",
    ["doctor", "status", "schedule show --as-file", "schedule next --count 900", "check_config", "database url", "ask"],
)
def test_each_command_ends_quietly_when_its_reader_has_gone(installation: Installation, command: str) -> None:
    [(_, errors, code)] = run_with_reader("true", installation, *command.split())
    assert (errors, code) == ("", 0) or (command == "doctor" and (errors, code) == ("", 1))


def test_an_upsert_of_many_rows_is_counted_and_shown_in_part(installation: Installation) -> None:
    installation.configure("people", load_mode="upsert", key_columns=["id"])
    first = [f"{number},{number}" for number in range(2500)]
    for name, lines in (("people_1.csv", first), ("people_2.csv", [f"{line}0" for line in [*first[1:], "x,"]])):
        installation.drop(name, "id,age\n" + "\n".join(lines))
        assert installation.run("generic_import", "people").returncode == 0
    done = installation.run("dataset_changes", "people")
    assert done.stdout.startswith("2 datasets compared: 2501 added, 0 removed, 2499 changed")
    assert "2,999 more rows are not shown" in done.stdout
    assert len(installation.summary("dataset_changes", "people")["rows"]) == 2501 + 2499


@pytest.mark.long
def test_700_000_rows_are_compared_within_5_seconds(installation: Installation) -> None:
    installation.configure("big", key_columns=["id"], dateconfig="filename", datelocation="1", dateformat="yyyyMMdd")
    for day in ("20260105", "20260112"):
        installation.drop(f"big_{day}.csv", f"id,name,city\n1,a,{day}\n")
        assert installation.run("generic_import", "big").returncode == 0
    for dataset_id in (1, 2):
        installation.sql(
            """insert into public.big (dataset_id, source_row, id, name, city)
               select %s, n, n, 'name ' || n, 'city ' || n %% %s from generate_series(2, 700000) n""",
            (dataset_id, 500 + dataset_id),
        )
    begun = time.monotonic()
    [(shown, errors, code)] = run_with_reader("head -20", installation, "dataset_changes", "big")
    assert time.monotonic() - begun < 5
    assert (shown.count("\n"), errors, code) == (19, "", 0)

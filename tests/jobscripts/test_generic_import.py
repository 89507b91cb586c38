"""The command line of the import: what it shows, what it leaves alone, what it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Installation

DRY = {"file_pattern": r"orders.*\.csv", "target_table": "public.orders", "load_mode": "append"}
LEDGER = ("tfile", "tdataset", "trejectedrow", "trowhistory", "tschemachange", "timportconfig", "tconfighistory")


def everything(installation: Installation) -> dict[str, Any]:
    """All that a dry run must not touch."""
    rows: dict[str, Any] = {name: installation.sql(f"select * from dba.{name} order by 1") for name in LEDGER}
    rows["tables"] = installation.sql(
        "select c.oid, c.relname, (select count(*) from pg_attribute a where a.attrelid = c.oid) from pg_class c "
        "where relnamespace = 'public'::regnamespace order by 1"
    )
    folders = (installation.data / name for name in ("file_watcher", "archive"))
    rows["files"] = sorted((str(p), p.stat().st_mtime_ns) for folder in folders for p in folder.rglob("*"))
    return rows


@pytest.mark.parametrize("mode", [{"load_mode": "append"}, {"load_mode": "upsert", "key_columns": ["id"]}])
def test_a_dry_run_shows_all_and_writes_nothing(installation: Installation, mode: dict[str, object]) -> None:
    installation.configure("orders", **(DRY | mode))
    installation.drop("orders_1.csv", "id;name\n1;x\n2;y\n")
    assert installation.run("generic_import", "orders").returncode == 0
    rows = "".join(f"{number};n;t\n" for number in range(50))
    installation.drop("orders_2.csv", "ID;Name;Town (new)\n" + rows + "bad\n")
    before = everything(installation)
    done = installation.run("generic_import", "orders", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert everything(installation) == before
    for shown in (
        "dry run, nothing written: 1 file: 51 rows read", "1 rejected", "would be loaded", "delimiter ';'",
        "encoding 'utf-8'", "town_new (text) from 'Town (new)': t | t | t", 'add column "town_new" text',
    ):  # fmt: skip
        assert shown in done.stdout, done.stdout
    assert installation.summary("generic_import", "orders")["counts"]["read"] == 51


def test_a_dry_run_shows_what_each_column_becomes(installation: Installation) -> None:
    schema = {"id": "integer", "town": {"rename": "city"}, "made": {"from": "id"}}
    installation.configure("orders", **DRY, schema=schema, extras_json="more")
    installation.drop("orders_1.csv", "id,town,odd\n1,x,y\n")
    done = installation.run("generic_import", "orders", "--dry-run")
    shown = ("id (integer) from 'id': 1", "city (text) from 'town': x", "odd (into more) from 'odd': y")
    assert all(line in done.stdout for line in shown), done.stdout


def test_a_dry_run_shows_first_values_before_and_after_their_conversion(installation: Installation) -> None:
    schema = {"id": "integer", "day": {"type": "date", "formats": "d/M/yyyy"},
              "amount": {"type": "numeric", "decimal": ",", "null": ["-"]}}  # fmt: skip
    reading = {"skip_if": {"id": ["Total"]}}
    installation.configure("orders", **DRY, schema=schema, reading=reading, max_reject_rate=1)
    installation.drop("orders_1.csv", "id;day;amount\nTotal;;9\n1;5/1/2026;1,50\nx;;\n2;6/1/2026;-\n3;;7\n")
    done = installation.run("generic_import", "orders", "--dry-run")
    for line in (
        "id (integer) from 'id': 1 | 2 | 3",
        "day (date) from 'day': 5/1/2026 -> 2026-01-05 | 6/1/2026 -> 2026-01-06 | ",
        "amount (numeric) from 'amount': 1,50 -> 1.50 | - -> no value | 7",
    ):
        assert line in done.stdout, done.stdout


def test_a_dry_run_says_which_rows_would_be_rejected(installation: Installation) -> None:
    installation.configure("orders", **DRY, schema={"id": "integer"})
    installation.drop("orders_1.csv", "id\n" + "".join(f"{number}\n" for number in range(30)) + "x\n")
    done = installation.run("generic_import", "orders", "--dry-run")
    assert "  row 32 would be rejected: id: 'x' is not a whole number" in done.stdout, done.stdout
    assert "warning: orders_1.csv: 1 of 31 rows rejected\n" in done.stdout  # nothing is there that could be seen
    assert installation.sql("select count(*) from dba.trejectedrow") == [(0,)]


def test_a_dry_run_of_a_file_that_does_not_fit_says_so(installation: Installation) -> None:
    installation.configure("orders", **DRY, exact_header=["other"])
    installation.drop("orders.csv", "id\n1\n")
    done = installation.run("generic_import", "orders", "--dry-run")
    assert done.returncode == 65
    assert "orders.csv would be refused: unexpected layout" in done.stderr
    assert installation.list_waiting() == ["orders.csv"]


def test_a_file_from_elsewhere_is_loaded_and_stays_there(installation: Installation, tmp_path: Path) -> None:
    installation.configure("orders", **DRY)
    outside = tmp_path / "elsewhere.csv"
    outside.write_text("id\n1\n")
    done = installation.run("generic_import", "orders", "--file", outside)
    assert done.returncode == 0, done.stderr
    assert outside.read_text() == "id\n1\n"
    assert installation.read_archive() == {"elsewhere.csv": b"id\n1\n"}
    assert installation.list_waiting() == []
    again = installation.summary("generic_import", "orders", "--file", outside)
    assert [row["state"] for row in again["rows"]] == ["duplicate"]
    assert installation.sql("select count(*) from public.orders") == [(1,)]


def test_one_file_of_several_that_wait(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    installation.drop("orders_1.csv", "id\n1\n")
    path = installation.drop("orders_2.csv", "id\n2\n")
    assert installation.run("generic_import", "orders", "--file", path).returncode == 0
    assert installation.list_waiting() == ["orders_1.csv"]


@pytest.mark.parametrize(("name", "reason"), [("nowhere.csv", "does not exist"), (".", "is not a file")])
def test_a_file_that_is_none_is_wrong_usage(installation: Installation, name: str, reason: str) -> None:
    installation.configure("orders", **DRY)
    done = installation.run("generic_import", "orders", "--file", installation.data / name)
    assert (done.returncode, reason in done.stderr) == (2, True), done.stderr


def test_a_file_of_no_import_is_named(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    installation.drop("unknown.csv", "id\n1\n")
    said = "unknown.csv is waiting, but matches no import"
    for arguments in (("orders",), ("--all",)):  # to whom has just put it there
        actual = installation.summary("generic_import", *arguments)
        assert said in actual["details"]
        assert said not in actual["warnings"]
    installation.drop("unknown.csv", "id\n1\n", age_seconds=700)
    assert said in installation.summary("generic_import", "--all")["warnings"]


def test_a_file_of_two_imports_is_named_and_left_until_somebody_says_which(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    installation.configure("all_orders", **(DRY | {"target_table": "public.all_orders"}))
    path = installation.drop("orders.csv", "id\n1\n")
    for arguments in (("orders",), ("--all",)):
        summary = installation.summary("generic_import", *arguments)
        named = "orders.csv matches more than one import, and none loads it: all_orders, orders"
        assert summary["warnings"].count(named) == 1  # beside what is said of sources that are not set up
    assert installation.list_waiting() == ["orders.csv"]
    assert installation.run("generic_import", "orders", "--file", path).returncode == 0
    assert installation.sql("select count(*) from public.orders") == [(1,)]


def test_an_unknown_import_is_wrong_usage_with_the_nearest_name(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    done = installation.run("generic_import", "ordesr")
    assert (done.returncode, "did you mean orders?" in done.stderr) == (2, True)


def test_without_archive_the_file_goes_once_it_is_loaded(installation: Installation) -> None:
    installation.configure("orders", **DRY, archive_policy="none")
    installation.drop("orders.csv", "id\n1\n")
    assert installation.run("generic_import", "orders").returncode == 0
    assert (installation.list_waiting(), installation.read_archive()) == ([], {})
    assert installation.sql("select count(*) from public.orders") == [(1,)]


def test_the_imports_are_listed(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    listed = installation.run("generic_import", "--list")
    assert (listed.returncode, "public.orders" in listed.stdout, "meetmax_events" in listed.stdout) == (0, True, True)


def test_all_that_a_run_loaded_is_undone_together(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    installation.drop("orders_1.csv", "id\n1\n")
    assert installation.run("generic_import", "orders").returncode == 0
    installation.drop("orders_2.csv", "id\n2\n")
    installation.drop("orders_3.csv", "id\n3\n")
    assert installation.run("generic_import", "orders").returncode == 0
    [(run,)] = installation.sql("select distinct run_uuid::text from dba.tdataset where dataset_id > 1")
    undone = installation.summary("generic_import", "--undo", "--run", run)
    assert sorted(row["dataset"] for row in undone["rows"]) == [2, 3]
    assert installation.sql("select id from public.orders_current") == [("1",)]
    again = installation.run("generic_import", "--run", run)
    assert (again.returncode, f"run {run} is undone already: nothing to do" in again.stdout) == (0, True)
    nothing = installation.run("generic_import", "--run", "00000000-0000-0000-0000-000000000000")
    assert (nothing.returncode, "has loaded nothing" in nothing.stderr) == (2, True)


def test_all_sheets_become_one_dataset_that_names_each_and_a_missing_sheet_lists_them(
    installation: Installation, tmp_path: Path
) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    del workbook[workbook.sheetnames[0]]
    for name in ("North", "South", "East"):
        sheet = workbook.create_sheet(name)
        sheet.append(["id"])
        sheet.append([f"{name} 1"])
    workbook.save(tmp_path / "orders.xlsx")
    installation.configure(
        "orders", **(DRY | {"file_pattern": "orders.*"}), exact_header=["id"],
        strict_mode=True, schema={"id": {"type": "text"}}, reading={"sheet": "all"},
    )  # fmt: skip
    assert installation.run("generic_import", "orders", "--file", tmp_path / "orders.xlsx").returncode == 0
    assert installation.sql("select source_sheet, source_row, id from public.orders order by 1") == [
        ("East", 2, "East 1"), ("North", 2, "North 1"), ("South", 2, "South 1"),
    ]  # fmt: skip
    for expected, actual in (("South", ["South 1"]), (0, ["North 1"]), ("ea*", ["East 1"])):
        installation.configure("orders", reading={"sheet": expected}, target_table=f"public.by_{len(str(expected))}")
        assert installation.run("generic_import", "orders", "--file", tmp_path / "orders.xlsx").returncode == 0
        rows = installation.sql(f"select id from public.by_{len(str(expected))}")
        assert [value for (value,) in rows] == actual
    installation.configure("orders", reading={"sheet": "West"})
    done = installation.run("generic_import", "orders", "--file", tmp_path / "orders.xlsx")
    assert (done.returncode, "there is no sheet 'West'; the sheets are: North, South, East" in done.stderr) == (
        65,
        True,
    )


def test_the_columns_that_an_import_names_tell_its_sheet_and_another_like_it_is_a_warning(
    installation: Installation, tmp_path: Path
) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    workbook.active.append(["Report", "of March"])
    for name in ("March", "April"):
        sheet = workbook.create_sheet(name)
        sheet.append(["Order No", "amount"])
        sheet.append([7, name])
    workbook.save(tmp_path / "orders.xlsx")
    installation.configure(
        "orders",
        **(DRY | {"file_pattern": "orders.*"}),
        schema={"order_no": {"type": "integer"}, "amount": {"type": "text"}},
    )
    assert installation.run("generic_import", "orders", "--file", tmp_path / "orders.xlsx").returncode == 0
    assert installation.sql("select order_no, amount from public.orders") == [(7, "March")]
    [(text,)] = installation.sql("select text from dba.twarning where code = 'tables_left_out'")
    assert "sheet April has the same columns (2 rows) and was not read" in text


def test_one_faulty_row_does_not_stop_the_other_imports(installation: Installation) -> None:
    installation.configure("orders", **DRY)
    installation.configure("faulty", schema={"id": {"type": "number"}})
    installation.drop("orders.csv", "id\n1\n")
    done = installation.run("generic_import", "--all")
    assert (done.returncode, "timportconfig row faulty: schema.id.type" in done.stderr) == (78, True), done.stderr
    assert installation.sql("select count(*) from public.orders") == [(1,)]
    assert installation.run("generic_import", "faulty").returncode == 78


@pytest.mark.parametrize("arguments", [(), ("--undo", "1", "--accept", "2"), ("orders", "--all"), ("--undo", "x")])
def test_what_does_not_go_together_is_wrong_usage(installation: Installation, arguments: tuple[str, ...]) -> None:
    done = installation.run("generic_import", *arguments)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


def test_faults_and_files_of_others_are_told_by_the_run_of_all_alone(installation: Installation) -> None:
    installation.configure("orders", file_pattern=r"orders.*")
    installation.configure("faulty", schema={"id": {"type": "no such type"}})
    installation.drop("orders.csv", "id,amount\n1,2\n")
    installation.drop("README.txt", "x", age_seconds=700)
    installation.drop("young.txt", "x", age_seconds=500)  # someone may be about to rename it
    assert installation.summary("generic_import", "orders")["warnings"] == []
    of_all = installation.summary("generic_import", "--all")
    assert [row["text"] for row in of_all["warning_rows"] if row["code"] == "file_unmatched"] == [
        "README.txt is waiting, but matches no import"
    ]
    assert (of_all["exit_code"], "timportconfig row faulty: schema.id.type" in str(of_all["problems"])) == (78, True)


def test_an_archived_file_is_closed_to_others_whatever_mode_it_came_with(installation: Installation) -> None:
    installation.configure("orders", file_pattern=r"orders.*")
    for name, mode in (("orders_1.csv", 0o644), ("orders_2.csv", 0o666), ("orders_3.csv", 0o400)):
        installation.drop(name, f"id,amount\n{name[7]},2\n").chmod(mode)
    assert installation.run("generic_import", "orders").returncode == 0
    modes = [oct(path.stat().st_mode & 0o777) for path in (installation.data / "archive").rglob("*.csv")]
    assert modes == ["0o660"] * 3

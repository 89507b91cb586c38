"""Imports into a folder of Parquet files: the same rules as into a table, by one file for each dataset."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import Installation

KILLING = Path(__file__).parents[2] / "ingest" / "kill_point.py"
SCHEMA = {
    "id": {"type": "integer", "required": True, "checks": {"lookup": "public.known.id"}},
    "name": "text",
    "day": {"type": "date", "required": True},
    "price": {"type": "numeric", "scale": 2},
    "quantity": "integer",
    "total": {"type": "numeric", "scale": 2},
}
HEADER = "id,name,day,price,quantity,total\n"


@pytest.fixture
def lake(installation: Installation) -> Installation:
    installation.sql("create table public.known (id integer); insert into public.known select generate_series(1, 50)")
    configure(installation)
    return installation


def configure(installation: Installation, **more: object) -> None:
    installation.configure(
        "sold", target=json.dumps({"parquet": "var/lake/sold", "months_of": "day"}),
        target_table="parquet:var/lake/sold", load_mode="append", schema=SCHEMA,
        row_checks=[{"equation": "total = price * quantity", "tolerance": 0.005}],
        extras_json="further", max_reject_rate=1, **more,
    )  # fmt: skip


def rows_of(installation: Installation) -> list[tuple[Any, ...]]:
    """Every row of the active datasets, as a reader who goes by the ledger sees them."""
    names = installation.sql("select file_name from dba.tdataset where status = 'active' order by dataset_id")
    files = [str(installation.data / "var/lake/sold" / name) for (name,) in names]
    if not files:
        return []
    return duckdb.execute(
        "select * exclude (dataset_id) from read_parquet(?, union_by_name = true) order by dataset_id, source_row",
        [files],
    ).fetchall()


def rejects(installation: Installation) -> list[tuple[int, str]]:
    return installation.sql("select source_row, reason from dba.trejectedrow where replayed_at is null order by 1")


def test_good_rows_and_rejects_with_their_lines(lake: Installation) -> None:
    lake.drop(
        "sold_a.csv",
        HEADER
        + "1,one,2025-01-05,2.50,2,5.00\n"
        + "2,two,2025-02-31,1.00,1,1.00\n"  # no such day
        + "77,unknown,2025-02-01,1.00,1,1.00\n"
        + "3,wrong total,2025-02-01,1.00,2,2.01\n"
        + "4,,2025-03-01,7,1,7\n"
        + "5,too few\n"
        + " 006,blanks,2025-03-02,+1e1,1,10.0\n",
    )
    summary = lake.summary("generic_import", "sold")
    assert summary["counts"] == {"read": 7, "loaded": 3, "rejected": 4, "skipped": 0, "held": 0}
    assert [row[:7] for row in rows_of(lake)] == [
        (2, 1, "one", date(2025, 1, 5), Decimal("2.50"), 2, Decimal("5.00")),
        (6, 4, None, date(2025, 3, 1), Decimal("7.00"), 1, Decimal("7.00")),
        (8, 6, "blanks", date(2025, 3, 2), Decimal("10.00"), 1, Decimal("10.00")),
    ]
    assert rejects(lake) == [
        (3, "day: '2025-02-31' is not a date of the form yyyy-MM-dd"),
        (4, "id: '77' is not a known value"),
        (5, "total = price * quantity does not hold: 2.01 is not 2.00"),
        (7, "has 2 values, expected 6"),
    ]
    assert lake.sql("select month from dba.tdatasetmonth order by 1") == [(date(2025, 1, 1),), (date(2025, 3, 1),)]


def test_a_name_that_looks_like_a_pattern_means_this_file_alone(lake: Installation) -> None:
    lake.drop("sold_[12].csv", HEADER + "1,this one,2025-01-05,2.50,2,5.00\n")
    lake.drop("sold_1.csv", HEADER + "2,another,2025-01-05,2.50,2,5.00\n")
    summary = lake.summary("generic_import", "sold", "--file", lake.data / "file_watcher" / "sold_[12].csv")
    assert summary["counts"]["loaded"] == 1
    assert [row[2] for row in rows_of(lake)] == ["this one"]


def test_undeclared_columns_are_kept_as_json(lake: Installation) -> None:
    lake.drop("sold_a.csv", HEADER.strip() + ",Note,vat\n" + '1,one,2025-01-05,2.50,2,5.00,"say ""hi""",\n')
    assert lake.summary("generic_import", "sold")["exit_code"] == 0
    assert json.loads(rows_of(lake)[0][-1]) == {"note": 'say "hi"'}


def test_a_missing_required_column_refuses_the_file(lake: Installation) -> None:
    lake.drop("sold_a.csv", "id,name\n1,one\n")
    done = lake.run("generic_import", "sold")
    assert done.returncode == 65
    assert "required columns are missing: day" in done.stderr + done.stdout
    assert rows_of(lake) == []
    assert not list((lake.data / "var/lake").rglob("*.parquet"))


def test_a_value_with_more_digits_is_rejected_never_rounded(lake: Installation) -> None:
    lake.drop(
        "sold_a.csv", HEADER + "1,a,2025-01-05,1.005,2,2.01\n2,b,2025-01-05,1.000,1,1\n3,c,2025-01-05,1e17,1,1e17\n"
    )
    lake.run("generic_import", "sold")
    assert [row[0] for row in rows_of(lake)] == [3]
    assert [reason for _, reason in rejects(lake)] == [
        "price: '1.005' has more than 2 digits after the point",
        "price: '1e17' has more than 16 digits before the point",
    ]


def test_the_same_content_again_adds_nothing_and_undo_takes_the_rows_out(lake: Installation) -> None:
    good = HEADER + "1,one,2025-01-05,2.50,2,5.00\n"
    lake.drop("sold_a.csv", good)
    lake.summary("generic_import", "sold")
    lake.drop("sold_b.csv", good)
    assert [row["state"] for row in lake.summary("generic_import", "sold")["rows"]] == ["duplicate"]
    lake.drop("sold_c.csv", HEADER + "2,two,2025-02-05,1,1,1\n")
    lake.summary("generic_import", "sold")
    assert len(rows_of(lake)) == 2
    lake.run("generic_import", "--undo", 1)
    assert [row[2] for row in rows_of(lake)] == ["two"]
    # the months of an undone dataset stay known, and so does its file: nothing is deleted
    assert lake.sql("select count(*) from dba.tdatasetmonth") == [(2,)]


def test_a_dry_run_shows_everything_and_writes_nothing(lake: Installation) -> None:
    lake.drop("sold_a.csv", HEADER + "1,one,2025-01-05,2.50,2,5.00\n77,no,2025-01-05,1,1,1\n")
    summary = lake.summary("generic_import", "sold", "--dry-run")
    assert summary["counts"] == {"read": 2, "loaded": 1, "rejected": 1, "skipped": 0, "held": 0}
    assert not (lake.data / "var/lake").exists()
    assert lake.sql("select count(*) from dba.tdataset") == [(0,)]


def test_rejected_rows_load_later_into_the_same_dataset(lake: Installation) -> None:
    lake.drop("sold_a.csv", HEADER + "1,one,2025-01-05,2.50,2,5.00\n77,late,2025-04-05,1,1,1\n")
    lake.summary("generic_import", "sold")
    lake.sql("insert into public.known values (77)")
    assert lake.run("generic_import", "--replay-rejects", 1).returncode == 0
    assert [row[2] for row in rows_of(lake)] == ["one", "late"]
    assert lake.sql("select rows_loaded, rows_rejected from dba.tdataset") == [(2, 0)]
    assert lake.sql("select max(month) from dba.tdatasetmonth") == [(date(2025, 4, 1),)]
    lake.drop("sold_b.csv", HEADER + "2,two,2025-02-05,1,1,1\n")
    lake.summary("generic_import", "sold")  # removes the file that nothing names any more
    assert sorted(p.name for p in (lake.data / "var/lake/sold").iterdir()) == [
        "dataset_1_2.parquet",
        "dataset_2.parquet",
    ]


def test_a_guard_takes_the_file_out_with_the_transaction_and_its_acceptance_brings_it_in(lake: Installation) -> None:
    configure(lake, guards={"min_rows": 5})
    lake.drop("sold_a.csv", HEADER + "1,one,2025-01-05,2.50,2,5.00\n")
    assert lake.run("generic_import", "sold").returncode == 65
    assert list((lake.data / "var/lake/sold").iterdir()) == []
    assert lake.run("generic_import", "--accept", "1").returncode == 0
    assert len(list((lake.data / "var/lake/sold").iterdir())) == 1


def line(chance: random.Random) -> str:
    """One record of any quality."""
    fields = [
        chance.choice(["1", "2", "50", "51", "007", " 3", "+4", "x", "", "5.0", "2147483648", "1_0"]),
        chance.choice(["plain", "", "é", '"quoted, comma"', '"a ""mark"""', " blank ", "NULL", "0"]),
        chance.choice(
            ["2025-01-05", "2025-12-31", "2025-02-30", "2025-1-5", "infinity", "", "20250105", "12025-01-01"]
        ),
        chance.choice(
            ["1", "1.5", "1.50", "1.505", "-2.25", "1e1", ".5", "5.", "", "NaN", "99999999999999999", "+1.25"]
        ),
        chance.choice(["1", "2", "0", "-1", "", "3.0"]),
        chance.choice(["1", "1.5", "3.00", "2.5", "", "-4.50", "15", "10"]),
    ]
    if chance.random() < 0.7:  # mostly good ones
        quantity, price = chance.randint(1, 9), Decimal(chance.randint(1, 9999)) / 100
        fields[0], fields[2] = str(chance.randint(1, 55)), f"2025-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        fields[3:] = [str(price), str(quantity), str(price * quantity)]
    return ",".join(fields[: chance.choice([6] * 20 + [5])] + (["more"] if chance.random() < 0.03 else []))


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 12))])
def test_the_quick_way_and_the_checked_way_agree_on_every_row(lake: Installation, seed: int) -> None:
    """Line by line the same rows, rejects and reasons, whether DuckDB reads the file or every row is checked."""
    chance = random.Random(seed)
    body = "".join(line(chance) + "\n" for _ in range(400))
    lake.drop("sold_quick.csv", HEADER + body)
    lake.summary("generic_import", "sold")
    quick = (rows_of(lake), rejects(lake))
    assert "is read row by row" not in lake.read_logs()
    lake.run("generic_import", "--undo", 1)
    lake.sql("delete from dba.trejectedrow")
    lake.drop("sold_slow.csv", HEADER + body + '1,"over two\nlines",2025-01-01,1,1,1\n')  # such a file goes row by row
    lake.summary("generic_import", "sold")
    assert "is read row by row" in lake.read_logs()
    rows = rows_of(lake)
    assert rows.pop()[2] == "over two\nlines"
    assert (rows, rejects(lake)) == quick


def test_every_type_arrives(installation: Installation, tmp_path: Path) -> None:
    schema = {
        "a": "bigint", "b": "boolean", "c": "time", "d": "timestamp", "e": "timestamptz", "f": "text[]", "g": "numeric",
        "h": {"type": "date", "formats": "dd/MM/yyyy"}, "i": {"type": "text", "default": "none"},
    }  # fmt: skip
    installation.configure(
        "types", target=json.dumps({"parquet": str(tmp_path / "lake")}), target_table=f"parquet:{tmp_path / 'lake'}",
        schema=schema, load_mode="append", reading={"null_markers": ["-"]},
    )  # fmt: skip
    installation.drop(
        "types.csv",
        "a,b,c,d,e,f,g,h,i\n9000000000,yes,06:30:00,2025-01-05 06:30:00,"
        '2025-01-05T06:30:00+02:00,"x, ""y""",1.25,05/01/2025,\n'
        "-,-,-,-,-,-,-,-,z\n",
    )
    assert installation.summary("generic_import", "types")["counts"]["loaded"] == 2
    rows = duckdb.execute(
        f"select * exclude (dataset_id, source_row, e), epoch(e) from '{tmp_path}/lake/dataset_1.parquet' "
        "order by source_row"
    ).fetchall()
    assert rows[0][0:2] == (9000000000, True)
    assert [str(value) for value in rows[0][2:4]] == ["06:30:00", "2025-01-05 06:30:00"]
    assert rows[0][4:8] == (["x", '"y"'], Decimal("1.25"), date(2025, 1, 5), "none")
    assert rows[0][8] == 1736051400
    assert rows[1][:7] == (None,) * 7


@pytest.mark.parametrize(
    "step",
    ["systemscripts.imports.parquet.stage_rows:stage_rows", "systemscripts.duck:run_statement",
     "systemscripts.imports.parquet.parquet_writer:sync_folder", "systemscripts.datasets.lake:record_file",
     "systemscripts.ingest.load:load_rows", "systemscripts.ingest.archive_and_settle:finish_file"],
)  # fmt: skip
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_the_next_run_ends_in_the_same_state(lake: Installation, step: str, when: str) -> None:
    lake.drop("sold_a.csv", HEADER + "1,one,2025-01-05,2.50,2,5.00\n77,no,2025-01-05,1,1,1\n")
    killed = subprocess.run(
        [sys.executable, str(KILLING), step, when, "1", "generic_import", "sold"],
        env=lake.process_environment(), capture_output=True, cwd=lake.data,
    )  # fmt: skip
    assert killed.returncode == -9
    lake.drop("sold_b.csv", HEADER + "2,two,2025-01-06,2.50,2,5.00\n")
    assert lake.run("generic_import", "sold").returncode == 0
    assert [row[2] for row in rows_of(lake)] == ["one", "two"]
    assert len(rejects(lake)) == 1
    assert len(list((lake.data / "var/lake/sold").iterdir())) == 2, "what a killed load left is gone"


def test_values_of_every_declared_spelling_are_stored_as_in_a_table(installation: Installation) -> None:
    installation.configure(
        "sold", target=json.dumps({"parquet": "var/lake/sold"}), target_table="parquet:var/lake/sold",
        load_mode="append",
        schema={
            "state": {"values": {"A": "open"}},
            "price": {"type": "numeric", "scale": 2, "currency": "EUR", "negative": "brackets"},
            "share": {"type": "integer", "percent": True},
            "day": {"type": "date", "formats": "d MMM yyyy", "language": "de"},
            "is_paid": "boolean",
        },
    )  # fmt: skip
    installation.drop(
        "sold_a.csv", "state,price,share,day,is_paid\nA,EUR 5,7%,5 Mrz 2026,on\nB,(2.5),7,31 Dez 2026,no\n"
    )
    installation.drop("sold_b.csv", "state,price,share,day,is_paid\nA,5,7,,off\nB,2.5,7,,Y\n")
    assert installation.summary("generic_import", "sold")["counts"]["rejected"] == 0
    assert [row[1:6] for row in rows_of(installation)] == [
        ("open", Decimal("5.00"), 7, date(2026, 3, 5), True), ("B", Decimal("-2.50"), 7, date(2026, 12, 31), False),
        ("open", Decimal("5.00"), 7, None, False), ("B", Decimal("2.50"), 7, None, True),
    ]  # fmt: skip
    # a file that DuckDB could read by itself
    installation.configure(
        "sold", target=json.dumps({"parquet": "var/lake/sold"}), target_table="parquet:var/lake/sold",
        load_mode="append", schema={"state": {"values": {"A": "open"}}, "id": "integer"},
    )  # fmt: skip
    installation.drop("sold_c.csv", "state,id\nA,1\nB,2\n")
    installation.summary("generic_import", "sold")
    assert [row[1] for row in rows_of(installation)[-2:]] == ["open", "B"]

"""The marts: what they hold, when they are computed again, and how their Parquet sets change."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from systemscripts.marts import local_sets
from tests.sales import reference
from tests.sales.conftest import Shop
from tests.sales.test_bucket import GOOD, HEADER

MONTHS = [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)]


def customers_of(shop: Shop) -> dict[tuple[int, date], Decimal]:
    return {(row[0], row[4]): row[5] for row in shop.customers()}


def team_of(shop: Shop) -> dict[tuple[int, int, date], tuple[Decimal, Decimal]]:
    return {(row[0], row[1], row[3]): (row[4], row[5]) for row in shop.team()}


def assert_marts(shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Database, local Parquet and bucket hold what plain Python computes from the rows."""
    assert customers_of(shop) == reference.customers_mart(rows)
    assert team_of(shop) == reference.team_mart(rows)
    base = shop.installation.data / "var/marts"
    assert sets_of(base / "customer_data_mart/current", base / "sales_data_mart/current") == expected_sets(rows)
    assert bucket_sets_of(shop) == expected_sets(rows)


def test_a_sale_too_large_to_sum_stops_its_own_month_and_is_named(shop: Shop) -> None:
    shop.put("sales_data/sales_good.csv", HEADER + GOOD)
    shop.load()
    shop.marts()
    other = "2,122,maida,2025-02-05,2,20,1,20\n"
    shop.put(
        "sales_data/sales_large.csv", HEADER + "1,121,sugar,2025-01-09,1,9999999999999999.99,1,9999999999999999.99\n"
    )
    shop.put("sales_data/sales_other.csv", HEADER + other)
    shop.load()
    done = shop.installation.run("sales_marts", "--json")
    assert done.returncode == 65
    [problem] = json.loads(done.stdout)["problems"]
    assert "2025-01 is not computed" in problem
    assert "9999999999999999.99 in sales_large.csv, row 2" in problem
    assert_marts(shop, reference.accepted(HEADER + GOOD + other))  # January as it was, February computed
    assert shop.installation.run("sales_marts").returncode == 65  # told again until it is taken back
    [(dataset,)] = shop.sql("select dataset_id from dba.tfile where name = 'sales_large.csv'")
    shop.installation.summary("generic_import", "--undo", dataset)
    assert shop.installation.run("sales_marts").returncode == 0
    assert_marts(shop, reference.accepted(HEADER + GOOD + other))


def expected_sets(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    team = {key: total for key, (total, _) in reference.team_mart(rows).items()}
    return len(rows), sum((row["total"] for row in rows), Decimal()), team, reference.customers_mart(rows)


def sets_of(customers: Path, team: Path) -> tuple[Any, ...]:
    """Rows and sum of the enriched sales, the team mart and the customers mart, as the Parquet sets hold them."""
    enriched = _read(customers / "enriched_sales", "count(*), coalesce(sum(total_cost), 0)") or [(0, Decimal())]
    found_team = _read(team, "store_id, sales_person_id, sales_month, total_sales")
    actual = _read(customers / "customers_data_mart", "customer_id, sales_date_month, total_sales")
    return (
        *enriched[0],
        {(int(row[0]), row[1], date.fromisoformat(str(row[2]))): row[3] for row in found_team},
        {(row[0], date.fromisoformat(str(row[1]))): row[2] for row in actual},
    )


def _read(folder: Path, columns: str) -> list[tuple[Any, ...]]:
    files = ["".join(f"[{mark}]" if mark in "*?[" else mark for mark in str(p)) for p in folder.rglob("*.parquet")]
    if not files:
        return []
    return duckdb.execute(f"select {columns} from read_parquet(?, hive_partitioning = true)", [files]).fetchall()


def bucket_sets_of(shop: Shop) -> tuple[Any, ...]:
    """The same from the bucket, by way of latest.json."""
    step = shop.installation.data / "downloaded"
    folders = []
    for prefix in ("customer_data_mart/", "sales_data_mart/"):
        pointer = json.loads(shop.read(f"{prefix}latest.json"))
        folder = step / pointer["version"] / prefix
        for file in pointer["files"]:
            path = folder / file["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(shop.read(file["key"]))
        folders.append(folder)
    return sets_of(*folders)


def test_the_marts_of_a_small_file(shop: Shop) -> None:
    shop.put(
        "sales_data/sales_a.csv",
        HEADER
        + "1,121,sugar,2025-01-05,1,50.00,2,100.00\n"
        + "1,121,maida,2025-01-20,2,20,5,100\n"  # ties with person 1
        + "2,121,maida,2025-01-20,3,20,1,20\n"
        + "2,122,clinic plus,2025-02-28,3,1.50,3,4.50\n",  # 1 % is 0.045: half up
    )
    shop.load()
    summary = shop.marts()
    assert summary["headline"] == "2 months computed from 1 file, 0 unchanged"
    assert shop.customers() == [
        (1, "Saanvi Krishna", "Delhi", "9173121081", date(2025, 1, 1), Decimal("200.00")),
        (2, "Dhanush Sahni", "Delhi", "9155328165", date(2025, 1, 1), Decimal("20.00")),
        (2, "Dhanush Sahni", "Delhi", "9155328165", date(2025, 2, 1), Decimal("4.50")),
    ]
    assert shop.team() == [
        (121, 1, "Rahul Verma", date(2025, 1, 1), Decimal("100.00"), Decimal("1.00")),
        (121, 2, "Rajesh Singh", date(2025, 1, 1), Decimal("100.00"), Decimal("1.00")),
        (121, 3, "Shashank Patel", date(2025, 1, 1), Decimal("20.00"), Decimal("0.00")),
        (122, 3, "Shashank Patel", date(2025, 2, 1), Decimal("4.50"), Decimal("0.05")),
    ]
    assert shop.marts()["headline"].startswith("nothing to do")
    enriched = shop.installation.data / "var/marts/customer_data_mart/current/enriched_sales/sales_month=2025-02-01"
    assert _read(enriched, "customer_first_name, store_manager_name, product_id, sales_person_last_name") == [
        ("Dhanush", "Nikita", 6, "Patel")
    ]


def test_only_touched_months_are_computed_and_the_last_three_versions_stay(shop: Shop) -> None:
    rows = []
    shop.put("sales_data_mart/of/somebody_else.txt", b"not ours")
    others = shop.installation.data / "var/marts/sales_data_mart/of_somebody_else"
    others.mkdir(parents=True)
    for number, month in enumerate([*MONTHS, date(2025, 1, 1)]):
        text = HEADER + GOOD.replace("2025-01-05", f"{month:%Y-%m}-{number + 1:02}")
        rows += reference.accepted(text)
        shop.put(f"sales_data/sales_{number}.csv", text)
        shop.load()
        if number == 1:
            shop.put("customer_data_mart/latest.json", b"{damaged")
        if number == 3:
            assert [row["month"] for row in shop.marts("--dry-run")["rows"]] == [f"{month:%Y-%m}"]
        assert [row["month"] for row in shop.marts()["rows"]] == [f"{month:%Y-%m}"]
    assert_marts(shop, rows)
    others.rmdir()
    shop.client.delete_object(Bucket=shop.bucket, Key="sales_data_mart/of/somebody_else.txt")
    for name in ("customer_data_mart", "sales_data_mart"):
        base = shop.installation.data / "var/marts" / name
        assert len([path for path in base.iterdir() if path.is_dir() and not path.is_symlink()]) == 3
        assert not [path for path in base.iterdir() if path.name.startswith(".")]
        versions = {key.split("/")[1] for key in shop.keys(f"{name}/")}
        assert versions == {"latest.json", *json.loads(shop.read(f"{name}/latest.json"))["versions"]}
        assert len(versions) == 4
    assert not list((shop.installation.data / "var/marts").glob(".work*"))


def test_versions_are_kept_by_age_though_the_clock_is_set_back(tmp_path: Path) -> None:
    names = [f"v202501{day}T000000-0000000{day[1]}" for day in ("09", "08", "07", "06", "05")]
    for name in names:
        result = tmp_path / "result"
        result.mkdir(exist_ok=True)
        (result / "a.parquet").touch()
        local_sets.publish(tmp_path / "set", name, {".": result}, [])
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["current", *sorted(names[2:])]
    assert (tmp_path / "set/current").resolve().name == names[-1]


def test_a_data_folder_whose_name_reads_like_a_pattern(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop("sales [1]* of {2025}?")
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    assert "row by row" not in shop.installation.read_logs()
    assert shop.marts()["exit_code"] == 0
    assert customers_of(shop) == reference.customers_mart(reference.accepted(HEADER + GOOD))
    assert bucket_sets_of(shop)[0] == 1


def test_what_was_computed_for_another_place_is_computed_again(shop: Shop) -> None:
    """Two buckets share the database: back at the first, its old note says nothing about what the second wrote."""
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.marts()
    shop.put("sales_data/sales_b.csv", HEADER + GOOD.replace("2025-01-05", "2025-01-06"))
    (row,) = shop.load()["rows"]
    shop.installation.write_settings(S3_BUCKET="")
    shop.marts()
    assert shop.installation.run("generic_import", "--undo", row["dataset"]).returncode == 0
    shop.installation.write_settings(S3_BUCKET=shop.bucket)
    shop.marts()
    assert_marts(shop, reference.accepted(HEADER + GOOD))


@pytest.mark.parametrize("lost", ["sets", "part", "table"])
def test_a_target_that_lost_its_months_is_computed_anew(shop: Shop, lost: str) -> None:
    """Someone cleared a folder, or a database came back from a backup: the note of what was computed proves nothing."""
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.marts()
    base = shop.installation.data / "var/marts"
    if lost == "table":
        shop.sql("delete from sales.sales_team_data_mart")
    else:
        shutil.rmtree(base if lost == "sets" else (base / "customer_data_mart/current").resolve() / "enriched_sales")
    second = HEADER + GOOD.replace("2025-01-05", "2025-02-06")
    shop.put("sales_data/sales_b.csv", second)
    shop.load()
    result = shop.marts()
    assert [row["month"] for row in result["rows"]] == ["2025-01", "2025-02"]
    assert all("lacks months that were computed" in warning for warning in result["warnings"]) and result["warnings"]
    assert_marts(shop, [*reference.accepted(HEADER + GOOD), *reference.accepted(second)])
    assert shop.marts()["headline"].startswith("nothing to do")


def test_undo_takes_the_rows_out_of_every_mart(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.marts()
    shop.installation.run("generic_import", "--undo", 1)
    assert [row["month"] for row in shop.marts()["rows"]] == ["2025-01"]
    assert_marts(shop, [])
    shop.load("--reload")
    shop.marts()
    assert_marts(shop, reference.accepted(HEADER + GOOD))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
def test_the_whole_way_of_random_files(shop: Shop, seed: int) -> None:
    """Late and duplicate files, ties, faulty rows, further and missing columns, undone datasets."""
    chance = random.Random(seed)
    active: dict[int, list[dict[str, Any]]] = {}
    for number in range(4):
        months = MONTHS[: number + 1][-2:] if number < 3 else MONTHS[:1]  # the last one comes late
        text = reference.random_file(chance, months, chance.randint(1, 80))
        shop.put(f"sales_data/sales_{number}.csv", text)
        if chance.random() < 0.4:
            shop.put(f"sales_data/sales_{number}_again.csv", text)
        if chance.random() < 0.4:
            shop.put(f"sales_data/sales_{number}_less.csv", "customer_id,price\n1,1\n")
        loaded = [row for row in shop.load()["rows"] if row["state"] == "loaded"]
        active |= {row["dataset"]: reference.accepted(text) for row in loaded}
        if chance.random() < 0.5:
            gone = chance.choice(list(active))
            shop.installation.run("generic_import", "--undo", gone)
            del active[gone]
        if chance.random() < 0.7 or number == 3:
            assert shop.marts()["exit_code"] == 0
            assert_marts(shop, [row for rows in active.values() for row in rows])

"""Generated sales files: the same by seed, of every kind, fitting the dimensions of the seed."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.sales import reference
from tests.sales.conftest import Shop


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def made(shop: Shop, tmp_path: Path, *arguments: object) -> list[Path]:
    before = set(tmp_path.glob("*.csv"))
    done = shop.installation.run("generate_sales_data", *arguments, "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    return sorted(set(tmp_path.glob("*.csv")) - before)


def test_each_kind_and_the_same_rows_by_seed(shop: Shop, tmp_path: Path) -> None:
    (standard,) = made(shop, tmp_path, "standard", "--rows", 300, "--seed", 5)
    rows = rows_of(standard)
    assert len(rows) == 300 and list(rows[0]) == reference.HEADER
    assert len(reference.accepted(standard.read_text())) == 300
    assert all(row["sales_date"].startswith("2025-01-") for row in rows)
    (again,) = made(shop, tmp_path / "again", "standard", "--rows", 300, "--seed", 5)
    assert again.read_bytes() == standard.read_bytes()
    (fewer,) = made(shop, tmp_path, "fewer", "--rows", 5)
    assert "total_cost" not in rows_of(fewer)[0]
    (extra,) = made(shop, tmp_path, "extra", "--rows", 5, "--month", "2024-02")
    assert set(rows_of(extra)[0]) - set(reference.HEADER) == {"payment_mode", "remark"}
    days = made(shop, tmp_path, "dates", "--rows", 58, "--month", "2024-02")
    assert [path.name for path in days] == [f"sales_202402{day:02}.csv" for day in range(1, 30)]
    assert sum(len(rows_of(path)) for path in days) == 58
    (faulty,) = made(shop, tmp_path, "standard", "--rows", 1000, "--seed", 6, "--faults", 0.2)
    assert 100 < 1000 - len(reference.accepted(faulty.read_text())) < 300
    (customers,) = made(shop, tmp_path, "customers", "--rows", 40)
    assert [row["customer_id"] for row in rows_of(customers)] == [str(number) for number in range(1, 41)]


def test_upload_puts_them_where_the_import_looks(shop: Shop, tmp_path: Path) -> None:
    made(shop, tmp_path, "standard", "--rows", 20, "--upload")
    assert shop.keys() == ["sales_data/sales_standard_202501_1.csv"]
    assert shop.load()["counts"]["loaded"] == 20
    done = shop.installation.run("generate_sales_data", "customers", "--upload", "--output-dir", tmp_path)
    assert done.returncode == 2 and "sales.customer" in done.stderr


def test_a_folder_that_cannot_be_made_is_said_in_one_line(shop: Shop) -> None:
    done = shop.installation.run("generate_sales_data", "--output-dir", "/proc/sales")
    assert done.returncode == 78 and "/proc/sales cannot be written" in done.stderr and "Traceback" not in done.stderr

"""Kill -9 at each step from download to pointer: the end is the same, and a reader of the pointers never sees a mix."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.imports.parquet.test_parquet_copy import KILLING
from tests.sales import reference
from tests.sales.conftest import Shop
from tests.sales.test_marts import assert_marts

IMPORT_STEPS = [
    ("systemscripts.s3:Bucket.download", "before"),
    ("systemscripts.s3:Bucket.download", "after"),
    ("systemscripts.ingest.load:load_rows", "before"),
    ("systemscripts.datasets.lake:record_file", "after"),
    ("systemscripts.s3:Bucket.copy", "before"),
    ("systemscripts.s3:Bucket.copy", "after"),
    ("systemscripts.s3:Bucket.delete", "after"),
    ("systemscripts.file_ledger:mark_settled", "before"),
]
MART_STEPS = [
    ("systemscripts.marts.dimensions:export_dimensions", "after", 1),
    ("systemscripts.marts.engines.duckdb:compute", "after", 1),
    ("systemscripts.marts.databases.postgresql:write", "after", 1),
    ("systemscripts.marts.local_sets:_move_files", "after", 1),
    ("systemscripts.marts.local_sets:_replace_pointer", "before", 1),
    ("systemscripts.marts.local_sets:_replace_pointer", "after", 1),
    ("systemscripts.marts.local_sets:_replace_pointer", "after", 2),
    ("systemscripts.s3:Bucket.upload", "after", 1),
    ("systemscripts.s3:Bucket.write", "before", 1),
    ("systemscripts.s3:Bucket.write", "after", 1),
    ("systemscripts.s3:Bucket.write", "after", 2),
    ("systemscripts.marts.touched_months:record_months", "before", 1),
    ("systemscripts.marts.touched_months:record_months", "after", 1),
]


def kill(shop: Shop, step: str, when: str, nth: int, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLING), step, when, str(nth), *command],
        env=shop.installation.process_environment(), capture_output=True, cwd=shop.installation.data, timeout=120,
    )  # fmt: skip
    assert done.returncode == -9, f"{step} {when} {nth} was not reached: {done.stderr.decode()[-500:]}"


class Reader(threading.Thread):
    """Follows the pointers in a loop; notes each sum that it has seen, and what did not fit together."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(daemon=True)
        self._base, self._client, self._bucket = shop.installation.data / "var/marts", shop.client, shop.bucket
        self._done, self.seen, self.faults = threading.Event(), set[Decimal](), list[str]()
        self.local_looks = self.bucket_looks = 0

    def run(self) -> None:
        while not self._done.is_set():
            try:
                self._look_here()
                self._look_there()
            except Exception as error:
                self.faults.append(repr(error))

    def stop(self) -> None:
        self._done.set()
        self.join(60)

    def _look_here(self) -> None:
        version = (self._base / "customer_data_mart" / "current").resolve()
        enriched = self._sum(version.glob("enriched_sales/**/*.parquet"), "total_cost")
        totals = self._sum(version.glob("customers_data_mart/**/*.parquet"), "total_sales")
        team = self._sum((self._base / "sales_data_mart" / "current").resolve().rglob("*.parquet"), "total_sales")
        if enriched != totals:
            self.faults.append(f"{version.name}: enriched sales of {enriched} beside a mart of {totals}")
        self.seen |= {enriched, team}
        self.local_looks += 1

    def _look_there(self) -> None:
        pointer = json.loads(self._get("sales_data_mart/latest.json"))
        places = [f"s3://{file['key']}" for file in pointer["files"]]
        sizes = [len(self._get(file["key"])) for file in pointer["files"]]
        if sizes != [file["size"] for file in pointer["files"]]:
            self.faults.append(f"other sizes than latest.json says: {places}")
        self.bucket_looks += 1

    def _get(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content

    def _sum(self, files: Iterator[Path], column: str) -> Decimal:
        names = [str(file) for file in files]
        if not names:
            return Decimal()
        row: Any = duckdb.connect().execute(f"select sum({column}) from read_parquet(?)", [names]).fetchone()
        return Decimal(row[0])


@contextmanager
def reading(shop: Shop) -> Iterator[Reader]:
    reader = Reader(shop)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


@pytest.mark.timeout(600)
def test_killed_at_each_step_it_ends_in_the_same_state(shop: Shop) -> None:
    chance = random.Random(11)
    first = reference.random_file(chance, [date(2025, 1, 1), date(2025, 2, 1)], 60)
    second = reference.random_file(chance, [date(2025, 2, 1), date(2025, 3, 1)], 60)
    rows = {"first": reference.accepted(first), "second": reference.accepted(second)}
    shop.put("sales_data/sales_1.csv", first)
    shop.load()
    shop.marts()
    shop.put("sales_data/sales_2.csv", second)
    shop.put("sales_data/sales_less.csv", "customer_id,price\n1,1\n")
    with reading(shop) as reader:
        for step, when in IMPORT_STEPS:
            kill(shop, step, when, 1, "generic_import", "sales")
        shop.load()
        for step, when, nth in MART_STEPS:
            kill(shop, step, when, nth, "sales_marts")
        assert shop.marts()["exit_code"] == 0
    assert reader.faults == []
    assert reader.local_looks > 5 and reader.bucket_looks > 5
    everything = [*rows["first"], *rows["second"]]
    assert_marts(shop, everything)
    totals = [sum((row["total"] for row in some), Decimal()) for some in (rows["first"], everything)]
    assert reader.seen == set(totals), "before, or after: nothing between"
    assert shop.marts()["headline"].startswith("nothing to do")
    assert_nothing_is_left(shop)


def assert_nothing_is_left(shop: Shop) -> None:
    """Each file where it belongs, once; of killed runs nothing."""
    assert [*shop.keys("sales_data/"), *shop.keys("sales_data_error/"), *shop.keys("sales_data_processed/")] == [
        "sales_data_error/sales_less.csv", "sales_data_error/sales_less.csv.reason.txt",
        "sales_data_processed/sales_1.csv", "sales_data_processed/sales_2.csv",
    ]  # fmt: skip
    data = shop.installation.data
    assert shop.installation.list_waiting() == []
    assert sorted(path.name for path in (data / "var/lake/sales").iterdir()) == [
        name for (name,) in shop.sql("select file_name from dba.tdataset order by file_name")
    ]
    for name in ("customer_data_mart", "sales_data_mart"):
        base = data / "var/marts" / name
        assert len([path for path in base.iterdir() if not path.is_symlink()]) == 3
        pointer = json.loads(shop.read(f"{name}/latest.json"))
        kept = {key.split("/")[1] for key in shop.keys(f"{name}/")} - {"latest.json"}
        assert kept == set(pointer["versions"])
    assert not list((data / "var/marts").glob(".*"))

"""A waiting file whose name nearly matches an import is most likely the file that this import misses."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from systemscripts import db_utils
from systemscripts.configuration import near_names, unmatched_files
from systemscripts.configuration.waiting_names import WaitingNames
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports, select_imports
from systemscripts.summary import Summary
from tests.conftest import Installation

PATTERN = r"orders_\d{8}\.csv"
NEAR = [
    "orders_20260105.CSV",
    "orders_20260105 (1).csv",
    "orders_20260105_1.csv",
    "orders_20260105.csv.gz",
    "orders 20260105.csv",
    "Orders_20260105(2).csv.ZIP",
    "orders%2020260105 - Copy.csv",
]
NOT_NEAR = [
    "invoices_20260105.csv",
    "orders_2026015.csv",
    "orders_20260105.pdf",
    "orders_20260105_final.csv",
    "preorders_20260105.csv",
    "orders_20260105.csv.bak",
]


def run(here: Installation, name: str | None) -> Summary:
    with contextlib.closing(db_utils.connect("etl", "test")) as connection:
        directories = Directories(here.data).create()
        return select_imports.run_selected(
            connection, name, directories, "00000000-0000-0000-0000-000000000000", run_imports.Options()
        )


@pytest.fixture
def orders(here: Installation) -> Installation:
    here.configure("orders", file_pattern=PATTERN)
    here.configure("letters", file_pattern=r"letters_\d+\.csv")
    return here


@pytest.mark.parametrize("name", NEAR)
def test_other_case_a_copy_mark_a_packer_or_a_blank_is_near(name: str) -> None:
    assert near_names.is_near(name, PATTERN)


@pytest.mark.parametrize("name", NOT_NEAR)
def test_another_name_is_not_near(name: str) -> None:
    assert not near_names.is_near(name, PATTERN)


def test_an_import_that_got_only_a_near_name_ends_with_65_and_names_it(orders: Installation) -> None:
    orders.drop("orders_20260105.CSV", "id\n1\n")
    said = r"orders_20260105.CSV nearly matches the import orders (orders_\d{8}\.csv)"
    for name in ("orders", None):
        done = run(orders, name)
        assert 65 in done.codes
        assert said in "\n".join(done.problems)
    assert run(orders, "letters").exit_code == 0
    orders.drop("orders_20260104.csv", "id\n1\n")
    done = run(orders, "orders")
    assert (done.exit_code, [said in str(notice) for notice in done.warnings]) == (0, [True])


def test_other_names_and_those_of_paused_imports_stay_green(orders: Installation) -> None:
    orders.configure("letters", is_active=False)
    for name in [*NOT_NEAR, "LETTERS_1.csv"]:
        orders.drop(name, "id\n1\n")
    done = run(orders, "orders")
    assert (done.exit_code, done.problems) == (0, [])


def test_a_name_that_another_import_takes_or_that_is_being_written_is_not_near(orders: Installation) -> None:
    orders.configure("packed", file_pattern=r"orders_\d{8}\.csv\.gz")
    orders.drop("orders_20260105.csv.gz", "id\n1\n")
    orders.drop("orders_20260106.CSV", "id\n1\n", age_seconds=-60)
    assert run(orders, "orders").exit_code == 0


def test_status_and_watchdog_show_the_import_that_was_meant(orders: Installation) -> None:
    orders.drop("orders_20260105.CSV", "id\n1\n", age_seconds=3600)
    with contextlib.closing(db_utils.connect("etl", "test")) as connection:
        files: list[Any] = unmatched_files.find_unmatched_files(
            WaitingNames(connection, Directories(Path(orders.data)))
        )
    assert [str(file) for file in files] == [
        r"orders_20260105.CSV nearly matches the import orders (orders_\d{8}\.csv)"
    ]
    assert files[0].advice == "Rename orders_20260105.CSV, or widen file_pattern of orders"

"""Marts, dimensions and staging in MySQL or MariaDB instead of PostgreSQL: a real server, which goes and comes back."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.sales.conftest import Shop
from tests.sales.test_bucket import GOOD, HEADER
from tests.sales.test_faults import assert_one_line, free_port


@dataclass
class MariaDb:
    """A server of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mysql://etl:planted%2Fmaria@127.0.0.1:{self.port}/marts"

    def start(self) -> None:
        user = f"--user={os.environ.get('USER', 'root')}" if os.geteuid() == 0 else "--skip-grant-tables=0"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.folder / 'data'}",
                 user, f"--socket={self.folder / 'm.sock'}", "--bind-address=127.0.0.1", f"--port={self.port}",
                 f"--pid-file={self.folder / 'm.pid'}", "--skip-log-bin"],
                stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:  # pymysql leaves a refused one open
                if client.connect_ex(str(self.folder / "m.sock")) == 0:
                    return
            assert time.monotonic() < until and self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.rows_in(None, statement)

    def rows_in(self, database: str | None, statement: str) -> list[tuple[Any, ...]]:
        connection = pymysql.connect(
            unix_socket=str(self.folder / "m.sock"), user="root", autocommit=True, database=database
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    if not (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()):
        if os.environ.get("REQUIRE_SERVICES"):
            pytest.fail("mariadb-server is not installed")
        pytest.skip("mariadb-server is not installed")
    folder = tmp_path_factory.mktemp("maria")
    root = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", *root, "--skip-test-db",
         "--auth-root-authentication-method=normal"], check=True, capture_output=True,
    )  # fmt: skip
    server = MariaDb(folder, free_port())
    server.start()
    server.rows("create database marts")
    server.rows("create user etl@'127.0.0.1' identified by 'planted/maria'")
    server.rows("grant all on marts.* to etl@'127.0.0.1'")
    yield server
    server.stop()


def test_the_marts_in_mariadb(shop: Shop, mariadb: MariaDb) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD + "2,122,clinic plus,2025-02-28,3,1.50,3,4.50\n")
    shop.load()
    shop.installation.write_settings(MARTS_DATABASE_URL=mariadb.url)
    assert shop.marts()["exit_code"] == 0
    assert shop.customers() == [], "instead of PostgreSQL"
    marts = "select * from marts.sales_team_data_mart order by sales_month"
    assert mariadb.rows(marts) == [
        (121, 1, "Rahul Verma", date(2025, 1, 1), Decimal("100.00"), Decimal("1.00")),
        (122, 3, "Shashank Patel", date(2025, 2, 1), Decimal("4.50"), Decimal("0.05")),
    ]
    shop.put("sales_data/sales_b.csv", HEADER + "2,121,maida,2025-01-20,2,20,5,100\n")
    shop.load()
    before = mariadb.rows(marts)
    mariadb.stop()
    done = shop.installation.run("sales_marts")
    assert_one_line(done, 75, f"127.0.0.1:{mariadb.port}/marts does not answer")
    mariadb.start()
    assert mariadb.rows(marts) == before
    shop.installation.write_settings(MARTS_DATABASE_URL=mariadb.url.replace("planted", "wrong"))
    assert_one_line(shop.installation.run("sales_marts"), 78, "refuses the login", "MARTS_DATABASE_URL")
    shop.installation.write_settings(MARTS_DATABASE_URL=mariadb.url)
    assert shop.marts()["exit_code"] == 0
    assert [row[1] for row in mariadb.rows(marts)] == [1, 2, 3]
    assert mariadb.rows("select sum(total_sales) from marts.customers_data_mart") == [(Decimal("204.50"),)]
    mariadb.rows("drop table marts.customers_data_mart")
    assert shop.marts()["warnings"] == [
        f"mysql 127.0.0.1:{mariadb.port}/marts lacks months that were computed: all are computed again"
    ]
    assert mariadb.rows("select sum(total_sales) from marts.customers_data_mart") == [(Decimal("204.50"),)]
    assert "planted" not in shop.installation.read_logs()


DIMENSIONS = """
    create table customer (customer_id int, first_name varchar(99), last_name varchar(99), address varchar(99),
        pincode varchar(9), phone_number varchar(20), customer_joining_date date);
    insert into customer values (1, 'Saanvi', 'O"Neill, jr', 'Delhi', '0122', null, '2021-01-20'),
        (2, 'Dhanush', 'Sahni', 'Delhi', '122009', '9155328165', '2022-03-27');
    create table product (id int, name varchar(99), current_price decimal(18, 2), old_price decimal(18, 2),
        created_date date, updated_date date, expiry_date date);
    insert into product values (3, 'maida', 20, 20, '2023-03-20', null, null), (9, 'Maida', 21, 21, null, null, null);
    create table sales_team (id int, first_name varchar(99), last_name varchar(99), manager_id int, is_manager char(1),
        address varchar(99), pincode varchar(9), joining_date date);
    insert into sales_team values (1, 'Rahul', 'Verma', 10, 'N', 'Delhi', '122007', '2020-05-01'),
        (10, 'Alka', 'Singh', null, 'Y', 'Delhi', '122007', '2020-01-01')"""


@pytest.fixture
def dimensions(shop: Shop, mariadb: MariaDb) -> Iterator[str]:
    """The dimensions in a database of MariaDB; those of PostgreSQL are empty, except the stores."""
    mariadb.rows("create database dims")
    mariadb.rows("grant all on dims.* to etl@'127.0.0.1'")
    for statement in DIMENSIONS.split(";"):
        mariadb.rows_in("dims", statement)
    shop.sql("truncate sales.customer, sales.product, sales.sales_team")
    url = mariadb.url.replace("/marts", "/dims")
    shop.installation.write_settings(
        SALES_CUSTOMER_URL=url, SALES_PRODUCT_URL=url, SALES_TEAM_URL=url, SALES_STAGING_URL=url
    )
    yield url
    mariadb.rows("drop database dims")


def test_dimensions_and_staging_in_mariadb(shop: Shop, mariadb: MariaDb, dimensions: str) -> None:
    staging = "select file_name, status from dims.staging order by file_id"
    shop.put(
        "sales_data/sales_a.csv", HEADER + "1,121,maida,2025-01-10,1,20,5,100\n9,121,maida,2025-01-10,1,20,5,100\n"
    )
    loaded = shop.load()
    assert loaded["exit_code"] == 0 and loaded["counts"]["loaded"] == 1
    assert "9" in shop.sql("select reason from dba.trejectedrow")[0][0]
    assert mariadb.rows(staging) == [("sales_a.csv", "I")]
    assert shop.marts()["exit_code"] == 0
    assert shop.customers()[0][1:3] == ('Saanvi O"Neill, jr', "Delhi")

    # changed between runs: two spellings that its collation takes for one are two products
    mariadb.rows("insert into dims.customer values (9, 'New', 'One', null, null, null, null)")
    shop.put(
        "sales_data/sales_b.csv", HEADER + "9,121,Maida,2025-02-10,10,21,1,21\n9,121,MAIDA,2025-02-10,10,21,1,21\n"
    )
    loaded = shop.load()
    assert (loaded["counts"]["loaded"], loaded["counts"]["rejected"]) == (1, 1)
    assert shop.marts()["exit_code"] == 0
    assert [row[1] for row in shop.customers()] == ['Saanvi O"Neill, jr', "New One"]

    # the server is gone: the files wait, and nothing is written
    shop.put("sales_data/sales_c.csv", HEADER + "1,121,maida,2025-03-10,1,20,5,100\n")
    mariadb.stop()
    assert_one_line(shop.installation.run("generic_import", "sales"), 75, f"{mariadb.port}/dims does not answer")
    assert_one_line(shop.installation.run("sales_marts", "--recompute"), 75, f"{mariadb.port}/dims does not answer")
    mariadb.start()
    assert shop.load()["counts"]["loaded"] == 1
    assert mariadb.rows(staging) == [("sales_a.csv", "I"), ("sales_b.csv", "I"), ("sales_c.csv", "I")]


def test_a_dimension_in_mariadb_that_is_missing_or_has_twins(shop: Shop, mariadb: MariaDb, dimensions: str) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + "1,121,maida,2025-01-10,1,20,5,100\n")
    mariadb.rows("rename table dims.customer to dims.elsewhere")
    done = shop.installation.run("generic_import", "sales")
    assert_one_line(done, 78, "lookup: there is no column sales.customer.customer_id", "correct SALES_CUSTOMER_URL")
    assert mariadb.rows("select status from dims.staging") == [("A",)], "it waits"
    mariadb.rows("rename table dims.elsewhere to dims.customer")
    assert shop.load()["counts"]["loaded"] == 1
    mariadb.rows("alter table dims.customer drop column pincode")
    assert_one_line(
        shop.installation.run("sales_marts"), 78, "the dimension sales.customer", "lacks the columns pincode"
    )
    mariadb.rows("alter table dims.customer add column pincode varchar(9)")
    mariadb.rows("insert into dims.customer select * from dims.customer where customer_id = 1")
    done = shop.installation.run("sales_marts")
    assert_one_line(done, 65, "the dimension sales.customer", "2 rows with customer_id 1", "would count 2 times")
    assert shop.customers() == []
    mariadb.rows("truncate dims.product")
    shop.put("sales_data/sales_b.csv", HEADER + "1,121,maida,2025-01-11,1,20,5,100\n")
    assert_one_line(shop.installation.run("generic_import", "sales"), 78, "sales.product.name has no values yet")
    shop.installation.write_settings(SALES_CUSTOMER_URL=dimensions.replace("planted", "wrong"))
    assert_one_line(shop.installation.run("generic_import", "sales"), 78, "refuses the login", "SALES_CUSTOMER_URL")
    assert "planted" not in shop.installation.read_logs()


def test_twins_of_a_dimension_in_postgresql_are_refused_alike(shop: Shop) -> None:
    shop.put("sales_data/sales_a.csv", HEADER + GOOD)
    shop.load()
    shop.sql("alter table sales.customer drop constraint customer_pkey")
    shop.sql("insert into sales.customer select * from sales.customer where customer_id = 1")
    done = shop.installation.run("sales_marts")
    assert_one_line(done, 65, "the dimension sales.customer (postgresql) has 2 rows with customer_id 1")

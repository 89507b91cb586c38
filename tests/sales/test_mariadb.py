"""The marts in MySQL or MariaDB instead of PostgreSQL: a real server, which goes away and comes back."""

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
        connection = pymysql.connect(unix_socket=str(self.folder / "m.sock"), user="root", autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


@pytest.fixture
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

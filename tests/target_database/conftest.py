"""A second database with an owner of its own, and an installation whose job loads into it."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from systemscripts import db_utils, settings
from systemscripts.configuration import yaml_job
from systemscripts.directory_management import Directories
from systemscripts.ingest import accept_held, run_imports, undo
from systemscripts.summary import Summary
from systemscripts.yaml_jobs import single_pass
from tests.conftest import Installation, Server

PASSWORD = "planted/pass+word"
JOB = """\
sources: [{type: local, path: ./incoming}]
target: {database: "${WAREHOUSE}", table: orders}
schema: {order_id: integer, amount: numeric}
"""


@dataclass
class Warehouse:
    """The database of the targets, and the installation that loads into it."""

    installation: Installation
    server: Server
    name: str
    login: str
    address: str
    job: Path

    def sql(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run SQL in the database as its owner."""
        with (
            contextlib.closing(psycopg2.connect(self.address)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def put(self, name: str, content: str) -> Path:
        """Put a file into the folder of the source, old enough to be taken for whole."""
        path = self.installation.data / "incoming" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("order_id,amount\n" + content)
        moment = time.time() - 60
        os.utime(path, (moment, moment))
        return path

    def write_job(self, **more: str) -> None:
        self.job.write_text(JOB + "".join(f"{key}: {value}\n" for key, value in more.items()))

    def load_here(self) -> Summary:
        """Run the job once in this process."""
        run_uuid = str(uuid.uuid4())
        with contextlib.closing(db_utils.connect(purpose="test")) as connection:
            config, _ = yaml_job.apply_job(connection, self.job)
        return single_pass.run_once(
            lambda: db_utils.connect(purpose="test"), config, run_uuid, run_imports.Options(), pause_seconds=0
        )

    def load(self) -> Summary:
        summary = self.load_here()
        assert summary.exit_code == 0, summary.problems
        return summary

    def undo(self, dataset_id: int, cascade: bool = False) -> Summary:
        """Undo a dataset in this process; its import is not paused."""
        with contextlib.closing(db_utils.connect(purpose="test")) as connection:
            summary = undo.undo_datasets(connection, str(uuid.uuid4()), dataset_id, cascade=cascade)
        self.installation.sql("update dba.timportconfig set is_active = true")
        return summary

    def accept(self, dataset_id: int) -> Summary:
        directories = Directories(self.installation.data)
        with contextlib.closing(db_utils.connect(purpose="test")) as connection:
            return accept_held.accept_dataset(connection, directories, str(uuid.uuid4()), dataset_id)

    def run(self, *arguments: object, **more: str) -> Any:
        return self.installation.run("run_elt", self.job, *(arguments or ("--once",)), **more)

    def current(self) -> list[tuple[Any, ...]]:
        return self.sql("select order_id, amount from public.orders_current order by 1, 2")

    def datasets(self) -> list[tuple[Any, ...]]:
        return self.installation.sql("select dataset_id, status, rows_loaded from dba.tdataset order by 1")

    def check(self) -> None:
        """Both ledgers say the same, and no row is there that neither knows."""
        there = self.sql("select dataset_id, status, label, last_seen from client_etl.tdataset order by 1")
        here = self.installation.sql(
            """select dataset_id, status, label, last_seen from dba.tdataset
               where not is_held_file and status <> 'held' order by 1"""
        )
        assert there == here
        rows = "select distinct dataset_id from public.orders except select dataset_id from client_etl.tdataset"
        assert self.sql(rows) == []
        assert self.installation.sql("select * from dba.ttargetload") == []


@pytest.fixture
def warehouse(server: Server, here: Installation) -> Iterator[Warehouse]:
    installation = here
    name, login = f"wh_{uuid.uuid4().hex[:10]}", f"loader_{uuid.uuid4().hex[:10]}"
    server.execute(f"create role {login} login password '{PASSWORD}'")
    server.execute(f"create database {name} owner {login}")
    port = urlsplit(server.etl).port
    address = f"postgresql://{login}:planted%2Fpass%2Bword@127.0.0.1:{port}/{name}"
    installation.write_settings(SOURCE_WAREHOUSE=address, FILE_STILL_SECONDS="0.05")
    settings.reset()
    (installation.data / "incoming").mkdir()
    created = Warehouse(installation, server, name, login, address, installation.data / "orders.yaml")
    created.write_job()
    yield created
    server.execute(f"drop database {name} with (force)")
    server.execute(f"drop role {login}")

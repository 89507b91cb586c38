"""What tests share: a PostgreSQL for each worker, and a whole installation in a folder of its own for each."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.tiny_jobs import jobs, mails  # noqa: F401 - fixtures for every test

PROJECT = Path(__file__).resolve().parents[1]
# what starts the tests may ignore them (nohup, a shell's &), and what they start would inherit that
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Installation:
    """One installation: its data folder, its database, and ways to use them as an operator does."""

    data: Path
    url: str
    reader_url: str
    settings: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings_file(self) -> Path:
        return self.data / "settings.env"

    def write_settings(self, **more: str) -> None:
        """Write the settings file, DATABASE_URL and what is given."""
        self.settings |= more
        self.settings_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        self.settings_file.chmod(0o600)

    def process_environment(self, **more: str) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "SMTP_", "DATABASE_", "MEETMAX_"))}
        own = {
            "ETL_DATA_DIR": str(self.data),
            "ETL_ENV_FILE": str(self.settings_file),
            "PYTHONPATH": str(PROJECT),
        }
        return clean | own | self.environment | more

    def command(self, script: str, *arguments: object) -> list[str]:
        return [sys.executable, str(PROJECT / "jobscripts" / f"{script}.py"), *map(str, arguments)]

    def run(
        self, script: str, *arguments: object, timeout: float = 120, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a job script to its end."""
        return subprocess.run(
            self.command(script, *arguments), env=self.process_environment(**more), capture_output=True, text=True,
            timeout=timeout, stdin=subprocess.DEVNULL, cwd=self.data,
        )  # fmt: skip

    def start(self, script: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
        """Start a job script and leave it running."""
        return subprocess.Popen(
            self.command(script, *arguments), env=self.process_environment(**more), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, cwd=self.data,
        )  # fmt: skip

    def summary(self, script: str, *arguments: object, **more: str) -> dict[str, Any]:
        """Run a job script with --json and return its summary."""
        done = self.run(script, *arguments, "--json", **more)
        assert done.stdout, f"no summary (exit {done.returncode}): {done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def sql(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Run SQL as etl; rows, where there are any."""
        with contextlib.closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def drop(self, name: str, content: str | bytes, age_seconds: float = 60) -> Path:
        """Put a file into file_watcher/, old enough to be taken for whole."""
        path = self.data / "file_watcher" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        moment = time.time() - age_seconds
        os.utime(path, (moment, moment))
        return path

    def configure(self, config_name: str, **columns: object) -> None:
        """Make or change a row of dba.timportconfig."""
        values: dict[str, object] = {
            "config_name": config_name,
            "file_pattern": rf"{config_name}.*",
            "target_table": f"public.{config_name}",
        } | columns
        values = {
            k: json.dumps(v) if isinstance(v, dict) or k in ("sources", "row_checks") else v for k, v in values.items()
        }
        names = ", ".join(values)
        updates = ", ".join(f"{name} = excluded.{name}" for name in values)
        self.sql(
            f"insert into dba.timportconfig ({names}) values ({', '.join(['%s'] * len(values))}) "
            f"on conflict (config_name) do update set {updates}",
            tuple(values.values()),
        )

    def list_waiting(self) -> list[str]:
        """Names of the files that still wait."""
        return sorted(p.name for p in (self.data / "file_watcher").glob("*") if p.is_file())

    def read_archive(self) -> dict[str, bytes]:
        """Every file of the archive by its path below archive/YYYY/MM."""
        return {p.name: p.read_bytes() for p in sorted((self.data / "archive").rglob("*")) if p.is_file()}

    def read_logs(self) -> str:
        """Everything in logs/ and var/, for looking for what must not be there."""
        paths = [p for folder in ("logs", "var") for p in (self.data / folder).rglob("*") if p.is_file()]
        return "\n".join(p.read_text(errors="replace") for p in paths)


@dataclass
class Server:
    """The PostgreSQL of one worker."""

    etl: str
    reader: str
    # its superuser
    owner: str
    folder: Path

    def create_database(self, name: str, template: str = "template_etl") -> tuple[str, str]:
        self.execute(f'create database "{name}" owner etl template "{template}" strategy file_copy')
        return _with_database(self.etl, name), _with_database(self.reader, name)

    def execute(self, statement: str) -> None:
        connection = psycopg2.connect(_with_database(self.owner, "postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


def _with_database(url: str, name: str) -> str:
    return url.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded server of this worker, with a template database that holds the schema."""
    from systemscripts import settings
    from systemscripts.db_utils import embedded, embedded_roles, migrations

    data = tmp_path_factory.mktemp("server")
    before = dict(os.environ)
    for name in [n for n in os.environ if n.startswith(("ETL_", "DATABASE_", "SMTP_", "MEETMAX_"))]:
        del os.environ[name]
    empty = data / "settings.env"
    empty.write_text("DATABASE_URL=embedded\n")
    empty.chmod(0o600)
    os.environ.update(ETL_DATA_DIR=str(data), ETL_ENV_FILE=str(empty))
    settings.reset()
    running = embedded.start_server()
    urls = (running.url("etl"), running.url("reader"), running.url(embedded_roles.OWNER))
    created = Server(*urls, Path(running.folder))
    # Its databases live for one test: no power failure is to be survived, and each drop would wait for the disk.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        created.execute(f"alter system set {setting} = off")
    created.execute("select pg_reload_conf()")
    # tests create logins of their own
    created.execute("alter role etl createrole")
    created.execute("alter role etl set createrole_self_grant = 'set, inherit'")
    created.execute("create database template_etl owner etl")
    with contextlib.closing(psycopg2.connect(_with_database(created.etl, "template_etl"))) as connection:
        migrations.apply_pending(connection)
    yield created
    os.environ.update(ETL_DATA_DIR=str(data), ETL_ENV_FILE=str(empty))
    settings.reset()
    embedded.try_stop_server()
    shutil.rmtree(running.folder, ignore_errors=True)
    os.environ.clear()
    os.environ.update(before)
    settings.reset()


@pytest.fixture
def installation(server: Server, tmp_path: Path) -> Iterator[Installation]:
    """A new installation with a database of its own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    url, reader_url = server.create_database(name)
    created = Installation(tmp_path / "data", url, reader_url)
    created.data.mkdir()
    (created.data / "file_watcher").mkdir()
    # as on a host whose operator wants the weekly scan
    created.write_settings(DATABASE_URL=url, DATABASE_READER_URL=reader_url, MEETMAX_FIRST_EVENTS="119000-119999")
    yield created
    server.execute(f'drop database "{name}" with (force)')


@pytest.fixture(autouse=True, scope="module")
def collect_garbage() -> Iterator[None]:
    """What a module left open is collected at its own end, so that the warning names the module."""
    yield
    gc.collect()


@pytest.fixture
def here(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """The installation, also as the one that this very process works in."""
    from systemscripts import settings

    monkeypatch.setenv("ETL_DATA_DIR", str(installation.data))
    monkeypatch.setenv("ETL_ENV_FILE", str(installation.settings_file))
    settings.reset()
    yield installation
    settings.reset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked long run only with ./run_tests.sh --long."""
    if not os.environ.get("ETL_TEST_LONG"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long: ./run_tests.sh --long"))

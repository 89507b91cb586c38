"""The database goes to another server of another major version, and back, and every row is compared."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from systemscripts.db_utils import embedded_programs
from systemscripts.db_utils.embedded import find_free_port
from tests.db_utils.test_embedded import Own


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    """An installation with an embedded server of its own, one import and one dataset in a schema of its own."""
    installation = Own(tmp_path_factory.mktemp("moved") / "data", "", "")
    (installation.data / "file_watcher").mkdir(parents=True)
    installation.write_settings(DATABASE_URL="embedded", FILE_STILL_SECONDS="0")
    installation.url = installation.url_now()
    installation.run("status")
    installation.configure("orders", load_mode="append", target_table="trade.orders")
    installation.drop("orders_1.csv", "a;b\n1;x\n2;y\n")
    done = installation.run("generic_import", "orders")
    assert done.returncode == 0, done.stderr
    yield installation
    installation.write_settings(DATABASE_URL="embedded")
    installation.run("database", "stop")
    shutil.rmtree(installation.folder, ignore_errors=True)


@contextlib.contextmanager
def debian_server() -> Iterator[tuple[str, str]]:
    """PostgreSQL of the distribution, older than the embedded one, with the logins but without their rights."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    if not programs or os.geteuid() != 0:
        pytest.skip("needs PostgreSQL of the distribution, and root to start it as another user")
    # the folders of pytest are closed to other users
    with tempfile.TemporaryDirectory(prefix="etl_debian_", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.chown(folder, "postgres")
        yield from run_debian_server(folder, programs[0])


def run_debian_server(folder: Path, programs: Path) -> Iterator[tuple[str, str]]:
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "env", "LC_ALL=C.UTF-8"]
    run = [*as_postgres, str(programs / "pg_ctl"), "-w", "-D", str(folder / "data")]
    initialize = [*as_postgres, str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-E", "UTF8"]
    subprocess.run(initialize, check=True, capture_output=True, cwd="/")
    port = find_free_port()
    options = f"-p {port} -k '' -h 127.0.0.1"
    start = [*run, "-t", "180", "-l", str(folder / "data" / "log"), "-o", options, "start"]
    assert subprocess.run(start, capture_output=True, cwd="/").returncode == 0, (folder / "data" / "log").read_text()
    try:
        with contextlib.closing(psycopg2.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres")) as connection:
            connection.autocommit = True
            connection.cursor().execute("create role etl_there login createdb password 'p'; create role reads login")
        yield f"postgresql://etl_there:p@127.0.0.1:{port}/etl", f"postgresql://reads@127.0.0.1:{port}/etl"
    finally:
        stopped = subprocess.run([*run, "-m", "immediate", "stop"], capture_output=True, cwd="/")
        assert stopped.returncode == 0, (folder / "data" / "log").read_text()


def move(own: Own, word: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        own.command("database", "move", *([word] if word else [])), env=own.process_environment(), input=typed,
        capture_output=True, text=True, cwd=own.data, timeout=120,
    )  # fmt: skip


def test_the_database_moves_to_an_older_server_of_the_host_and_back(own: Own) -> None:
    rows = own.sql("select * from trade.orders order by source_row")
    with debian_server() as (url, reader_url):
        refused = move(own, url)
        assert refused.returncode == 2
        with contextlib.closing(psycopg2.connect(own.url, application_name="DBeaver")):
            busy = move(own, "", f"{url}\n{reader_url}\n")
        assert busy.returncode == 75
        assert "is in use by DBeaver" in busy.stderr
        moved = move(own, "", f"{url}\n{reader_url}\n")
        assert moved.returncode == 0, moved.stderr
        assert own.settings_file.read_text().count("DATABASE_") == 2
        assert ":p@" not in moved.stdout + moved.stderr + own.read_logs()
        embedded_url, own.url = own.url, url
        assert own.sql("select * from trade.orders order by source_row") == rows
        assert int(own.sql("show server_version_num")[0][0]) // 10000 < embedded_programs.MAJOR
        # the reader, who has another name there, has its rights by our own code
        with contextlib.closing(psycopg2.connect(reader_url)) as reader, reader.cursor() as cursor:
            cursor.execute("select count(*) from trade.orders")
            assert cursor.fetchone() == (2,)
        own.drop("orders_2.csv", "a;b\n3;z\n")
        assert own.run("generic_import", "orders").returncode == 0
        rows = own.sql("select * from trade.orders order by source_row, a")
        back = move(own, "embedded")
        assert back.returncode == 0, back.stderr
    own.url = embedded_url
    assert own.sql("select * from trade.orders order by source_row, a") == rows
    names = [name for (name,) in own.sql("select datname from pg_database where datname like 'etl_before_%'")]
    assert len(names) == 1  # as it was before it moved

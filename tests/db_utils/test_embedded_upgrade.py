"""The data of an embedded PostgreSQL 16 move to the installed version, with real programs of both."""

from __future__ import annotations

import contextlib
import lzma
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from systemscripts.db_utils import embedded_programs
from tests.conftest import PROJECT
from tests.db_utils.test_embedded import Own

OLD = 16
DUMP = PROJECT / "tests" / "upgrade" / "version_0_1_0" / "database.sql.xz"
ROWS = (
    "select (select count(*) from dba.tdataset), (select count(*) from dba.tmeetmax), (select count(*) from dba.trun)"
)


def make_old_server(own: Own) -> Path:
    """Make data as version 0.1 had them, where `etl` was the superuser, but of PostgreSQL 16; return their folder."""
    # the state, the folder and its user
    assert own.run("database", "start").returncode == 0
    assert own.run("database", "stop").returncode == 0
    user = str(own.state["user"])
    shutil.rmtree(own.folder / "data")
    own.set_state(has_own_superuser=False, owner_password="")
    password = own.folder / "password"
    password.write_text(str(own.state["etl_password"]))
    shutil.chown(password, own.folder.stat().st_uid)

    def run(name: str, *arguments: str, stdin: str = "") -> None:
        code = embedded_programs.run_program(
            name, *arguments, user=user, folder=own.folder, stdin=stdin, major=OLD, password=password_text
        )
        assert code == 0, (own.folder / "server.log").read_text()[-2000:]

    password_text = str(own.state["etl_password"])
    run("initdb", "-D", "data", "-U", "etl", "--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=scram-sha-256",
        "--auth-host=scram-sha-256", "--pwfile=password")  # fmt: skip
    password.unlink()
    options = f"-p {own.state['port']} -h 127.0.0.1 -c unix_socket_directories=''"
    run("pg_ctl", "-w", "-D", "data", "-o", options, "start")
    address = f"postgresql://etl@127.0.0.1:{own.state['port']}"
    first = (
        f"create role reader login password '{own.state['reader_password']}';\n"
        "create role lena login password 'lenas own';\ncreate database etl;\ncreate database etl_before_x;\n"
        "\\c etl_before_x\ncreate table public.kept (a int);\ninsert into public.kept values (1), (2);\n"
    )
    run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", f"{address}/postgres", stdin=first)
    # the dump is of PostgreSQL 18
    dump = lzma.decompress(DUMP.read_bytes()).decode().replace("SET transaction_timeout = 0;\n", "")
    run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", f"{address}/etl", stdin=dump)
    run("psql", "-q", "-d", f"{address}/etl", stdin="grant connect on database etl to lena;")
    run("pg_ctl", "-w", "-D", "data", "stop")
    return own.folder / "data"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    own_installation = Own(tmp_path / "data", "", "")
    own_installation.data.mkdir()
    own_installation.write_settings(DATABASE_URL="embedded")
    yield own_installation
    own_installation.run("database", "stop")
    shutil.rmtree(own_installation.folder, ignore_errors=True)


def query(own: Own, statement: str, login: str = "etl", password: str = "", database: str = "etl") -> object:
    password = password or str(own.state[f"{login}_password"])
    with (
        contextlib.closing(
            psycopg2.connect(host="127.0.0.1", port=own.state["port"], user=login, password=password, dbname=database)
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        return cursor.fetchone()


def test_data_of_another_major_version_move_with_all_rows_and_logins_and_come_back(own: Own) -> None:
    data = make_old_server(own)
    refused = own.run("close_interrupted_runs")
    assert refused.returncode == 78 and "etl database upgrade" in refused.stderr
    assert (data / "PG_VERSION").read_text() == f"{OLD}\n"
    # programs that are no longer here change nothing
    (data / "PG_VERSION").write_text("9\n")
    gone = own.run("database", "upgrade")
    assert (gone.returncode, gone.stderr.count("\n")) == (78, 1)
    assert "sudo apt install postgresql-9" in gone.stderr
    (data / "PG_VERSION").write_text(f"{OLD}\n")

    done = own.run("database", "upgrade")
    assert done.returncode == 0, done.stderr
    assert f"from PostgreSQL {OLD} to {embedded_programs.MAJOR}" in done.stdout
    assert (data / "PG_VERSION").read_text() == f"{embedded_programs.MAJOR}\n"
    assert (own.folder / f"data.{OLD}" / "PG_VERSION").read_text() == f"{OLD}\n"
    assert query(own, "show server_version_num")[0].startswith(str(embedded_programs.MAJOR))  # type: ignore[index]
    [datasets, companies, runs] = query(own, ROWS)  # type: ignore[misc]
    assert (datasets, companies) == (50, 286) and runs > 0
    # the logins: of people as they were, etl no longer as superuser
    assert query(own, "select 1", "lena", "lenas own") == (1,)
    assert query(own, "select rolsuper from pg_roles where rolname = 'etl'") == (False,)
    assert query(own, "select count(*) from public.kept", database="etl_before_x") == (2,)
    assert query(own, "select count(*) > 0 from dba.v_run", "reader") == (True,)
    assert own.run("status").returncode == 0
    again = own.run("database", "upgrade")
    assert (again.returncode, "up to date" in again.stdout) == (0, True)

    back = own.run("database", "upgrade", "--back")
    assert back.returncode == 0, back.stderr
    assert (data / "PG_VERSION").read_text() == f"{OLD}\n"
    assert (own.folder / f"data.{embedded_programs.MAJOR}").is_dir()
    # a kill between the two moves of a swap leaves no data folder: the next start finishes it, nothing is created
    (own.folder / f"data.{embedded_programs.MAJOR}").rename(own.folder / "data.next")
    data.rename(own.folder / f"data.{OLD}")
    assert own.run("database", "start").returncode == 0
    assert query(own, ROWS)[:2] == (50, 286)  # type: ignore[index]


@pytest.mark.long
def test_an_upgrade_that_was_killed_leaves_the_data_and_is_repeated(own: Own) -> None:
    data = make_old_server(own)
    process = own.start("database", "upgrade")
    waited = 0.0
    while not (own.folder / "dumps" / "logins").exists() and waited < 60 and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
        waited += 0.1
    process.kill()
    process.communicate()
    assert (data / "PG_VERSION").read_text() == f"{OLD}\n"
    done = own.run("database", "upgrade")
    assert done.returncode == 0, done.stderr
    assert query(own, ROWS)[:2] == (50, 286)  # type: ignore[index]

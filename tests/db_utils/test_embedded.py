"""The suite's own PostgreSQL: started on demand, healed after a kill, refused where it must not be touched."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from systemscripts.db_utils import embedded_programs
from tests.conftest import Installation
from tests.tiny_jobs import Jobs, wait_for


class Own(Installation):
    """An installation with an embedded server of its own."""

    @property
    def state(self) -> dict[str, object]:
        saved_state: dict[str, object] = json.loads((self.data / "var" / "embedded_database.json").read_text())
        return saved_state

    @property
    def folder(self) -> Path:
        return Path(str(self.state["folder"]))

    def postmaster(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split("\n")[0])

    def kill(self) -> None:
        """kill -9 the server, as the machine's memory killer does."""
        process = self.postmaster()
        os.kill(process, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{process}").exists())

    def url_now(self) -> str:
        return self.run("database", "url").stdout.strip()

    def set_state(self, **values: object) -> None:
        path = self.data / "var" / "embedded_database.json"
        path.write_text(json.dumps(self.state | values))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    own_installation = Own(tmp_path_factory.mktemp("own") / "data", "", "")
    own_installation.data.mkdir()
    own_installation.write_settings(DATABASE_URL="embedded")
    yield own_installation
    own_installation.run("database", "stop")
    shutil.rmtree(own_installation.folder, ignore_errors=True)


def test_two_first_starts_at_once_make_one_server(own: Own) -> None:
    both = [own.start("close_interrupted_runs") for _ in range(3)]
    results = [(process.wait(timeout=60), process.communicate()[1]) for process in both]
    assert results == [(0, "")] * 3
    server = own.folder / "server.log"
    assert server.read_text().count("database system is ready to accept connections") == 1
    assert oct((own.data / "var" / "embedded_database.json").stat().st_mode & 0o777) == "0o600"
    assert oct(own.folder.stat().st_mode & 0o777) == "0o700"
    assert not list(own.folder.glob("password*"))
    owner = own.folder.stat().st_uid
    assert (owner == 0) is False
    assert "password" not in server.read_text()


def test_a_large_server_log_is_rotated_and_the_server_goes_on_in_it(own: Own) -> None:
    own.run("database", "start")
    log = own.folder / "server.log"
    with log.open("ab") as stream:
        stream.write(b"old line\n" * 1_200_000)
    rows = own.summary("purge")["rows"]
    assert {"what": "server.log is rotated", "older than days": "", "number": 1, "MB": 0.0} in rows
    assert b"old line" in (own.folder / "server.log.1").read_bytes()
    assert log.stat().st_uid == (own.folder / "server.log.1").stat().st_uid
    own.run("database", "stop")
    assert "shutting down" in log.read_text()
    with log.open("ab") as stream:
        stream.write(b"newer line\n" * 1_200_000)
    own.run("database", "start")
    assert b"newer line" in (own.folder / "server.log.1").read_bytes()
    assert log.stat().st_size < 1_000_000


def test_it_listens_on_loopback_and_wants_the_password(own: Own) -> None:
    url = own.url_now()
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("show listen_addresses")
        assert cursor.fetchone() == ("127.0.0.1",)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(url.replace(url.split(":")[2].split("@")[0], "wrong"))
    assert own.run("database", "sql", "select current_user", "--read-only").stdout == "current_user\nreader\n"


def test_etl_owns_its_database_and_is_not_a_superuser(own: Own) -> None:
    question = """select rolname, rolsuper, rolcreatedb, rolcreaterole from pg_roles
                  where rolname !~ '^pg_' order by rolname"""
    with contextlib.closing(psycopg2.connect(own.url_now())) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        assert cursor.fetchall() == [
            ("etl", False, True, False),
            ("reader", False, False, False),
            ("server_owner", True, True, True),
        ]
        connection.commit()
        connection.autocommit = True
        for statement in (
            "copy (select 1) to program 'touch /tmp/made_by_etl'",
            "select pg_read_file('/etc/passwd')",
            "alter system set fsync = off",
            "alter role server_owner password 'x'",
            "alter role etl superuser",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)


def test_the_reader_is_limited_by_its_role(own: Own) -> None:
    etl = own.url_now()
    url = etl.replace("//etl:", "//reader:").replace(str(own.state["etl_password"]), str(own.state["reader_password"]))
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        for setting, value in (("statement_timeout", "30min"), ("temp_file_limit", "4GB")):
            cursor.execute(f"show {setting}")
            assert cursor.fetchone() == (value,)
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("set temp_file_limit = -1")
        connection.rollback()
        # read-only is a setting that it may change; then the rights hold
        cursor.execute("set default_transaction_read_only = off")
        connection.commit()
        for statement in ("create temporary table mine (a int)", "create table public.mine (a int)"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            psycopg2.connect(f"{url.rpartition('/')[0]}/{database}")


def make_server_of_before(own: Own) -> None:
    """Make of a fresh server one of version 1.0: etl is the superuser, and owns what is in the databases."""
    own.run("database", "stop")
    path = own.data / "var" / "embedded_database.json"
    shutil.rmtree(own.folder / "data")
    password_file = own.folder / "old_password"
    password_file.write_text(str(own.state["etl_password"]))
    shutil.chown(password_file, own.folder.stat().st_uid)
    saved = {name: value for name, value in own.state.items() if name not in ("owner_password", "has_own_superuser")}
    path.write_text(json.dumps(saved))
    user, data = str(own.state["user"]), own.folder / "data"
    statements = f"create database etl;\ncreate role reader login password '{own.state['reader_password']}';\n"
    for name, *arguments, text in (
        ("initdb", "-D", str(data), "-U", "etl", "--auth-host=scram-sha-256", f"--pwfile={password_file}", ""),
        ("postgres", "--single", "-D", str(data), "postgres", statements),
    ):
        assert embedded_programs.run_program(name, *arguments, user=user, folder=own.folder, stdin=text) == 0
    objects = """create table public.kept as select 1 as a; create view public.seen as select a from public.kept;
        create table public.numbered (id serial); create type public.mood as enum ('a');
        create function public.one() returns integer language sql as 'select 1';
        create schema visits; create materialized view visits.counted as select 1 as b;
        grant select on public.kept to reader;"""
    embedded_programs.run_program(
        "postgres", "--single", "-j", "-D", str(data), "etl", user=user, folder=own.folder, stdin=f"{objects}\n\n"
    )


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_server_of_before_gets_a_superuser_of_its_own_and_keeps_its_data(tmp_path: Path, is_killed: bool) -> None:
    own = Own(tmp_path / "data", "", "")
    own.data.mkdir()
    own.write_settings(DATABASE_URL="embedded")
    own.run("database", "start")
    try:
        make_server_of_before(own)
        if is_killed:
            moving = own.start("database", "start")
            wait_for(lambda: "owner_password" in own.state)
            moving.kill()
            moving.communicate()
            with contextlib.suppress(OSError):
                own.kill()
        assert own.run("database", "start").returncode == 0
        strange = """select relname from pg_class where pg_get_userbyid(relowner) <> 'etl'
                     and relnamespace::regnamespace::text in ('public', 'visits', 'dba')"""
        assert own.run("database", "sql", strange).stdout == "relname\n"
        question = "select (select rolsuper from pg_roles where rolname = current_user) as super, a from public.seen"
        assert own.run("database", "sql", question).stdout == "super,a\nf,1\n"
        assert own.run("database", "sql", "select a from public.kept", "--read-only").stdout == "a\n1\n"
        # what is created later, too
        own.run("database", "sql", "create table public.later as select 2 as a")
        assert own.run("database", "sql", "select a from public.later", "--read-only").stdout == "a\n2\n"
        before = own.state
        assert before["has_own_superuser"] is True
        own.run("database", "stop")
        own.run("database", "start")
        assert own.state == before
    finally:
        own.run("database", "stop")
        shutil.rmtree(own.folder, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs a server as another user")
def test_root_follows_no_link_of_the_user_who_runs_its_server(own: Own, tmp_path: Path) -> None:
    own.run("database", "stop")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    victim.chmod(0o600)
    log = own.folder / "server.log"
    log.rename(own.folder / "kept.log")
    log.symlink_to(victim)
    refused = own.run("database", "start")
    assert (refused.returncode, victim.read_text(), victim.stat().st_uid) == (75, "untouched", 0)
    log.unlink()
    # the log is large, and its copy leads elsewhere
    (own.folder / "kept.log").rename(log)
    with log.open("ab") as stream:
        stream.write(b"old line\n" * 1_200_000)
    (own.folder / "server.log.1").unlink(missing_ok=True)
    (own.folder / "server.log.1").symlink_to(victim)
    own.run("database", "start")
    assert (victim.read_text(), victim.stat().st_uid) == ("untouched", 0)
    (own.folder / "server.log.1").unlink()
    assert own.run("database", "start").returncode == 0


def test_stop_and_status(own: Own) -> None:
    assert "stopped" in own.run("database", "stop").stdout
    assert json.loads(own.run("database", "status", "--json").stdout)["rows"][0]["running"] is False
    assert "was not running" in own.run("database", "stop").stdout
    assert "started" in own.run("database", "start").stdout
    assert json.loads(own.run("database", "status", "--json").stdout)["rows"][0]["running"] is True


def test_a_killed_server_is_healed_by_the_next_start(own: Own) -> None:
    before = own.url_now()
    own.kill()
    both = [own.start("close_interrupted_runs") for _ in range(2)]
    assert [(process.wait(timeout=90), process.communicate()[1]) for process in both] == [(0, "")] * 2
    assert own.url_now() == before


def test_a_port_taken_meanwhile_is_given_up(own: Own) -> None:
    own.kill()  # its postmaster.pid stays
    before = own.state["port"]
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", before))
        other.listen()
        done = own.run("close_interrupted_runs")
        assert (done.returncode, done.stderr) == (0, "")
    assert own.state["port"] != before


def test_a_server_that_still_starts_keeps_its_port(own: Own) -> None:
    before = own.state["port"]
    pid_file = own.folder / "data" / "postmaster.pid"
    whole = pid_file.read_text()
    pid_file.write_text(whole.replace("ready   ", "starting"))
    process = own.start("close_interrupted_runs")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)
    pid_file.write_text(whole)
    assert (process.wait(timeout=20), own.state["port"]) == (0, before)


def test_data_of_another_version_are_refused_with_the_command(own: Own) -> None:
    own.run("database", "stop")
    version = own.folder / "data" / "PG_VERSION"
    version.write_text("15\n")
    done = own.run("close_interrupted_runs")
    version.write_text(f"{embedded_programs.MAJOR}\n")
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "belong to PostgreSQL 15, the installed version is" in done.stderr
    assert "Run: " in done.stderr and "etl database upgrade" in done.stderr
    assert str(own.state["etl_password"]) not in done.stderr
    assert own.run("close_interrupted_runs").returncode == 0


def test_a_first_start_that_was_killed_is_made_again(own: Own) -> None:
    own.run("database", "stop")
    (own.folder / "data").rename(own.folder / "kept")
    (own.folder / "data.part").mkdir()
    (own.folder / "data.part" / "PG_VERSION").write_text("18\n")
    shutil.chown(own.folder / "data.part", own.folder.stat().st_uid)
    assert own.run("close_interrupted_runs").returncode == 0
    own.run("database", "stop")
    shutil.rmtree(own.folder / "data")
    (own.folder / "kept").rename(own.folder / "data")


def test_a_state_file_that_cannot_be_read_is_one_line(own: Own) -> None:
    path = own.data / "var" / "embedded_database.json"
    kept = path.read_text()
    path.write_text("{")
    done = own.run("close_interrupted_runs")
    path.write_text(kept)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)


def test_a_database_that_goes_away_in_the_middle_of_a_run(own: Own, tmp_path: Path) -> None:
    """The log of all runs arrives later, each entry once, in order."""
    url = own.url_now()  # starts it
    outside = Own(tmp_path / "data", url, "")
    outside.data.mkdir()
    outside.write_settings(DATABASE_URL=url)  # so that nothing starts it again by itself
    jobs = Jobs(outside, tmp_path)
    body = """
        Path("begun").touch()
        for number in range(30):
            logger.info("entry %d", number)
            time.sleep(0.1)
    """
    jobs.write("talking", body, before="heartbeat.Heartbeat.EVERY_SECONDS = 0.2")
    process = jobs.start_and_wait("talking")
    wait_for(lambda: outside.sql("select 1 from dba.tlogentry where process_type = 'talking' and sequence > 5"))
    own.kill()
    errors = process.communicate(timeout=60)[1]
    assert (process.returncode, errors) == (0, "")
    jobs.write("needing", "pass")
    refused = jobs.run("needing")
    assert (refused.returncode, refused.stderr.count("\n")) == (75, 1)
    own.run("database", "start")
    assert jobs.run("needing").returncode == 0
    stored = outside.sql("select message from dba.tlogentry where process_type = 'talking' order by sequence")
    assert [text for (text,) in stored if text.startswith("entry")] == [f"entry {number}" for number in range(30)]
    rows = outside.sql("select job, status from dba.trun where job in ('talking', 'needing') order by started_at")
    assert rows == [("talking", "succeeded"), ("needing", "failed"), ("needing", "succeeded")]
    assert not list((outside.data / "var" / "runs").iterdir())


def test_a_statement_whose_server_is_killed_is_try_later(own: Own, tmp_path: Path) -> None:
    url = own.url_now()
    outside = Own(tmp_path / "data", url, "")
    outside.data.mkdir()
    outside.write_settings(DATABASE_URL=url)
    jobs = Jobs(outside, tmp_path)
    body = """
        from systemscripts import db_utils
        with db_utils.transaction(db_utils.connect()) as cursor:
            Path("begun").touch()
            cursor.execute("select pg_sleep(60)")
    """
    jobs.write("asking", body)
    process = jobs.start_and_wait("asking")
    own.kill()
    errors = process.communicate(timeout=60)[1]
    assert (process.returncode, errors.count("\n")) == (75, 1), errors
    own.run("database", "start")
    assert jobs.run("asking", timeout=10, JOB_TIME_LIMIT_HOURS="0.0003").returncode == 1
    assert [row[:3] for row in jobs.list_runs() if row[0] == "asking"] == [
        ("asking", "failed", 75),
        ("asking", "timed out", 1),
    ]


def test_a_full_server_is_try_later_not_a_wrong_login(own: Own) -> None:
    url = own.url_now()
    connections = []
    try:
        with contextlib.suppress(psycopg2.OperationalError):
            while True:
                connections.append(psycopg2.connect(url))
        done = own.run("close_interrupted_runs")
    finally:
        for connection in connections:
            connection.close()
    assert (done.returncode, "accepts no connections now" in done.stderr) == (75, True), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="all other tests run it as an ordinary user")
def test_as_an_ordinary_user(tmp_path: Path) -> None:
    """As a user without root's rights, except to read the folder that Python lies in."""
    if not shutil.which("setpriv"):
        pytest.skip("no setpriv here")
    base = Path("/tmp") / f"ordinary-{os.getpid()}"
    base.mkdir(mode=0o755)
    (base / "data").mkdir()
    shutil.chown(base / "data", "nobody")
    as_nobody = [
        "setpriv", "--reuid=nobody", "--clear-groups", "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search",
    ]  # fmt: skip
    own = Own(base / "data", "", "")
    environment = own.process_environment(HOME="/", USER="nobody", PYTHONDONTWRITEBYTECODE="1")
    del environment["ETL_ENV_FILE"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*as_nobody, *own.command("database", *arguments)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=base / "data")

    try:
        if subprocess.run([*as_nobody, sys.executable, "-c", ""], capture_output=True).returncode:
            pytest.skip("the capability to read Python's folder cannot be given here")
        started = run("start")
        assert started.returncode == 0, started.stderr
        assert own.folder == base / "data" / "var" / "database"
        assert run("sql", "select 1 as a").stdout == "a\n1\n"
        own.kill()
        assert run("sql", "select 2 as a").stdout == "a\n2\n"
        assert run("stop").returncode == 0
    finally:
        shutil.rmtree(base, ignore_errors=True)

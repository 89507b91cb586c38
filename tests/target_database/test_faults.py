"""What can be wrong with the database of a target: one line that names it and what to type, and nothing is lost."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from systemscripts import db_utils, settings
from systemscripts.configuration import uploads, yaml_job
from systemscripts.summary import Summary
from tests.target_database.conftest import PASSWORD, Warehouse
from tests.target_database.second_server import SecondServer
from tests.tiny_jobs import Jobs, Mails

ROWS = "1,1\n2,2\n"
# a trigger that fails at the commit, the first time only
AT_COMMIT = """
    create sequence {schema}.first_time;
    create function {schema}.fail_once() returns trigger language plpgsql security definer as $$ begin
        if nextval('{schema}.first_time') = 1 then {fault}; end if; return null; end $$;
    create constraint trigger fail_once after insert or update on {table} deferrable initially deferred
        for each row {condition} execute function {schema}.fail_once()"""


def fail(warehouse: Warehouse, exit_code: int, *words: str) -> Summary:
    """Run the job once; it ends with a code and a problem with these words, and the file waits."""
    try:
        summary = warehouse.load_here()
        code, text = summary.exit_code, "; ".join(summary.problems)
    except Exception as error:
        summary, code, text = Summary(), getattr(error, "exit_code", -1), str(error)
    assert code == exit_code, (code, text)
    assert all(word in text for word in words), text
    assert "planted" not in text and PASSWORD not in text
    return summary


@pytest.fixture
def owner(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The login of the job owns nothing in the database, and may only connect; `sql` runs as the owner."""
    warehouse.server.execute(f"alter database {warehouse.name} owner to etl")
    address = warehouse.address
    warehouse.address = f"{warehouse.server.owner.rpartition('/')[0]}/{warehouse.name}"
    warehouse.sql(f"revoke all on database {warehouse.name} from public")
    warehouse.sql(f"grant connect on database {warehouse.name} to {warehouse.login}")
    yield warehouse
    warehouse.sql(f"drop owned by {warehouse.login}")
    warehouse.address = address


def test_a_login_with_too_few_rights_is_told_what_its_owner_types(owner: Warehouse) -> None:
    owner.put("a.csv", ROWS)
    typed = []
    for _ in range(5):
        try:
            summary = owner.load_here()
            text = "; ".join(summary.problems)
            assert text or summary.counts.loaded == 2
        except Exception as error:
            text = str(error)
        if not text:
            break
        statement = re.search(r"too few rights\. Its owner types there: (.*?);$", text)
        assert statement, text
        typed.append(statement[1].split(" to ")[0].partition(" authorization")[0])
        owner.sql(statement[1])
    assert typed == [
        f'grant temporary on database "{owner.name}"', 'create schema "client_etl"',
        'grant usage, create on schema "public"',
    ]  # fmt: skip
    assert owner.sql("select count(*) from public.orders_current") == [(2,)]


def test_a_server_that_is_away_or_killed_loses_nothing(warehouse: Warehouse) -> None:
    """The second server is a real one."""
    second = SecondServer()
    try:
        warehouse.installation.write_settings(SOURCE_WAREHOUSE=second.address)
        settings.reset()
        warehouse.address = second.address
        warehouse.put("a.csv", ROWS)
        warehouse.load()
        second.stop()
        warehouse.put("b.csv", "3,3\n")
        fail(warehouse, 75, f"the target's database at 127.0.0.1:{second.port}/postgres does not answer")
        with pytest.raises(Exception, match="does not answer") as caught:
            warehouse.undo(1)
        assert getattr(caught.value, "exit_code", 0) == 75
        assert warehouse.datasets() == [(1, "active", 2)], "nothing is undone here either"
        second.start()
        warehouse.load()
        warehouse.check()
        assert [row[0] for row in warehouse.current()] == [1, 2, 3]
        warehouse.installation.write_settings(SOURCE_WAREHOUSE=second.address.replace("second", "wrong"))
        settings.reset()
        fail(warehouse, 78, "refused the login", "Correct target.database")
    finally:
        second.remove()


def test_a_target_that_is_away_is_told_once_under_the_name_of_its_job(
    warehouse: Warehouse, jobs: Jobs, mails: Mails
) -> None:
    jobs.write("other", "pass")
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    parts = urlsplit(warehouse.address)
    away = warehouse.address.replace(f":{parts.port}/", ":1/")
    for address, code in ((away, 75), (warehouse.address.replace("planted", "wrong"), 78)):
        warehouse.installation.write_settings(SOURCE_WAREHOUSE=address)
        for _ in range(2):
            assert warehouse.installation.run("generic_import", "orders").returncode == code
            # it reaches the database of home, which was never away
            assert jobs.run("other").returncode == 0
    assert mails.list_subjects() == ["[ETL] generic_import orders failed"] * 2
    assert "target.database" in mails.read_text() and "DATABASE_URL" not in mails.read_text()


def test_a_database_that_is_read_only_or_full(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    warehouse.put("b.csv", "3,3\n")
    warehouse.server.execute(f"alter database {warehouse.name} set default_transaction_read_only = on")
    fail(warehouse, 78, "the target's database", "is read-only")
    warehouse.server.execute(f"alter database {warehouse.name} reset default_transaction_read_only")
    warehouse.sql(
        """create function fill_up() returns trigger language plpgsql as $$ begin
               raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
           create trigger fill_up before insert on orders execute function fill_up()"""
    )
    fail(warehouse, 1, "the target's database", "disk of the database is full")
    warehouse.sql("drop trigger fill_up on orders")
    warehouse.load()
    warehouse.check()
    assert len(warehouse.current()) == 3


def test_a_lock_that_another_session_holds_there(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    warehouse.installation.write_settings(DATABASE_LOCK_SECONDS="1")
    settings.reset()
    warehouse.put("b.csv", "3,3\n")
    with contextlib.closing(psycopg2.connect(warehouse.address, application_name="a report")) as other:
        with other.cursor() as cursor:
            cursor.execute("lock table orders in access exclusive mode")
            fail(warehouse, 75, "another session holds a lock on the table")
            other.rollback()
            cursor.execute("select pg_advisory_lock(hashtextextended('client_etl public.orders', 0))")
        fail(warehouse, 75, "public.orders in 127.0.0.1", "is being worked on by a report (server process")
    warehouse.load()
    warehouse.check()


@pytest.mark.parametrize("fault", ["raise exception 'first time'", "perform pg_terminate_backend(pg_backend_pid())"])
@pytest.mark.parametrize("where", ["home", "target"])
def test_a_commit_that_fails_is_healed_in_the_same_run(warehouse: Warehouse, where: str, fault: str) -> None:
    """Of the two commits one fails, or its connection is lost: the retry takes the rows back and loads them once."""
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    warehouse.put("b.csv", "3,3\n")
    if where == "home":
        condition = "when (new.status = 'loaded')"
        warehouse.installation.sql(AT_COMMIT.format(schema="dba", fault=fault, table="dba.tfile", condition=condition))
    else:
        warehouse.sql(AT_COMMIT.format(schema="public", fault=fault, table="public.orders", condition=""))
    for _ in range(2):
        with contextlib.suppress(Exception):
            warehouse.load_here()
    warehouse.load()
    warehouse.check()
    assert [row[0] for row in warehouse.current()] == [1, 2, 3]


def test_what_only_a_restored_backup_explains_is_refused(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    warehouse.put("b.csv", "3,3\n")
    warehouse.sql("insert into client_etl.tdataset select 77, target_table, gen_random_uuid(), config_name, label, "
                  "dataset_date, stamp, last_seen, status, load_mode from client_etl.tdataset")  # fmt: skip
    fail(warehouse, 78, "has datasets that this installation does not know (77)")
    warehouse.sql("delete from client_etl.tdataset")
    fail(warehouse, 78, "lacks datasets that were loaded (1)", "undo 1")
    warehouse.undo(1)
    warehouse.load()
    assert [row[0] for row in warehouse.current()] == [3]


def test_a_job_that_gets_another_target_says_where_its_earlier_rows_are(warehouse: Warehouse) -> None:
    warehouse.job.write_text(warehouse.job.read_text().replace('database: "${WAREHOUSE}", ', ""))
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    warehouse.write_job()
    warehouse.put("b.csv", "3,3\n")
    done = warehouse.run()
    assert done.returncode == 0, done.stderr
    assert "1 datasets are in public.orders and stay there" in done.stdout + done.stderr
    assert [row[0] for row in warehouse.current()] == [3]


def test_a_table_has_one_installation_and_one_name(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", ROWS)
    warehouse.load()
    warehouse.installation.write_settings(SOURCE_OTHER=warehouse.address)
    settings.reset()
    warehouse.job.write_text(warehouse.job.read_text().replace("WAREHOUSE", "OTHER"))
    fail(warehouse, 78, "is loaded as postgresql:warehouse/public.orders already")
    warehouse.write_job()
    warehouse.sql("update client_etl.ttarget set installation_id = gen_random_uuid()")
    fail(warehouse, 78, "is loaded by another installation")
    warehouse.sql("insert into client_etl.tversion (number, checksum) values (9999, '')")
    fail(warehouse, 78, "has version 9999, this program does not")


def test_the_database_of_the_installation_is_not_another_one(warehouse: Warehouse) -> None:
    warehouse.installation.write_settings(SOURCE_WAREHOUSE=warehouse.installation.url)
    settings.reset()
    fail(warehouse, 78, "is the database of this installation", "Leave target.database out")


def test_the_older_spelling_has_the_login_in_the_target(warehouse: Warehouse) -> None:
    parts = urlsplit(warehouse.address)
    login = f"type: postgresql, host: 127.0.0.1, port: {parts.port}, user: {parts.username}, password: {PASSWORD}"
    text = warehouse.job.read_text()
    warehouse.job.write_text(
        text.replace('database: "${WAREHOUSE}", table: orders', f"{login}, dbname: {warehouse.name}, table: orders")
    )
    warehouse.put("a.csv", ROWS)
    done = warehouse.run()
    assert done.returncode == 0, done.stderr
    assert "password is written in" in done.stdout and "write it as ${SOURCE_...}" in done.stdout
    assert len(warehouse.current()) == 2
    where = f"postgresql:127.0.0.1:{parts.port}/{warehouse.name}/public.orders"
    home = warehouse.installation.sql
    assert home("select target_table from dba.tdataset") == [(where,)]
    assert home(
        "select count(*) from dba.tconfighistory where content::text || coalesce(written, '') like '%planted%'"
    ) == [(0,)]
    assert home("select count(*) from dba.tlogentry where message || coalesce(detail::text, '') like '%planted%'") == [
        (0,)
    ]
    assert "planted" not in warehouse.installation.read_logs() + done.stdout + done.stderr


def test_the_password_is_on_no_command_line_and_in_no_session_name(warehouse: Warehouse) -> None:
    warehouse.put("a.csv", "".join(f"{n},{n}\n" for n in range(200_000)))
    process = warehouse.installation.start("run_elt", warehouse.job, "--once")
    seen = set()
    while process.poll() is None:
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                seen.add((path / "cmdline").read_bytes())
    process.communicate()
    assert process.returncode == 0
    assert not [line for line in seen if b"planted" in line]
    assert any(b"loader_" in line for line in seen), "its session was seen"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("{database: sales, table: orders}", "database: expected ${NAME} of config/.env"),
        ("{type: mysql, host: db, dbname: sales, table: orders}", "a target is a table of PostgreSQL"),
        ("{url: 'postgresql://a:b@c/d', table: orders}", "url: write the address as SOURCE_NAME"),
        ("{database: '${WAREHOUSE}', table: client_etl.orders}", "is in a schema of PostgreSQL or of this program"),
        ("{database: '${WAREHOUSE}', table: orders, parquet: x}", "parquet goes with no database"),
    ],
)
def test_a_target_that_cannot_be_is_refused_with_its_line(warehouse: Warehouse, target: str, words: str) -> None:
    lines = warehouse.job.read_text().splitlines()
    lines[1] = f"target: {target}"
    warehouse.job.write_text("\n".join(lines))
    with pytest.raises(Exception, match="line 2") as caught:
        yaml_job.read_job(warehouse.job)
    assert words in str(caught.value), str(caught.value)


def test_an_upload_may_not_name_a_database(warehouse: Warehouse) -> None:
    faults = uploads.find_faults("orders", warehouse.job.read_bytes())
    assert any("database is not allowed in uploads" in fault for fault in faults), faults


def test_a_variable_that_is_not_set_is_named_by_check(warehouse: Warehouse) -> None:
    warehouse.job.write_text(warehouse.job.read_text().replace("WAREHOUSE", "NOWHERE"))
    fail(warehouse, 78, "${SOURCE_NOWHERE} is not set")
    done = warehouse.run("--check")
    assert done.returncode == 78 and "SOURCE_NOWHERE" in done.stderr
    assert db_utils.redact_address(warehouse.address) not in done.stderr

"""database.py, the schema it brings up to date, and what the reader may see."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import threading
from pathlib import Path

import psycopg2
import pytest

from systemscripts import db_utils
from systemscripts.db_utils import migrations
from systemscripts.errors import ConfigurationError, EtlError
from tests.conftest import Installation


def test_addresses(installation: Installation) -> None:
    assert installation.run("database", "url").stdout == installation.url + "\n"
    assert installation.run("database", "reader-url").stdout == installation.reader_url + "\n"
    assert json.loads(installation.run("database", "url", "--json").stdout) == {"url": installation.url}
    assert installation.url.split(":")[2].split("@")[0] not in installation.read_logs()


def test_sql_prints_csv(installation: Installation) -> None:
    query = (
        "select 1 as a, 'x,\"y\"\nz' as b, null as c, '2026-01-05 06:00+00'::timestamptz at time zone 'UTC' as d, "
        "true as e;"
    )
    done = installation.run("database", "sql", query)
    assert list(csv.reader(io.StringIO(done.stdout))) == [
        ["a", "b", "c", "d", "e"], ["1", 'x,"y"\nz', "", "2026-01-05 06:00:00", "t"],
    ]  # fmt: skip
    assert installation.run("database", "sql", "select 1 as a where false").stdout == "a\n"
    assert installation.run("database", "sql", "/* c */ with x as (select 2 as a) table x -- end").stdout == "a\n2\n"


def test_sql_that_is_no_query(installation: Installation) -> None:
    assert installation.run("database", "sql", "create table t (a int)").stdout == "CREATE TABLE\n"
    assert installation.run("database", "sql", "insert into t values (1), (2)").stdout == "INSERT 0 2\n"
    assert installation.run("database", "sql", "delete from t where a = 1 returning a").stdout == "a\n1\n"
    assert "Seq Scan" in installation.run("database", "sql", "explain select * from t").stdout
    assert installation.sql("select a from t") == [(2,)]


def test_sql_with_json(installation: Installation) -> None:
    result = json.loads(installation.run("database", "sql", "select 1 as a, E'x\\ny' as b", "--json").stdout)
    assert result["rows"] == [{"a": "1", "b": "x\ny"}]


@pytest.mark.parametrize(
    ("statement", "exit_code"), [("selec 1", 1), ("", 2), ("select 1/0", 1), ("select * from nothing", 1)]
)
def test_sql_that_is_wrong_is_one_line(installation: Installation, statement: str, exit_code: int) -> None:
    done = installation.run("database", "sql", statement)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (exit_code, "", 1)


def test_a_reader_that_has_enough(installation: Installation) -> None:
    command = installation.command("database", "sql", "select * from generate_series(1, 1000000)")
    done = subprocess.run(
        ["/bin/bash", "-c", '"$@" | head -1; echo ${PIPESTATUS[0]}', "bash", *command],
        env=installation.process_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("generate_series\n0\n", "")


def test_another_database_cannot_be_started_here(installation: Installation) -> None:
    done = installation.run("database", "start")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    status = json.loads(installation.run("database", "status", "--json").stdout)
    assert status["rows"] == [{"embedded": False, "address": installation.url.rpartition("@")[2]}]


def test_what_the_reader_may_see(installation: Installation) -> None:
    installation.sql("create table visits.some_target (a int)")
    with psycopg2.connect(installation.reader_url) as connection, connection.cursor() as cursor:
        cursor.execute("select table_name from information_schema.views where table_schema = 'dba'")
        views = [name for (name,) in cursor.fetchall()]
        assert {"v_run", "v_failure", "v_dataset", "v_waiting", "v_import_health", "v_row_origin"} <= set(views)
        for view in views:
            cursor.execute(f"select * from dba.{view} limit 1")
        cursor.execute("select * from visits.some_target")
        cursor.execute(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'dba'"
            " and c.relkind = 'r' and has_table_privilege(c.oid, 'select, insert, update, delete')"
        )
        assert cursor.fetchall() == []
    for table in ("dba.tuser", "dba.timportconfig", "dba.trejectedrow"):
        done = installation.run("database", "sql", f"select * from {table}", "--read-only")
        assert (done.returncode, "permission denied" in done.stderr) == (78, True)
    refused = installation.run("database", "sql", "create table public.mine (a int)", "--read-only")
    assert refused.returncode == 78


def test_a_reader_made_later_gets_its_rights(installation: Installation) -> None:
    role = f"late_{installation.url.rpartition('_')[2]}"
    installation.sql(f"create role {role} login password 'late'")
    host = installation.url.rpartition("@")[2]
    installation.write_settings(DATABASE_READER_URL=f"postgresql://{role}:late@{host}")
    done = installation.run("database", "sql", "select count(*) from dba.v_run", "--read-only")
    assert done.stdout == "count\n0\n", done.stderr
    installation.sql(f"drop owned by {role}; drop role {role}")


def test_every_table_and_column_has_a_comment(installation: Installation) -> None:
    assert (
        installation.sql(
            """select c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and c.relkind = 'r'
           where n.nspname = 'dba' and c.relkind in ('r', 'v')
             and (obj_description(c.oid, 'pg_class') is null
                  or c.relkind = 'r' and col_description(c.oid, a.attnum) is null)"""
        )
        == []
    )


def test_ids_are_foreign_keys_except_from_the_log(installation: Installation) -> None:
    without = installation.sql(
        """select c.relname || '.' || a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           where n.nspname = 'dba' and c.relkind = 'r'
             and (a.attname like '%\\_id' and a.attname <> 'message_id'
                  or a.attname in ('config_name', 'report_name'))
             and not exists (select 1 from pg_constraint k where k.conrelid = c.oid and k.contype in ('f', 'p')
                             and a.attnum = any(k.conkey))"""
    )
    # the history of a configuration outlives it, a change of shape is not part of an import, a mail that was answered
    # stays known, and the rows of a load that was cut are taken back in the other database after their import is gone;
    # tinstallation has what other databases call this one
    outlives = {
        "tconfighistory.config_name", "tschemachange.config_name", "tmail.config_name", "ttargetload.config_name",
        "tinstallation.installation_id",
    }  # fmt: skip
    # an upsert writes one for each row; its dataset is of the same transaction and never deleted
    written_in_bulk = {"trowhistory.dataset_id", "trowhistory.previous_dataset_id"}
    # warnings are written from the log, perhaps much later
    assert {name for (name,) in without if not name.startswith("twarning.")} <= outlives | written_in_bulk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder_of_more = tmp_path / "migrations"
    folder_of_more.mkdir()
    for path in migrations.FOLDER.glob("*.sql"):
        (folder_of_more / path.name).write_bytes(path.read_bytes())
    return folder_of_more


def test_a_migration_is_applied_once_and_not_changed_afterwards(here: Installation, folder: Path) -> None:
    connection = db_utils.connect()
    assert migrations.apply_pending(connection, folder) == []
    new = folder / "9000_more.sql"
    new.write_text("create table dba.tmore (a int)")
    assert migrations.apply_pending(connection, folder) == ["9000_more.sql"]
    assert migrations.apply_pending(connection, folder) == []
    new.write_text("create table dba.tless (a int)")
    with pytest.raises(ConfigurationError, match=r"9000_more.sql was changed after it was applied"):
        migrations.apply_pending(connection, folder)
    new.unlink()
    with pytest.raises(ConfigurationError, match="the database has migration 9000, this code does not"):
        migrations.apply_pending(connection, folder)
    connection.close()


def test_a_failing_migration_leaves_nothing_and_is_named(here: Installation, folder: Path) -> None:
    connection = db_utils.connect()
    (folder / "9000_more.sql").write_text("create table dba.tmore (a int); select 1/0")
    with pytest.raises(EtlError, match=r"9000_more.sql: database \(22012\): division by zero"):
        migrations.apply_pending(connection, folder)
    connection.close()
    assert here.sql("select to_regclass('dba.tmore')") == [(None,)]


def test_two_migrations_at_once(here: Installation, folder: Path) -> None:
    (folder / "9000_more.sql").write_text("select pg_sleep(0.5); create table dba.tmore (a int)")
    done: list[list[str]] = []

    def work() -> None:
        connection = db_utils.connect()
        done.append(migrations.apply_pending(connection, folder))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], ["9000_more.sql"]]


def test_a_name_that_is_no_migration(here: Installation, folder: Path) -> None:
    (folder / "more.sql").write_text("")
    connection = db_utils.connect()
    with pytest.raises(ConfigurationError, match=r"expected a name such as 0001_schema\.sql"):
        migrations.apply_pending(connection, folder)
    connection.close()


def test_two_migrations_with_one_number_are_refused_and_nothing_is_left_out_in_silence(
    here: Installation, folder: Path
) -> None:
    (folder / "0001_again.sql").write_text("select 1")
    connection = db_utils.connect()
    with pytest.raises(ConfigurationError, match=r"0001_dba\.sql has the number of 0001_again\.sql"):
        migrations.apply_pending(connection, folder)
    connection.close()


def test_the_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted(migrations.FOLDER.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))

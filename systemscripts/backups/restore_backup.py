"""Back from a backup: always into a new database first, which then takes the place of the old one, or is dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2.extensions
from psycopg2 import sql

from systemscripts import db_utils, settings
from systemscripts.backups import create_backup, pg_programs
from systemscripts.db_utils import Cursor, migrations
from systemscripts.errors import EtlError, TryLaterError, UsageError

MAINTENANCE = "postgres"  # the database that is always there
SET_ASIDE = "_before_"  # stands in the name of a database whose place a restored one has taken


@dataclass
class Restored:
    """What came back."""

    database: str
    tables: int = 0
    rows: int = 0
    datasets: int = 0  # active ones, whose rows were counted
    problems: list[str] = field(default_factory=list)
    before: str = ""  # the database that was there, under the name it has now


def rehearse(path: Path) -> Restored:
    """Restore a backup into a scratch database, bring its schema up to date, look at it, drop it.

    Raises EtlError where it cannot be restored, ConfigurationError where this code is older than the backup.
    """
    name = _configured_name()
    with _server() as server, _scratch(server, f"{name}_rehearsal") as scratch:
        _fill(path, scratch, server.server_version // 10000)
        return _examined(scratch)


def restore(path: Path) -> Restored:
    """Put the database as it is in a backup into the place of the present one, which stays under another name.

    Raises TryLaterError when somebody works on the present one, EtlError when the backup cannot be restored,
    ConfigurationError when this code is older than the backup; all is as before then.
    """
    name, stamp = _configured_name(), settings.format_file_stamp().lower()
    with _server() as server, _scratch(server, f"{name}_restored_{stamp}") as scratch:
        _refuse_others(server, name)
        _fill(path, scratch, server.server_version // 10000)
        restored = _examined(scratch)
        if restored.problems:
            return restored
        restored.before = _swap(server, name, scratch, f"{name}{SET_ASIDE}{stamp}")
        restored.database = name
    with contextlib.closing(db_utils.connect(purpose="restore_database")) as connection:
        migrations.apply_pending(connection)
    return restored


def drop_set_aside(name: str) -> None:
    """Drop a database that a restore has set aside; raises UsageError for any other."""
    if not name.startswith(f"{_configured_name()}{SET_ASIDE}"):
        raise UsageError(
            f"{name} is not a database that a restore has set aside", f"Those are {_configured_name()}{SET_ASIDE}..."
        )
    with _server() as server:
        _execute(server, "drop database {}", name)


def _configured_name() -> str:
    return str(psycopg2.extensions.parse_dsn(db_utils.resolve_address("etl")).get("dbname", ""))


def _url(database: str) -> str:
    return psycopg2.extensions.make_dsn(db_utils.resolve_address("etl"), dbname=database)


@contextlib.contextmanager
def _server() -> Iterator[db_utils.Connection]:
    with contextlib.closing(db_utils.connect_to(_url(MAINTENANCE), "restore_database")) as connection:
        yield connection


@contextlib.contextmanager
def _scratch(server: db_utils.Connection, name: str) -> Iterator[str]:
    """A new, empty database; gone at the end unless it has got another name."""
    _execute(server, "drop database if exists {} with (force)", name)  # left by a killed run
    _execute(server, "create database {} template template0 encoding 'UTF8' locale 'C.UTF-8'", name)
    try:
        yield name
    finally:
        _execute(server, "drop database if exists {} with (force)", name)


def _execute(server: db_utils.Connection, statement: str, *names: str) -> None:
    """Run a statement on databases, which no transaction may hold."""
    server.rollback()
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
    except psycopg2.Error as error:
        found = db_utils.translate_error(error)
        if error.pgcode == "42501":
            found.hint = "As the user postgres run: psql -c 'alter role etl createdb'"
        raise found from error
    finally:
        server.autocommit = False


def _fill(path: Path, database: str, major: int) -> None:
    create_backup.verify(path, major)
    program = pg_programs.find("pg_restore", major)
    pg_programs.run(program, "--no-owner", "--exit-on-error", "--single-transaction", str(path), url=_url(database))
    with contextlib.closing(db_utils.connect_to(_url(database), "restore_database")) as connection:
        migrations.apply_pending(connection)  # here, while nobody depends on it: a backup of newer code is refused


def _refuse_others(server: db_utils.Connection, name: str) -> None:
    with db_utils.transaction(server) as cursor:
        cursor.execute(
            """select coalesce(nullif(application_name, ''), usename, backend_type), pid, backend_start::timestamp(0)
               from pg_stat_activity where datname = %s and backend_type = 'client backend'""",
            (name,),
        )
        others = [f"{who} (server process {pid}, since {since})" for who, pid, since in cursor.fetchall()]
    if others:
        raise TryLaterError(
            f"the database {name} is in use by {', '.join(others)}",
            "Pause everything (schedule.py pause), close DBeaver, then run this again.",
        )


def _swap(server: db_utils.Connection, name: str, scratch: str, before: str) -> str:
    """Give the restored database the name of the present one, in one transaction; returns the latter's new name."""
    _refuse_others(server, name)
    with db_utils.transaction(server) as cursor:
        cursor.execute("select 1 from pg_database where datname = %s", (name,))
        there = cursor.fetchone() is not None
        rename = "alter database {} rename to {}"
        if there:
            cursor.execute(sql.SQL(rename).format(sql.Identifier(name), sql.Identifier(before)))
        cursor.execute(sql.SQL(rename).format(sql.Identifier(scratch), sql.Identifier(name)))
        if there:
            _copy_rights(cursor, before, name)
    return before if there else ""


def _copy_rights(cursor: Cursor, before: str, name: str) -> None:
    """Who may connect to the old database may connect to the new one, and nobody else; a backup does not hold that."""
    cursor.execute(
        """select case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
                  acl.privilege_type
           from pg_database, aclexplode(datacl) acl where datname = %s""",
        (before,),
    )
    rights = cursor.fetchall()
    if not rights:  # as every new database has them
        return
    cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
    for grantee, privilege in rights:  # both come from the server, which has quoted the name
        statement = f"grant {privilege} on database {{}} to {grantee}"
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _examined(database: str) -> Restored:
    """Count what is there, and whether every active dataset has the rows that its load has counted."""
    found = Restored(database)
    with (
        contextlib.closing(db_utils.connect_to(_url(database), "restore_database")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        for schema, table in _tables(cursor):
            cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table)))
            found.tables, found.rows = found.tables + 1, found.rows + _number(cursor.fetchone())
        found.problems = list(_incomplete(cursor, found))
    if not found.tables:
        raise EtlError("the backup contains no table", "Take another one: restore_database.py FILE")
    return found


def _tables(cursor: Cursor) -> list[tuple[str, str]]:
    cursor.execute(
        """select schemaname, tablename from pg_tables
           where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2"""
    )
    return [(str(schema), str(table)) for schema, table in cursor.fetchall()]


def _incomplete(cursor: Cursor, found: Restored) -> Iterator[str]:
    """A sentence for each active dataset that does not have its rows; modes that change rows afterwards left out."""
    cursor.execute(
        """select dataset_id, config_name, target_table, rows_loaded from dba.tdataset
           where status = 'active' and load_mode in ('snapshot', 'append') and to_regclass(target_table) is not null
           order by dataset_id"""
    )
    for dataset, config, target, loaded in cursor.fetchall():
        cursor.execute(
            sql.SQL("select count(*) from {} where dataset_id = %s").format(sql.Identifier(*target.split("."))),
            (dataset,),
        )
        found.datasets += 1
        if (rows := _number(cursor.fetchone())) != loaded:
            yield f"dataset {dataset} of {config} has {rows} rows in {target}, its load counted {loaded}"


def _number(row: Any) -> int:
    return int(row[0])

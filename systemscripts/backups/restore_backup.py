"""Restore a backup: always into a new database first, which then replaces the old one, or is dropped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2.extensions
from psycopg2 import sql

from systemscripts import db_utils, settings
from systemscripts.backups.fill_database import fill_database
from systemscripts.backups.fingerprints import Fingerprints, compute_fingerprints, find_differences
from systemscripts.backups.restore_call import format_same_restore
from systemscripts.commands import format_command
from systemscripts.db_utils import Cursor, migrations
from systemscripts.errors import EtlError, TryLaterError, UsageError

# The database that every server has.
MAINTENANCE = "postgres"
# Part of the name of a database that a restored one has replaced.
SET_ASIDE = "_before_"


@dataclass
class Restored:
    """The result of a restore."""

    database: str
    tables: int = 0
    rows: int = 0
    # active ones, whose rows were counted
    datasets: int = 0
    problems: list[str] = field(default_factory=list)
    # the new name of the database that was there before
    before: str = ""


def rehearse_dump(path: Path, tables: Fingerprints | None = None) -> Restored:
    """Restore a dump into a scratch database, compare its rows, update its schema, and drop it.

    `tables`: what the rows were when the dump was made. Raises EtlError if it cannot be restored, ConfigurationError if
    this code is older than the dump.
    """
    name = _get_configured_name()
    with _connect_server() as server, _create_scratch(server, f"{name}_rehearsal") as scratch:
        return fill_and_examine(path, _build_url(scratch), server.server_version // 10000, tables)


def restore_dump(path: Path, tables: Fingerprints | None = None) -> Restored:
    """Replace the present database by the one in a dump; the present one is kept under another name.

    Raises TryLaterError if the present one is in use, EtlError if the backup cannot be restored, ConfigurationError if
    this code is older than the backup; nothing is changed then.
    """
    name, stamp = _get_configured_name(), settings.format_file_stamp().lower()
    with _connect_server() as server, _create_scratch(server, f"{name}_restored_{stamp}") as scratch:
        _refuse_others(server, name)
        restored = fill_and_examine(path, _build_url(scratch), server.server_version // 10000, tables)
        if restored.problems:
            return restored
        _end_own_run(_build_url(scratch))
        restored.before = _swap_names(server, name, scratch, f"{name}{SET_ASIDE}{stamp}")
        restored.database = name
    with contextlib.closing(db_utils.connect(purpose="restore_database")) as connection:
        migrations.apply_pending(connection)
    return restored


def _end_own_run(url: str) -> None:
    """End the run that made the backup, and its pipeline: in it they are running, and a bare host has no logs of them.

    Otherwise they would be reported as killed.
    """
    with (
        contextlib.closing(db_utils.connect_to(url, "restore_database")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        cursor.execute(
            """update dba.trun set status = 'succeeded', exit_code = 0, ended_at = coalesce(heartbeat_at, started_at)
               where status = 'running' and (job = 'backup_database' or run_uuid in (
                   select root_uuid from dba.trun where status = 'running' and job = 'backup_database'))"""
        )


def refuse_others() -> None:
    """Raise TryLaterError if the present database is in use."""
    with _connect_server() as server:
        _refuse_others(server, _get_configured_name())


def drop_set_aside(name: str) -> None:
    """Drop a database that a restore has set aside; raises UsageError for any other database."""
    if not name.startswith(f"{_get_configured_name()}{SET_ASIDE}"):
        raise UsageError(
            f"{name} is not a database that a restore has set aside",
            f"Their names begin with {_get_configured_name()}{SET_ASIDE}.",
        )
    with _connect_server() as server:
        _run_statement(server, "drop database {}", name)


def _get_configured_name() -> str:
    return str(psycopg2.extensions.parse_dsn(db_utils.resolve_address("etl")).get("dbname", ""))


def _build_url(database: str) -> str:
    return psycopg2.extensions.make_dsn(db_utils.resolve_address("etl"), dbname=database)


@contextlib.contextmanager
def _connect_server() -> Iterator[db_utils.Connection]:
    with contextlib.closing(db_utils.connect_to(_build_url(MAINTENANCE), "restore_database")) as connection:
        yield connection


@contextlib.contextmanager
def _create_scratch(server: db_utils.Connection, name: str) -> Iterator[str]:
    """Create an empty database, and drop it at the end unless it was renamed."""
    # left by a killed run
    _drop_scratch(server, name)
    _run_statement(server, "create database {} template template0 encoding 'UTF8' locale 'C.UTF-8'", name)
    try:
        yield name
    finally:
        _drop_scratch(server, name)


def _drop_scratch(server: db_utils.Connection, name: str) -> None:
    """Drop a scratch database; with the sessions of a killed run if they do not end."""
    try:
        # the server ends its own autovacuum here, but refuses to do so with force
        _run_statement(server, "drop database if exists {}", name)
    except EtlError as error:
        if getattr(error.__cause__, "pgcode", "") != "55006":
            raise
        _run_statement(server, "drop database if exists {} with (force)", name)


def _run_statement(server: db_utils.Connection, statement: str, *names: str) -> None:
    """Run a statement on databases, which must not be in a transaction."""
    server.rollback()
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
    except psycopg2.Error as error:
        known = db_utils.translate_error(error)
        if error.pgcode == "42501":
            known.hint = "As the user postgres run: psql -c 'alter role etl createdb'"
        raise known from error
    finally:
        server.autocommit = False


def fill_and_examine(path: Path, url: str, major: int, tables: Fingerprints | None) -> Restored:
    """Restore a dump into an empty database, compare its rows, update its schema, and count its tables and rows.

    `tables`: what the rows were when the dump was made. Raises ConfigurationError if this code is older than the dump.
    """
    fill_database(path, url, major)
    with contextlib.closing(db_utils.connect_to(url, "restore_database")) as connection:
        faults = []
        if tables is not None:
            # before the schema is updated, which may change rows
            with db_utils.transaction(connection) as cursor:
                faults = find_differences(tables, compute_fingerprints(cursor))
        # before it is used: a backup of newer code is refused here
        migrations.apply_pending(connection)
    restored = _examine(url)
    restored.problems[:0] = faults
    return restored


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
            f"Pause everything ({format_command('schedule', 'pause')}), close DBeaver, then run this again.",
        )


def _swap_names(server: db_utils.Connection, name: str, scratch: str, before: str) -> str:
    """Swap the names of the restored and the present database in one transaction; return the latter's new name."""
    _refuse_others(server, name)
    with db_utils.transaction(server) as cursor:
        cursor.execute("select 1 from pg_database where datname = %s", (name,))
        exists = cursor.fetchone() is not None
        rename = "alter database {} rename to {}"
        if exists:
            cursor.execute(sql.SQL(rename).format(sql.Identifier(name), sql.Identifier(before)))
        cursor.execute(sql.SQL(rename).format(sql.Identifier(scratch), sql.Identifier(name)))
        if exists:
            _copy_rights(cursor, before, name)
    return before if exists else ""


def _copy_rights(cursor: Cursor, before: str, name: str) -> None:
    """Give the new database the access rights of the old one; a backup does not contain them."""
    cursor.execute(
        """select case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
                  acl.privilege_type
           from pg_database, aclexplode(datacl) acl where datname = %s""",
        (before,),
    )
    rights = cursor.fetchall()
    # the rights of every new database
    if not rights:
        return
    cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
    # both come from the server, which has quoted the name
    for grantee, privilege in rights:
        statement = f"grant {privilege} on database {{}} to {grantee}"
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _examine(url: str) -> Restored:
    """Count tables and rows, and check that every active dataset has the rows that its load counted."""
    restored = Restored(str(psycopg2.extensions.parse_dsn(url).get("dbname", "")))
    with (
        contextlib.closing(db_utils.connect_to(url, "restore_database")) as connection,
        db_utils.transaction(connection) as cursor,
    ):
        for schema, table in _list_tables(cursor):
            cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table)))
            restored.tables, restored.rows = restored.tables + 1, restored.rows + _get_number(cursor.fetchone())
        restored.problems = list(_find_incomplete(cursor, restored))
    if not restored.tables:
        raise EtlError("the backup contains no table", f"Use another one: {format_same_restore('FILE')}")
    return restored


def _list_tables(cursor: Cursor) -> list[tuple[str, str]]:
    cursor.execute(
        """select schemaname, tablename from pg_tables
           where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2"""
    )
    return [(str(schema), str(table)) for schema, table in cursor.fetchall()]


def _find_incomplete(cursor: Cursor, restored: Restored) -> Iterator[str]:
    """Yield a sentence for each active dataset that lacks rows, except in modes that change rows afterwards."""
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
        restored.datasets += 1
        if (rows := _get_number(cursor.fetchone())) != loaded:
            yield f"dataset {dataset} of {config} has {rows} rows in {target}, its load counted {loaded}"


def _get_number(row: Any) -> int:
    return int(row[0])

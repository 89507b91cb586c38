"""The schema, moved forward by numbered plain SQL files, and the reader's rights.

Own code, because the peers cost more than they give: yoyo leaves four tables in public and rolls back to nothing
without extra files, dbmate wants markers inside the SQL, alembic wants SQLAlchemy.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from psycopg2 import sql

from systemscripts import settings
from systemscripts.db_utils.connection import Connection, advisory_lock, transaction
from systemscripts.errors import ConfigurationError, EtlError

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

FOLDER = settings.PROJECT / "sql" / "migrations"
READER_SCHEMAS = ("public", "visits", "sales")  # every table there is for reading; in dba only what is granted by name
_LEDGER = """
    create schema if not exists dba;
    create table if not exists dba.tmigration (
        number integer primary key, name text not null, checksum text not null,
        applied_at timestamptz not null default now());
    comment on table dba.tmigration is 'Which migration files have been applied, and what they held then';
    comment on column dba.tmigration.number is 'Number at the beginning of the file name';
    comment on column dba.tmigration.name is 'File name';
    comment on column dba.tmigration.checksum is 'SHA-256 of the file';
    comment on column dba.tmigration.applied_at is 'When';
"""


def ensure(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """Bring the schema up to date; returns the names of the files applied now.

    Raises ConfigurationError when an applied file was changed, or the database is ahead of the code.
    """
    files = _files(folder)
    wanted = {number: checksum for number, (_, checksum) in files.items()}
    if _applied(connection) == wanted and _reader_may_read(connection):
        return []
    with advisory_lock(connection, "migrations", wait_seconds=60):
        with transaction(connection) as cursor:
            cursor.execute(_LEDGER)
        applied = _applied(connection)
        _check(files, applied)
        done = [_apply(connection, number, files[number]) for number in sorted(set(files) - set(applied))]
        _grant_reader(connection)
    return done


def missing(connection: Connection, folder: Path = FOLDER) -> list[str]:
    """The names of the files that are not applied yet; changes nothing. Raises ConfigurationError as `ensure` does."""
    files, applied = _files(folder), _applied(connection)
    _check(files, applied)
    return [path.name for number, (path, _) in files.items() if number not in applied]


def _files(folder: Path) -> dict[int, tuple[Path, str]]:
    found = {}
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_\w+\.sql", path.name)
        if not match:
            raise ConfigurationError(f"{path}: expected a name such as 0001_schema.sql")
        found[int(match[1])] = (path, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def _applied(connection: Connection) -> dict[int, str]:
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('dba.tmigration') is not null")
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute("select number, checksum from dba.tmigration")
        return dict(cursor.fetchall())


def _check(files: dict[int, tuple[Path, str]], applied: dict[int, str]) -> None:
    for number, checksum in applied.items():
        if number not in files:
            raise ConfigurationError(f"the database has migration {number:04}, this code does not", "Update the code.")
        if files[number][1] != checksum:
            raise ConfigurationError(
                f"{files[number][0].name} was changed after it was applied", "Restore it and add a new numbered file."
            )


def _apply(connection: Connection, number: int, file: tuple[Path, str]) -> str:
    path, checksum = file
    try:
        with transaction(connection) as cursor:
            cursor.execute(path.read_text())
            cursor.execute(
                "insert into dba.tmigration (number, name, checksum) values (%s, %s, %s)", (number, path.name, checksum)
            )
    except EtlError as error:
        error.message = f"{path.name}: {error.message}"
        raise
    return path.name


def _reader_may_read(connection: Connection) -> bool:
    """Whether the reader's login, where there is one, has its rights: it may have been made after the schema."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select has_schema_privilege(oid, 'dba', 'usage') from pg_roles where rolname = %s", (_reader_role(),)
        )
        return cursor.fetchone() in (None, (True,))


def _grant_reader(connection: Connection) -> None:
    with transaction(connection) as cursor:
        role = _reader_role()
        cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
        if role is None or not cursor.fetchone():
            return
        for schema in (*READER_SCHEMAS, "dba"):
            cursor.execute(
                sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), sql.Identifier(role))
            )
        for schema in READER_SCHEMAS:
            for statement in (
                "grant select on all tables in schema {} to {}",
                "alter default privileges in schema {} grant select on tables to {}",
            ):
                cursor.execute(sql.SQL(statement).format(sql.Identifier(schema), sql.Identifier(role)))
        _grant_views(cursor, role)


def _grant_views(cursor: Cursor, role: str) -> None:
    cursor.execute(
        """select table_schema, table_name from information_schema.views
           where table_schema = 'dba' and table_name like 'v\\_%'"""
    )
    for schema, name in cursor.fetchall():
        cursor.execute(sql.SQL("grant select on {} to {}").format(sql.Identifier(schema, name), sql.Identifier(role)))


def _reader_role() -> str | None:
    wanted = settings.current()
    if wanted.embedded:
        return "reader"
    return urlsplit(wanted.database_reader_url.get_secret_value()).username if wanted.database_reader_url else None


def grant_target(cursor: Cursor, schema: str, name: str) -> None:
    """Let the reader see one table or view that an import made, whatever its schema."""
    role = _reader_role()
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    if role is not None and cursor.fetchone():
        for statement in ("grant usage on schema {} to {}", "grant select on {} to {}"):
            thing = sql.Identifier(schema) if "schema" in statement else sql.Identifier(schema, name)
            cursor.execute(sql.SQL(statement).format(thing, sql.Identifier(role)))

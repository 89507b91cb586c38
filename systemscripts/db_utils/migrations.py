"""Migrate the schema with plain SQL files: numbered ones, each applied once, then the views whenever they change.

sql/migrations/NNNN_name.sql creates the tables and what dba itself needs. sql/views/SCHEMA.NAME.sql is the only text of
a view for people, with its comments: when the file changes the view is replaced, which keeps its grants.

Own code, because the alternatives cost more than they give: yoyo leaves four tables in public and needs extra files to
roll back, dbmate needs markers inside the SQL, alembic needs SQLAlchemy.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from systemscripts import settings
from systemscripts.db_utils import reader_rights
from systemscripts.db_utils.connection import Connection, Role, advisory_lock, connect, transaction
from systemscripts.errors import ConfigurationError, EtlError

FOLDER = settings.PROJECT / "sql" / "migrations"
VIEWS_FOLDER = settings.PROJECT / "sql" / "views"
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
    create table if not exists dba.tviewfile (
        name text primary key, checksum text not null, applied_at timestamptz not null default now());
    comment on table dba.tviewfile is 'Which view files have been applied, and what they held then';
    comment on column dba.tviewfile.name is 'The view, schema.name, as the file is called';
    comment on column dba.tviewfile.checksum is 'SHA-256 of the file';
    comment on column dba.tviewfile.applied_at is 'When';
"""
_NOTE_MIGRATION = "insert into dba.tmigration (number, name, checksum) values (%s, %s, %s)"
_NOTE_VIEW = """
    insert into dba.tviewfile (name, checksum) values (%s, %s)
    on conflict (name) do update set checksum = excluded.checksum, applied_at = now()"""


def apply_pending(connection: Connection, folder: Path = FOLDER, views_folder: Path = VIEWS_FOLDER) -> list[str]:
    """Bring the schema up to date; return the names of the files that were applied.

    Raises ConfigurationError if an applied numbered file was changed, or the database is newer than the code; EtlError
    that names the file if the database refuses it: the files before it stay applied, nothing of this one is.
    """
    files = _list_files(folder)
    expected = {number: checksum for number, (_, checksum) in files.items()}
    up_to_date = _read_applied(connection) == expected and not _find_changed_views(connection, views_folder)
    if up_to_date and reader_rights.are_rights_granted(connection):
        return []
    with advisory_lock(connection, "migrations", wait_seconds=60):
        with transaction(connection) as cursor:
            cursor.execute(_LEDGER)
        applied = _read_applied(connection)
        _check_applied(files, applied)
        done = []
        for number in sorted(set(files) - set(applied)):
            path, checksum = files[number]
            done.append(_apply_file(connection, path, _NOTE_MIGRATION, (number, path.name, checksum)))
        # also those that a numbered file dropped
        for path, checksum in _find_changed_views(connection, views_folder):
            done.append(_apply_file(connection, path, _NOTE_VIEW, (path.stem, checksum)))
        reader_rights.grant_rights(connection)
    return done


def list_pending(connection: Connection, folder: Path = FOLDER, views_folder: Path = VIEWS_FOLDER) -> list[str]:
    """Return the names of the files that are not applied yet; raises ConfigurationError as `apply_pending` does."""
    files, applied = _list_files(folder), _read_applied(connection)
    _check_applied(files, applied)
    return [
        *(path.name for number, (path, _) in files.items() if number not in applied),
        *(path.name for path, _ in _find_changed_views(connection, views_folder)),
    ]


def connect_up_to_date(role: Role, purpose: str) -> Connection:
    """Bring the schema up to date, and return a connection of a login; raises as `apply_pending` does."""
    connection = connect("etl", purpose=purpose)
    apply_pending(connection)
    if role == "etl":
        return connection
    connection.close()
    return connect(role, purpose=purpose)


def list_numbers(folder: Path = FOLDER) -> list[int]:
    """Return the numbers of the migrations that this code has."""
    return sorted(_list_files(folder))


def _list_files(folder: Path) -> dict[int, tuple[Path, str]]:
    files: dict[int, tuple[Path, str]] = {}
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_\w+\.sql", path.name)
        if not match:
            raise ConfigurationError(f"{path}: expected a name such as 0001_schema.sql")
        number = int(match[1])
        # one of them would never be applied
        if number in files:
            raise ConfigurationError(
                f"{path} has the number of {files[number][0].name}", "Give each file its own number."
            )
        files[number] = (path, _compute_checksum(path))
    return files


def _compute_checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _find_changed_views(connection: Connection, folder: Path) -> list[tuple[Path, str]]:
    """Return the view files that differ from the database, by name, with their checksums."""
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('dba.tviewfile') is not null")
        applied = {}
        if cursor.fetchone() == (True,):
            cursor.execute("select name, checksum from dba.tviewfile where to_regclass(name) is not null")
            applied = dict(cursor.fetchall())
    views = [(path, _compute_checksum(path)) for path in sorted(folder.glob("*.sql"))]
    return [(path, checksum) for path, checksum in views if applied.get(path.stem) != checksum]


def _read_applied(connection: Connection) -> dict[int, str]:
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('dba.tmigration') is not null")
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute("select number, checksum from dba.tmigration")
        return dict(cursor.fetchall())


def _check_applied(files: dict[int, tuple[Path, str]], applied: dict[int, str]) -> None:
    for number, checksum in applied.items():
        if number not in files:
            raise ConfigurationError(f"the database has migration {number:04}, this code does not", "Update the code.")
        if files[number][1] != checksum:
            raise ConfigurationError(
                f"{files[number][0].name} was changed after it was applied", "Restore it and add a new numbered file."
            )


def _apply_file(connection: Connection, path: Path, note: str, values: tuple[object, ...]) -> str:
    """Run a file and record it in one transaction; return its name."""
    try:
        with transaction(connection) as cursor:
            cursor.execute(path.read_text(encoding="utf-8"))
            cursor.execute(note, values)
    except EtlError as error:
        error.message = f"{path.name}: {error.message}"
        raise
    return path.name

"""The schema, moved forward by plain SQL files: numbered ones, each applied once, then the views, whenever they change.

sql/migrations/NNNN_name.sql makes the tables and what dba itself rests on. sql/views/SCHEMA.NAME.sql holds the one text
of a view for people, with its comments: it is replaced, so that its grants stay, as soon as its file is another.

Own code, because the peers cost more than they give: yoyo leaves four tables in public and rolls back to nothing
without extra files, dbmate wants markers inside the SQL, alembic wants SQLAlchemy.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from systemscripts import settings
from systemscripts.db_utils import reader_rights
from systemscripts.db_utils.connection import Connection, advisory_lock, transaction
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
    """Bring the schema up to date; returns the names of the files applied now.

    Raises ConfigurationError when an applied numbered file was changed, or the database is ahead of the code; EtlError
    that names the file when the database refuses it: the files before it stay applied, nothing of this one is.
    """
    files = _files(folder)
    wanted = {number: checksum for number, (_, checksum) in files.items()}
    up_to_date = _applied(connection) == wanted and not _changed_views(connection, views_folder)
    if up_to_date and reader_rights.are_rights_granted(connection):
        return []
    with advisory_lock(connection, "migrations", wait_seconds=60):
        with transaction(connection) as cursor:
            cursor.execute(_LEDGER)
        applied = _applied(connection)
        _check(files, applied)
        done = []
        for number in sorted(set(files) - set(applied)):
            path, checksum = files[number]
            done.append(_apply(connection, path, _NOTE_MIGRATION, (number, path.name, checksum)))
        for path, checksum in _changed_views(connection, views_folder):  # also one that a numbered file dropped
            done.append(_apply(connection, path, _NOTE_VIEW, (path.stem, checksum)))
        reader_rights.grant_rights(connection)
    return done


def list_pending(connection: Connection, folder: Path = FOLDER, views_folder: Path = VIEWS_FOLDER) -> list[str]:
    """The names of the files that are not applied yet; changes nothing. Raises ConfigurationError as `ensure` does."""
    files, applied = _files(folder), _applied(connection)
    _check(files, applied)
    return [
        *(path.name for number, (path, _) in files.items() if number not in applied),
        *(path.name for path, _ in _changed_views(connection, views_folder)),
    ]


def _files(folder: Path) -> dict[int, tuple[Path, str]]:
    found: dict[int, tuple[Path, str]] = {}
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_\w+\.sql", path.name)
        if not match:
            raise ConfigurationError(f"{path}: expected a name such as 0001_schema.sql")
        number = int(match[1])
        if number in found:  # one of them would never be applied
            raise ConfigurationError(f"{path} has the number of {found[number][0].name}", "Give each file its own.")
        found[number] = (path, _checksum(path))
    return found


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _changed_views(connection: Connection, folder: Path) -> list[tuple[Path, str]]:
    """The view files that are not what the database has, in the order of their names, with their checksums."""
    with transaction(connection) as cursor:
        cursor.execute("select to_regclass('dba.tviewfile') is not null")
        applied = {}
        if cursor.fetchone() == (True,):
            cursor.execute("select name, checksum from dba.tviewfile where to_regclass(name) is not null")
            applied = dict(cursor.fetchall())
    wanted = [(path, _checksum(path)) for path in sorted(folder.glob("*.sql"))]
    return [(path, checksum) for path, checksum in wanted if applied.get(path.stem) != checksum]


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


def _apply(connection: Connection, path: Path, note: str, values: tuple[object, ...]) -> str:
    """Run a file and note it, in one transaction; returns its name."""
    try:
        with transaction(connection) as cursor:
            cursor.execute(path.read_text(encoding="utf-8"))
            cursor.execute(note, values)
    except EtlError as error:
        error.message = f"{path.name}: {error.message}"
        raise
    return path.name

"""The console's connections: one of each login for every thread of the server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg2

from systemscripts import db_utils, settings
from systemscripts.db_utils import Connection
from systemscripts.errors import EtlError, TryLaterError, UsageError

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

REST_SECONDS = 5.0  # a connection that has rested longer is asked whether it is still there
_local = threading.local()
_TOO_SLOW = "57014"  # query_canceled: the only one who cancels here is the statement timeout


class TooSlowError(UsageError):
    """The reader asked for more than a page can wait for."""


@contextlib.contextmanager
def reading() -> Iterator[Cursor]:
    """A read-only transaction as etl, for what the reader's login may not see (runs, configurations, rejects)."""
    with _transaction("etl") as cursor:
        cursor.execute(_read_only())
        yield cursor


@contextlib.contextmanager
def viewing() -> Iterator[Cursor]:
    """A read-only transaction as reader, for the tables themselves."""
    with _transaction("reader") as cursor:
        # compiling costs more than a page is worth, however large the table
        cursor.execute(f"{_read_only()}; set local jit = off")
        yield cursor


@contextlib.contextmanager
def writing() -> Iterator[Cursor]:
    """A transaction as etl, for the console's own few rows (users, configurations)."""
    with _transaction("etl") as cursor:
        yield cursor


def acting() -> Connection:
    """This thread's connection as etl, for the functions of the jobs, which make their own transactions."""
    return _connection("etl")


def rows(cursor: Cursor, statement: Any, values: Any = None) -> list[dict[str, Any]]:
    """Run a query and return its rows as dictionaries."""
    cursor.execute(statement, values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def first(cursor: Cursor, statement: Any, values: Any = None) -> dict[str, Any] | None:
    """The first row of a query, or None."""
    found = rows(cursor, statement, values)
    return found[0] if found else None


def _read_only() -> str:
    return f"set transaction read only; set local statement_timeout = '{settings.current().console_read_seconds}s'"


@contextlib.contextmanager
def _transaction(role: db_utils.Role) -> Iterator[Cursor]:
    try:
        with db_utils.transaction(_connection(role)) as cursor:
            yield cursor
    except EtlError as error:
        cause = error.__cause__
        state = cause.pgcode if isinstance(cause, psycopg2.Error) else None
        if state == _TOO_SLOW:
            raise TooSlowError(
                f"this takes the database longer than {settings.current().console_read_seconds} s",
                "Filter by another column, or do not sort.",
            ) from error
        if isinstance(cause, psycopg2.Error) and (found := misfit(cause)):
            raise found from error
        raise


def misfit(error: psycopg2.Error) -> UsageError | None:
    """What to say where a value does not fit its column's type (SQLSTATE class 22); None for any other error."""
    if not (error.pgcode or "").startswith("22"):
        return None
    return UsageError(f"{error.diag.message_primary}", "Write a value of the column's type.")


def _connection(role: db_utils.Role) -> Connection:
    found: tuple[Connection, float] | None = getattr(_local, role, None)
    if found is None or not _alive(*found):
        if found is not None:
            with contextlib.suppress(psycopg2.Error):
                found[0].close()
        found = (db_utils.connect(role, purpose="console"), 0.0)
    setattr(_local, role, (found[0], time.monotonic()))
    return found[0]


def _alive(connection: Connection, used_at: float) -> bool:
    if connection.closed:
        return False
    if time.monotonic() - used_at < REST_SECONDS:
        return True
    try:
        with db_utils.transaction(connection) as cursor:
            cursor.execute("select 1")
    except TryLaterError:
        return False
    return True

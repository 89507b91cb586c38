"""The console's connections: one of each login for every thread of the server."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg2

from systemscripts import db_utils, settings
from systemscripts.db_utils import Connection, Cursor
from systemscripts.errors import EtlError, TryLaterError, UsageError

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.5  # within which a healthy database lets somebody in
# beyond its statement timeout, a transaction whose server says nothing at all is given up
GRACE_SECONDS = 5.0
REST_SECONDS = 5.0  # a connection that has rested longer is asked whether it is still there
_local = threading.local()
# one question at a time, however often it is asked: who waits for a hung server must not be many
_asker, _asking = ThreadPoolExecutor(1, "console-health"), threading.Lock()
_asked: list[Future[None] | None] = [None]
_TOO_SLOW = "57014"  # query_canceled: the only one who cancels here is the statement timeout


class TooSlowError(UsageError):
    """The reader asked for more than a page can wait for."""


def answers() -> bool:
    """Return whether the database lets somebody in now; asked over a connection of its own, with a time limit."""
    with _asking:
        pending = _asked[0]
        if pending is None or pending.done():
            pending = _asked[0] = _asker.submit(_ask)
    try:
        pending.result(ANSWER_SECONDS)
    except (TimeoutError, psycopg2.Error, EtlError) as error:
        text = f"console: the database does not answer: {type(error).__name__}"
        logger.warning("%s", text, extra={"code": "database_silent"})
        return False
    return True


def _ask() -> None:
    url = db_utils.resolve_address("etl")
    # two seconds are the shortest time that libpq knows
    psycopg2.connect(url, connect_timeout=2, application_name="etl console health").close()


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


def set_zone(cursor: Cursor, name: str) -> None:
    """Let times of this transaction be those of a zone; a browser may know one that PostgreSQL does not: then UTC."""
    cursor.execute("savepoint zone")
    try:
        cursor.execute("select set_config('TimeZone', %s, true)", (name,))
    except psycopg2.DataError:
        cursor.execute("rollback to savepoint zone")
        cursor.execute("set local timezone = 'UTC'")


def _read_only() -> str:
    return f"set transaction read only; set local statement_timeout = '{settings.current().console_read_seconds}s'"


@contextlib.contextmanager
def _transaction(role: db_utils.Role) -> Iterator[Cursor]:
    connection = _connection(role)
    try:
        seconds = settings.current().console_read_seconds + GRACE_SECONDS
        with _cut_off(connection, seconds), db_utils.transaction(connection) as cursor:
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


@contextlib.contextmanager
def _cut_off(connection: Connection, seconds: float) -> Iterator[None]:
    """Close a connection from outside when its server has not answered in time.

    A server that hangs keeps no timeout of its own, and the driver would wait for it as long as the machine is up.
    """
    timer = threading.Timer(seconds, _shut_down, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: Connection) -> None:
    with contextlib.suppress(OSError, psycopg2.Error), socket.socket(fileno=os.dup(connection.fileno())) as copy:
        text = "console: the database does not answer, a connection is given up"
        logger.warning("%s", text, extra={"code": "database_silent"})
        copy.shutdown(socket.SHUT_RDWR)


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
        with _cut_off(connection, GRACE_SECONDS), db_utils.transaction(connection) as cursor:
            cursor.execute("select 1")
    except TryLaterError:
        return False
    return True

"""Keep the console's database connections: one per login for each thread of the server."""

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

# a healthy database accepts a connection within this time
ANSWER_SECONDS = 1.5
# a transaction whose server does not respond is closed this long after its statement timeout
GRACE_SECONDS = 5.0
# a connection that was idle for longer is tested before it is used
MAX_IDLE_SECONDS = 5.0
_local = threading.local()
# one test at a time, however many requests ask: a hung server must not occupy many threads
_asker, _asking = ThreadPoolExecutor(1, "console-health"), threading.Lock()
_asked: list[Future[None] | None] = [None]
# query_canceled: here only the statement timeout cancels a query
_STATEMENT_TIMEOUT = "57014"
# such as a sum of texts, or an order of JSON
_UNDEFINED_FUNCTION = "42883"


class TooSlowError(UsageError):
    """The query takes longer than a page can wait."""


def is_database_answering() -> bool:
    """Return whether the database accepts a new connection now, within ANSWER_SECONDS."""
    with _asking:
        pending = _asked[0]
        if pending is None or pending.done():
            pending = _asked[0] = _asker.submit(_connect_once)
    try:
        pending.result(ANSWER_SECONDS)
    except (TimeoutError, psycopg2.Error, EtlError) as error:
        text = f"console: the database does not answer: {type(error).__name__}"
        logger.warning("%s", text, extra={"code": "database_silent"})
        return False
    return True


def _connect_once() -> None:
    url = db_utils.resolve_address("etl")
    # libpq accepts no timeout shorter than two seconds
    psycopg2.connect(url, connect_timeout=2, application_name="etl console health").close()


@contextlib.contextmanager
def read_as_etl() -> Iterator[Cursor]:
    """Open a read-only transaction as etl, for what the reader's login may not see: runs, configurations, rejects."""
    with _transaction("etl") as cursor:
        cursor.execute(_make_read_only())
        yield cursor


@contextlib.contextmanager
def read_as_reader() -> Iterator[Cursor]:
    """Open a read-only transaction as reader, for the tables."""
    with _transaction("reader") as cursor:
        # just-in-time compilation costs more than it saves for one page, however large the table
        cursor.execute(f"{_make_read_only()}; set local jit = off")
        yield cursor


@contextlib.contextmanager
def write_as_etl() -> Iterator[Cursor]:
    """Open a transaction as etl, for the console's own rows: users and configurations."""
    with _transaction("etl") as cursor:
        yield cursor


def connect_as_etl() -> Connection:
    """Return this thread's connection as etl, for functions of the jobs that open their own transactions."""
    return _get_connection("etl")


def connect_as_reader() -> Connection:
    """Return this thread's connection as reader, for functions of the jobs that open their own transactions."""
    return _get_connection("reader")


def fetch_rows(cursor: Cursor, statement: Any, values: Any = None) -> list[dict[str, Any]]:
    """Run a query and return its rows as dictionaries."""
    cursor.execute(statement, values)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch_first(cursor: Cursor, statement: Any, values: Any = None) -> dict[str, Any] | None:
    """Run a query and return its first row as a dictionary, or None."""
    found_rows = fetch_rows(cursor, statement, values)
    return found_rows[0] if found_rows else None


def set_time_zone(cursor: Cursor, name: str) -> None:
    """Set the time zone of this transaction; UTC if PostgreSQL does not know the browser's zone."""
    cursor.execute("savepoint zone")
    try:
        cursor.execute("select set_config('TimeZone', %s, true)", (name,))
    except psycopg2.DataError:
        cursor.execute("rollback to savepoint zone")
        cursor.execute("set local timezone = 'UTC'")


def _make_read_only() -> str:
    return f"set transaction read only; set local statement_timeout = '{settings.current().console_read_seconds}s'"


@contextlib.contextmanager
def _transaction(role: db_utils.Role) -> Iterator[Cursor]:
    connection = _get_connection(role)
    try:
        seconds = settings.current().console_read_seconds + GRACE_SECONDS
        with _close_when_silent(connection, seconds), db_utils.transaction(connection) as cursor:
            yield cursor
    except EtlError as error:
        cause = error.__cause__
        state = cause.pgcode if isinstance(cause, psycopg2.Error) else None
        if state == _STATEMENT_TIMEOUT:
            raise TooSlowError(
                f"the query took longer than {settings.current().console_read_seconds} s",
                "Filter by another column, or remove the sort.",
            ) from error
        if state == _UNDEFINED_FUNCTION and role == "reader":
            raise UsageError(
                "a column is of a type that cannot be sorted, counted, added up or compared in this way",
                "Choose another column.",
            ) from error
        if isinstance(cause, psycopg2.Error) and (bad_value := explain_bad_value(cause)):
            raise bad_value from error
        raise


@contextlib.contextmanager
def _close_when_silent(connection: Connection, seconds: float) -> Iterator[None]:
    """Close a connection from another thread if its server has not answered in time.

    A server that hangs does not apply its own timeout, and the driver would wait for it without end.
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
        text = "console: the database does not answer, closing the connection"
        logger.warning("%s", text, extra={"code": "database_silent"})
        copy.shutdown(socket.SHUT_RDWR)


def explain_bad_value(error: psycopg2.Error) -> UsageError | None:
    """Return an error about a value that does not fit its column's type (SQLSTATE class 22), or None."""
    if not (error.pgcode or "").startswith("22"):
        return None
    return UsageError(f"{error.diag.message_primary}", "Enter a value of the column's type.")


def _get_connection(role: db_utils.Role) -> Connection:
    connection, used_at = getattr(_local, role, (None, 0.0))
    if connection is None or not _is_alive(connection, used_at):
        if connection is not None:
            with contextlib.suppress(psycopg2.Error):
                connection.close()
        connection = db_utils.connect(role, purpose="console")
    setattr(_local, role, (connection, time.monotonic()))
    return connection


def _is_alive(connection: Connection, used_at: float) -> bool:
    if connection.closed:
        return False
    if time.monotonic() - used_at < MAX_IDLE_SECONDS:
        return True
    try:
        with _close_when_silent(connection, GRACE_SECONDS), db_utils.transaction(connection) as cursor:
            cursor.execute("select 1")
    except TryLaterError:
        return False
    return True

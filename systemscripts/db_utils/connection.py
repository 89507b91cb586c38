"""Connections to the suite's database, and driver errors as the suite's own."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

import psycopg2
import psycopg2.extensions

from systemscripts import settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

Connection = psycopg2.extensions.connection
Role = Literal["etl", "reader"]
LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}

# SQLSTATE (PostgreSQL manual, appendix A) -> what it means for the person who runs the job
_TRY_LATER = {"08", "57P01", "57P02", "57P03", "57P05", "53300", "55P03", "40001", "40P01", "57014"}
_CONFIGURATION = {"42501", "28", "3D000", "0A000"}

_open: weakref.WeakSet[Connection] = weakref.WeakSet()


def connect(role: Role = "etl", purpose: str = "") -> Connection:
    """Open a connection as etl or reader; the embedded server is started when it is not up.

    Raises TryLaterError when the server does not answer, ConfigurationError when it refuses the login.
    """
    return _open_connection(address(role), purpose)


def address(role: Role) -> str:
    """The whole address of the database for one login, password included; the embedded server is started for it.

    Raises ConfigurationError when none is configured, or when it would be reached without TLS.
    """
    if settings.current().embedded:
        from systemscripts.db_utils import embedded

        return embedded.running_url(role)
    found = _configured_url(role)
    _refuse_plain_text(found)
    return found


def _configured_url(role: Role) -> str:
    wanted = settings.current()
    if role == "etl":
        return wanted.database_url.get_secret_value()
    if wanted.database_reader_url is None:
        raise ConfigurationError("DATABASE_READER_URL is not set", "Add it beside DATABASE_URL.")
    return wanted.database_reader_url.get_secret_value()


def _refuse_plain_text(url: str) -> None:
    parts = urlsplit(url)
    mode = parse_qs(parts.query).get("sslmode", ["prefer"])[-1]
    remote = (parts.hostname or "") not in LOCAL_HOSTS
    if remote and mode not in ("require", "verify-ca", "verify-full") and not settings.current().database_allow_insecure:
        raise ConfigurationError(
            f"the database {safe_address(url)} would be reached without TLS (sslmode={mode})",
            "Add ?sslmode=verify-full to DATABASE_URL, or set DATABASE_ALLOW_INSECURE=true.",
        )


def safe_address(url: str) -> str:
    """host:port/name of a database address, without user and password."""
    parts = urlsplit(url)
    try:
        port = parts.port or 5432
    except ValueError:
        return "with a port that is not a number"
    return f"{parts.hostname or 'localhost'}:{port}{parts.path}"


def _open_connection(url: str, purpose: str) -> Connection:
    wanted = settings.current()
    options = (
        f"-c lock_timeout={wanted.database_lock_seconds}s -c statement_timeout={wanted.database_statement_minutes}min"
        " -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c idle_in_transaction_session_timeout=0"
    )
    try:
        connection = psycopg2.connect(
            url,
            connect_timeout=wanted.database_connect_seconds,
            application_name=f"etl {purpose}".strip(),
            client_encoding="UTF8",
            keepalives_idle=30,
            options=options,
        )
    except psycopg2.Error as error:
        raise explain(error, url) from error
    _open.add(connection)
    return connection


def explain(error: psycopg2.Error, url: str = "") -> EtlError:
    """Turn a driver error into the suite's own, by SQLSTATE and type, never by message text."""
    state = error.pgcode or ""
    detail = (error.diag.message_primary if state else "") or " ".join(str(error).split())
    if not state and isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return _without_state(url, detail)
    if state in _TRY_LATER or state[:2] in _TRY_LATER:
        return TryLaterError(f"database: {detail}", "Run the same command again later.")
    if state in _CONFIGURATION or state[:2] in _CONFIGURATION:
        return ConfigurationError(f"database: {detail}", "Check DATABASE_URL and the rights of its login.")
    if state == "53100":
        return EtlError(f"the database's disk is full: {detail}", "Free space, then run the same command again.")
    return EtlError(f"database ({state}): {detail}", "The log has the statement and the traceback.")


def _without_state(url: str, detail: str) -> EtlError:
    # libpq gives no SQLSTATE when a connection is refused, lost, or its login fails (psycopg2 issue 682), so the
    # server is asked itself: a port that answers means that the login or the database name is wrong.
    where = safe_address(url) if url else ""
    if url and _answers(url):
        return ConfigurationError(f"the database at {where} refused the login: {detail}", "Check DATABASE_URL.")
    named = f"the database at {where} does not answer" if where else "the connection to the database was lost"
    return TryLaterError(named, "Start it (embedded: database.py start), then run the same command again.")


def _answers(url: str) -> bool:
    import socket

    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "localhost", parts.port or 5432), timeout=2):
            return True
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[Cursor]:
    """One transaction: commits at the end, rolls back on any exception, driver errors become the suite's own."""
    try:
        with connection.cursor() as cursor:
            yield cursor
        connection.commit()
    except psycopg2.Error as error:
        _roll_back(connection)
        raise explain(error) from error
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg2.Error):
        connection.rollback()


@contextlib.contextmanager
def advisory_lock(connection: Connection, name: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the session's advisory lock of this name; raises TryLaterError when somebody else has it.

    `wait_seconds`: how long to wait for it (infinity waits for ever).
    """
    until = time.monotonic() + wait_seconds
    while not _try_lock(connection, name):
        if time.monotonic() >= until:
            raise TryLaterError(f"{name} is being worked on by {_holder(connection, name)}", "Try again later, or --wait.")
        time.sleep(0.2)
    try:
        yield
    finally:
        with contextlib.suppress(psycopg2.Error), connection.cursor() as cursor:
            connection.rollback()
            cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
            connection.commit()


def _try_lock(connection: Connection, name: str) -> bool:
    with transaction(connection) as cursor:
        cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (name,))
        row: Any = cursor.fetchone()
        return bool(row[0])


def _holder(connection: Connection, name: str) -> str:
    with transaction(connection) as cursor:
        cursor.execute(
            """select a.application_name, a.pid, to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')
               from pg_locks l join pg_stat_activity a using (pid), hashtextextended(%s, 0) as key
               where l.locktype = 'advisory' and l.granted and l.objsubid = 1
                 and l.classid::bigint = (key >> 32) & 4294967295 and l.objid::bigint = key & 4294967295""",
            (name,),
        )
        row = cursor.fetchone()
    return f"{row[0]} (server process {row[1]}) since {row[2]}" if row else "another session"


def cancel_all() -> None:
    """Cancel the statement that each open connection of this process is waiting for; safe from any thread."""
    for connection in list(_open):
        with contextlib.suppress(psycopg2.Error):
            if not connection.closed:
                connection.cancel()

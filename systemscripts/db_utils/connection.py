"""Open connections to the suite's database, and turn driver errors into the suite's own."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Iterator
from typing import Any, Literal

import psycopg2
import psycopg2.extensions

from systemscripts import person, settings
from systemscripts.commands import format_command
from systemscripts.db_utils import lock_holders
from systemscripts.errors import (
    BadDataError,
    ConfigurationError,
    DatabaseDiskFullError,
    DatabaseDownError,
    DatabaseLoginError,
    EtlError,
    TryLaterError,
)

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor
Role = Literal["etl", "reader"]
LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}
ENCRYPTED = ("require", "verify-ca", "verify-full")
# A connection to a server that does not respond is closed after about this long.
SILENCE_SECONDS = 60

# The SQLSTATE codes and classes (PostgreSQL manual, appendix A) of each kind of error.
_TRY_LATER = {"08", "57P01", "57P02", "57P03", "57P05", "53300", "55P03", "40001", "40P01", "57014"}
# the server stops, has crashed or starts
_DOWN = {"08", "57P01", "57P02", "57P03"}
LOCK_NOT_AVAILABLE = "55P03"
_CONFIGURATION = {"42501", "25006", "0A000"}
_LOGIN = {"28", "3D000"}

_open: weakref.WeakSet[Connection] = weakref.WeakSet()


def connect(role: Role = "etl", purpose: str = "") -> Connection:
    """Open a connection as etl or reader; starts the embedded server if it is not running.

    Raises TryLaterError if the server does not answer, ConfigurationError if it refuses the login.
    """
    return _open_connection(resolve_address(role), purpose)


def connect_to(url: str, purpose: str) -> Connection:
    """Open a connection to another database of the server by its full address; raises what `connect` raises."""
    return _open_connection(url, purpose)


def resolve_address(role: Role) -> str:
    """Return the full address of the database for a login, with its password; starts the embedded server.

    Raises ConfigurationError if none is configured, or if it would be reached without TLS.
    """
    if settings.current().uses_embedded_database:
        # late: most installations have a server of their own
        from systemscripts.db_utils import embedded

        return embedded.get_running_url(role)
    url = _get_configured_url(role)
    _refuse_plain_text(url)
    return url


def _get_configured_url(role: Role) -> str:
    current_settings = settings.current()
    if role == "etl":
        return current_settings.database_url.get_secret_value()
    if current_settings.database_reader_url is None:
        raise ConfigurationError("DATABASE_READER_URL is not set", "Add it next to DATABASE_URL.")
    return current_settings.database_reader_url.get_secret_value()


def _refuse_plain_text(url: str) -> None:
    parts = _parse_address(url)
    mode = parts.get("sslmode", "prefer")
    hosts = [*parts.get("host", "").split(","), *parts.get("hostaddr", "").split(",")]
    remote = any(host not in LOCAL_HOSTS and not host.startswith("/") for host in hosts)
    if remote and mode not in ENCRYPTED and not settings.current().database_allow_insecure:
        raise ConfigurationError(
            f"the database {redact_address(url)} would be reached without TLS (sslmode={mode})",
            "Add ?sslmode=verify-full to DATABASE_URL, or set DATABASE_ALLOW_INSECURE=true.",
        )


def _parse_address(url: str) -> dict[str, str]:
    """Return the parts of an address as libpq reads it: host, port, dbname, user, sslmode ..."""
    try:
        return {name: str(value) for name, value in psycopg2.extensions.parse_dsn(url).items()}
    # the text of the error may show the password
    except psycopg2.ProgrammingError as error:
        raise ConfigurationError(
            "DATABASE_URL cannot be read", "Write postgresql://user:password@host/name."
        ) from error


def redact_address(url: str) -> str:
    """Return host:port/name of a database address, without user and password."""
    parts = _parse_address(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def _open_connection(url: str, purpose: str) -> Connection:
    current_settings = settings.current()
    options = (
        f"-c lock_timeout={current_settings.database_lock_seconds}s"
        f" -c statement_timeout={current_settings.database_statement_minutes}min"
        " -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c idle_in_transaction_session_timeout=0"
    ) + (f" -c timezone={current_settings.time_zone}" if current_settings.time_zone else "")
    # for SQL that depends on the time, such as the view visits.visitor
    if settings.is_clock_set():
        options += f" -c etl.now={settings.now().isoformat()}"
    # dba.tconfighistory notes who changed a configuration
    options += f" -c etl.person={person.find_person()}"
    try:
        connection = psycopg2.connect(
            url,
            connect_timeout=current_settings.database_connect_seconds,
            application_name=lock_holders.build_session_name(purpose),
            client_encoding="UTF8",
            keepalives_idle=SILENCE_SECONDS // 2,
            keepalives_interval=SILENCE_SECONDS // 6,
            keepalives_count=3,
            tcp_user_timeout=SILENCE_SECONDS * 1000,
            options=options,
        )
    except psycopg2.Error as error:
        raise translate_error(error, url) from error
    _open.add(connection)
    return connection


def translate_error(error: psycopg2.Error, url: str = "") -> EtlError:
    """Return a driver error as one of the suite's own, by SQLSTATE and type, never by message text."""
    state = error.pgcode or ""
    detail = (error.diag.message_primary if state else "") or " ".join(str(error).split())
    if not state and isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return _explain_without_state(url, detail)
    if state == LOCK_NOT_AVAILABLE:
        return _explain_lock(error, detail)
    if state in _DOWN or state[:2] in _DOWN:
        return DatabaseDownError(f"database: {detail}", "Run the same command again later.")
    if state in _LOGIN or state[:2] in _LOGIN:
        return DatabaseLoginError(f"database: {detail}", "Check DATABASE_URL and its login.")
    if state in _TRY_LATER or state[:2] in _TRY_LATER:
        return TryLaterError(f"database: {detail}", "Run the same command again later.")
    if state in _CONFIGURATION or state[:2] in _CONFIGURATION:
        return ConfigurationError(f"database: {detail}", "Check DATABASE_URL and the rights of its login.")
    if state == "54000":
        return BadDataError(f"beyond a limit of PostgreSQL: {detail}", "Load fewer columns, or shorter values.")
    if state == "53100":
        return DatabaseDiskFullError(
            f"the disk of the database is full: {detail}", "Free space, then run the same command again."
        )
    return EtlError(f"database ({state}): {detail}", "See the log for the statement and the traceback.")


def _explain_lock(error: psycopg2.Error, detail: str) -> EtlError:
    """Return an error that names the locked table and the sessions that hold it, asked over a second connection."""
    cursor = getattr(error, "cursor", None)
    query = getattr(cursor, "query", None) or b""
    holders: list[lock_holders.Holder] = []
    # the holder is only information: without it the lock is reported alone
    with contextlib.suppress(EtlError, psycopg2.Error):
        own_pid = cursor.connection.info.backend_pid if cursor is not None else 0
        with contextlib.closing(connect(purpose="lock holders")) as connection, connection.cursor() as second_cursor:
            holders = lock_holders.find_table_holders(second_cursor, query.decode("utf-8", "replace"), own_pid)
    seconds = settings.current().database_lock_seconds
    if not holders:
        statement = " ".join(query.decode("utf-8", "replace").split())[:80]
        return TryLaterError(
            f"database: {detail}: waited {seconds} s for {statement!r}, but the session that held the lock has ended",
            "Run the same command again.",
        )
    tables = ", ".join(sorted({holder.table for holder in holders}))
    text = "; ".join(map(str, holders))
    return TryLaterError(f"waited {seconds} s for a lock on {tables}, held by {text}", holders[0].advice)


def _explain_without_state(url: str, detail: str) -> EtlError:
    # psycopg2 gives no SQLSTATE if a connection is refused or lost, or if its login fails (its issue 682), so the
    # server is asked directly: if it accepts connections, the password or the name of the database is wrong
    if not url:
        return DatabaseDownError("the connection to the database was lost", "Run the same command again.")
    where, state = redact_address(url), _read_state_before_login(url)
    if state is None:
        return DatabaseDownError(
            f"the database at {where} does not answer",
            f"Start it (embedded: {format_command('database', 'start')}), then run the same command again.",
        )
    if state in _TRY_LATER:
        return DatabaseDownError(
            f"the database at {where} accepts no connections now: {detail}", "Run the same command again later."
        )
    return DatabaseLoginError(f"the database at {where} refused the login: {detail}", "Check DATABASE_URL.")


def _read_state_before_login(url: str) -> str | None:
    """Return the SQLSTATE with which the server refuses a connection; "" if it accepts one, None if it is silent.

    One start-up message of the protocol (PostgreSQL manual, 55.7) is enough: a server that starts, stops or is full
    says so before it asks for a password.
    """
    import socket
    import struct

    parts = _parse_address(url)
    message = f"user\0{parts.get('user', 'etl')}\0database\0{parts.get('dbname', 'etl')}\0\0".encode()
    try:
        address = (parts.get("host", "localhost"), int(parts.get("port", "5432")))
        with socket.create_connection(address, timeout=2) as probe:
            probe.sendall(struct.pack("!ii", len(message) + 8, 3 << 16) + message)
            answer = probe.recv(2000)
    except (OSError, ValueError):
        return None
    if answer[:1] != b"E":
        return ""
    fields = answer[5:].split(b"\0")
    return next((field[1:].decode() for field in fields if field.startswith(b"C")), "")


@contextlib.contextmanager
def transaction(connection: Connection, durable: bool = True) -> Iterator[Cursor]:
    """Run one transaction: commit at the end, roll back on any exception, translate driver errors.

    `durable`: the commit waits for the disk. That is not necessary for what the next start would find out anyway; a
    later durable commit makes the earlier ones durable too (PostgreSQL manual, 28.4).
    """
    try:
        with connection.cursor() as cursor:
            if not durable:
                cursor.execute("set local synchronous_commit = off")
            yield cursor
        connection.commit()
    except psycopg2.Error as error:
        _roll_back(connection)
        raise translate_error(error) from error
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg2.Error):
        connection.rollback()


@contextlib.contextmanager
def advisory_lock(connection: Connection, name: str, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the session's advisory lock with this name; raises TryLaterError that names its holder.

    `wait_seconds`: how long to wait for it (infinity: for ever).
    """
    until = time.monotonic() + wait_seconds
    while not _try_lock(connection, name):
        if time.monotonic() >= until:
            with transaction(connection) as cursor:
                holder = lock_holders.find_holder(cursor, name)
            advice = holder.advice if holder else "Run the same command again, or with --wait."
            raise TryLaterError(f"{name} is being worked on by {holder or 'a session that has ended since'}", advice)
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


def cancel_statements() -> None:
    """Cancel the statement that each open connection of this process waits for; safe from any thread."""
    for connection in list(_open):
        with contextlib.suppress(psycopg2.Error):
            if not connection.closed:
                connection.cancel()

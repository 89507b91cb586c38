"""Connections to the suite's database, and driver errors as the suite's own."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Iterator
from typing import Any, Literal

import psycopg2
import psycopg2.extensions

from systemscripts import settings
from systemscripts.db_utils import lock_holders
from systemscripts.errors import BadDataError, ConfigurationError, DatabaseDownError, EtlError, TryLaterError

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor
Role = Literal["etl", "reader"]
LOCAL_HOSTS = {"", "localhost", "127.0.0.1", "::1"}
ENCRYPTED = ("require", "verify-ca", "verify-full")
SILENCE_SECONDS = 60  # a server that is gone without a word is given up after about this long

# SQLSTATE (PostgreSQL manual, appendix A) -> what it means for the person who runs the job
_TRY_LATER = {"08", "57P01", "57P02", "57P03", "57P05", "53300", "55P03", "40001", "40P01", "57014"}
LOCK_NOT_AVAILABLE = "55P03"
_CONFIGURATION = {"42501", "28", "3D000", "0A000"}

_open: weakref.WeakSet[Connection] = weakref.WeakSet()


def connect(role: Role = "etl", purpose: str = "") -> Connection:
    """Open a connection as etl or reader; the embedded server is started when it is not up.

    Raises TryLaterError when the server does not answer, ConfigurationError when it refuses the login.
    """
    return _open_connection(resolve_address(role), purpose)


def connect_to(url: str, purpose: str) -> Connection:
    """Open a connection to another database of the server, by its whole address; raises as `connect` does."""
    return _open_connection(url, purpose)


def resolve_address(role: Role) -> str:
    """The whole address of the database for one login, password included; the embedded server is started for it.

    Raises ConfigurationError when none is configured, or when it would be reached without TLS.
    """
    if settings.current().embedded:
        from systemscripts.db_utils import embedded

        return embedded.get_running_url(role)
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
    parts = _parts(url)
    mode = parts.get("sslmode", "prefer")
    hosts = [*parts.get("host", "").split(","), *parts.get("hostaddr", "").split(",")]
    remote = any(host not in LOCAL_HOSTS and not host.startswith("/") for host in hosts)
    if remote and mode not in ENCRYPTED and not settings.current().database_allow_insecure:
        raise ConfigurationError(
            f"the database {redact_address(url)} would be reached without TLS (sslmode={mode})",
            "Add ?sslmode=verify-full to DATABASE_URL, or set DATABASE_ALLOW_INSECURE=true.",
        )


def _parts(url: str) -> dict[str, str]:
    """An address as libpq reads it: host, port, dbname, user, sslmode ..."""
    try:
        return {name: str(value) for name, value in psycopg2.extensions.parse_dsn(url).items()}
    except psycopg2.ProgrammingError as error:  # its text may show the password
        raise ConfigurationError(
            "DATABASE_URL cannot be read", "Write postgresql://user:password@host/name."
        ) from error


def redact_address(url: str) -> str:
    """host:port/name of a database address, without user and password."""
    parts = _parts(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def _open_connection(url: str, purpose: str) -> Connection:
    wanted = settings.current()
    options = (
        f"-c lock_timeout={wanted.database_lock_seconds}s -c statement_timeout={wanted.database_statement_minutes}min"
        " -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c idle_in_transaction_session_timeout=0"
    ) + (f" -c timezone={wanted.time_zone}" if wanted.time_zone else "")
    if settings.is_clock_set():  # for what counts by today, such as the view visits.visitor
        options += f" -c etl.now={settings.now().isoformat()}"
    try:
        connection = psycopg2.connect(
            url,
            connect_timeout=wanted.database_connect_seconds,
            application_name=lock_holders.session_name(purpose),
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
    """Turn a driver error into the suite's own, by SQLSTATE and type, never by message text."""
    state = error.pgcode or ""
    detail = (error.diag.message_primary if state else "") or " ".join(str(error).split())
    if not state and isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return _without_state(url, detail)
    if state == LOCK_NOT_AVAILABLE:
        return _explain_lock(error, detail)
    if state in _TRY_LATER or state[:2] in _TRY_LATER:
        return TryLaterError(f"database: {detail}", "Run the same command again later.")
    if state in _CONFIGURATION or state[:2] in _CONFIGURATION:
        return ConfigurationError(f"database: {detail}", "Check DATABASE_URL and the rights of its login.")
    if state == "54000":
        return BadDataError(f"beyond a limit of PostgreSQL: {detail}", "Load fewer columns, or shorter values.")
    if state == "53100":
        return EtlError(f"the database's disk is full: {detail}", "Free space, then run the same command again.")
    return EtlError(f"database ({state}): {detail}", "The log has the statement and the traceback.")


def _explain_lock(error: psycopg2.Error, detail: str) -> EtlError:
    """Say which table a statement waited for in vain, and who holds it: asked over a connection of its own."""
    cursor = getattr(error, "cursor", None)
    query = getattr(cursor, "query", None) or b""
    holders: list[lock_holders.Holder] = []
    # who it was is only told: where the server does not say, the lock is reported without it
    with contextlib.suppress(EtlError, psycopg2.Error):
        own_pid = cursor.connection.info.backend_pid if cursor is not None else 0
        with contextlib.closing(connect(purpose="lock holders")) as connection, connection.cursor() as asking:
            holders = lock_holders.find_table_holders(asking, query.decode("utf-8", "replace"), own_pid)
    seconds = settings.current().database_lock_seconds
    if not holders:
        words = " ".join(query.decode("utf-8", "replace").split())[:80]
        return TryLaterError(
            f"database: {detail}: waited {seconds} s for {words!r}, and its holder has ended meanwhile",
            "Run the same command again.",
        )
    tables = ", ".join(sorted({holder.table for holder in holders}))
    text = "; ".join(map(str, holders))
    return TryLaterError(f"waited {seconds} s for a lock on {tables}, held by {text}", holders[0].advice)


def _without_state(url: str, detail: str) -> EtlError:
    # psycopg2 gives no SQLSTATE when a connection is refused, lost, or its login fails (its issue 682), so the server
    # is asked itself: one that would let us log in means that the login or the database's name is wrong
    if not url:
        return TryLaterError("the connection to the database was lost", "Run the same command again.")
    where, state = redact_address(url), _state_before_login(url)
    if state is None:
        return DatabaseDownError(
            f"the database at {where} does not answer",
            "Start it (embedded: database.py start), then run the same command again.",
        )
    if state in _TRY_LATER:
        return DatabaseDownError(
            f"the database at {where} accepts no connections now: {detail}", "Run the same command again later."
        )
    return ConfigurationError(f"the database at {where} refused the login: {detail}", "Check DATABASE_URL.")


def _state_before_login(url: str) -> str | None:
    """The SQLSTATE with which the server answers who knocks; "" when it lets one go on, None when it is silent.

    One start-up message of the protocol (PostgreSQL manual, 55.7): a server that starts, stops or is full says so
    before it asks for a password.
    """
    import socket
    import struct

    parts = _parts(url)
    words = f"user\0{parts.get('user', 'etl')}\0database\0{parts.get('dbname', 'etl')}\0\0".encode()
    try:
        address = (parts.get("host", "localhost"), int(parts.get("port", "5432")))
        with socket.create_connection(address, timeout=2) as probe:
            probe.sendall(struct.pack("!ii", len(words) + 8, 3 << 16) + words)
            answer = probe.recv(2000)
    except (OSError, ValueError):
        return None
    if answer[:1] != b"E":
        return ""
    fields = answer[5:].split(b"\0")
    return next((field[1:].decode() for field in fields if field.startswith(b"C")), "")


@contextlib.contextmanager
def transaction(connection: Connection, durable: bool = True) -> Iterator[Cursor]:
    """One transaction: commits at the end, rolls back on any exception, driver errors become the suite's own.

    `durable`: the commit waits for the disk. What the next start would find out anyway need not; a later durable commit
    makes the earlier ones durable too (PostgreSQL manual, 28.4).
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
    """Hold the session's advisory lock of this name; raises TryLaterError that names who else has it.

    `wait_seconds`: how long to wait for it (infinity waits for ever).
    """
    until = time.monotonic() + wait_seconds
    while not _try_lock(connection, name):
        if time.monotonic() >= until:
            with transaction(connection) as cursor:
                holder = lock_holders.find_holder(cursor, name)
            advice = holder.advice if holder else "Run the same command again, or with --wait."
            raise TryLaterError(
                f"{name} is being worked on by {holder or 'a session that has ended meanwhile'}", advice
            )
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
    """Cancel the statement that each open connection of this process is waiting for; safe from any thread."""
    for connection in list(_open):
        with contextlib.suppress(psycopg2.Error):
            if not connection.closed:
                connection.cancel()

"""MySQL or MariaDB, set by MARTS_DATABASE_URL=mysql://user:password@host:port/name; the tables are created."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from systemscripts import settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError
from systemscripts.marts import engines
from systemscripts.marts.databases import Rows

LOCAL = ("127.0.0.1", "localhost", "::1")
PORT = 3306
# Error numbers (MySQL reference manual, "Server Error Message Reference" and "Client Error Message Reference")
_CONFIGURATION = {1044, 1045, 1049, 1142, 1143, 1227, 1698, 2026}
_TRY_LATER = {1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055}
_DISK_FULL = {1021, 1114, 3675}
_NO_SUCH_TABLE = 1146


def get_name() -> str:
    """Return host:port/name."""
    parts = urlsplit(_url())
    return f"mysql {parts.hostname}:{parts.port or PORT}{parts.path}"


def write(tables: list[Rows], kept: list[date]) -> None:
    """Replace the rows of all months except those of `kept`, in one transaction.

    Raises TryLaterError when the server is away, ConfigurationError when it refuses the login.
    """
    with _connection() as connection, connection.cursor() as cursor:
        for statement in engines.read_statement("mysql_marts").split(";"):
            if statement.strip():
                cursor.execute(statement)
        for rows in tables:
            others = f" where {rows.month} not in ({', '.join(['%s'] * len(kept))})" if kept else ""
            cursor.execute(f"delete from {rows.table}{others}", kept)
            placeholders = ", ".join(["%s"] * len(rows.columns))
            for batch in rows.read_batches():
                cursor.executemany(
                    f"insert into {rows.table} ({', '.join(rows.columns)}) values ({placeholders})", batch
                )
        connection.commit()


def has_months(tables: dict[str, str], months: Sequence[date]) -> bool:
    """Return whether every table exists and has rows of every month; raises the errors of `write`."""
    import pymysql

    with _connection() as connection, connection.cursor() as cursor:
        for table, column in tables.items():
            for month in months:
                try:
                    if not cursor.execute(f"select 1 from {table} where {column} = %s limit 1", (month,)):
                        return False
                except pymysql.err.ProgrammingError as error:
                    if error.args[0] != _NO_SUCH_TABLE:
                        raise
                    return False
    return True


@contextlib.contextmanager
def _connection() -> Iterator[Any]:
    import pymysql

    try:
        connection = pymysql.connect(**_parameters())
        with contextlib.closing(connection):
            yield connection
    except pymysql.Error as error:
        raise _translate_error(error) from error


def _parameters() -> dict[str, Any]:
    parts = urlsplit(_url())
    options = dict(parse_qsl(parts.query))
    parameters: dict[str, Any] = {
        "host": parts.hostname or "127.0.0.1", "port": parts.port or PORT, "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""), "database": unquote(parts.path.strip("/")), "charset": "utf8mb4",
        "connect_timeout": settings.current().database_connect_seconds, "autocommit": False,
    }  # fmt: skip
    if parts.hostname not in LOCAL or "ssl_ca" in options:
        import ssl

        try:
            parameters["ssl"] = ssl.create_default_context(cafile=options.get("ssl_ca"))
        except OSError as error:
            raise ConfigurationError("ssl_ca of MARTS_DATABASE_URL cannot be read", "Correct the address.") from error
    return parameters


def _url() -> str:
    url = settings.current().marts_database_url
    assert url is not None
    return url.get_secret_value()


def _translate_error(error: Exception) -> EtlError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    where = get_name()
    if number in _TRY_LATER:
        return TryLaterError(f"{where} does not answer ({number})", "Run the same command again later.")
    if number in _CONFIGURATION:
        return ConfigurationError(f"{where} refuses the login or the right ({number})", "Correct MARTS_DATABASE_URL.")
    if number in _DISK_FULL:
        return EtlError(f"{where}: its disk is full ({number})", "Free space, then run the same command again.")
    text = str(error.args[1]) if len(error.args) > 1 else type(error).__name__
    return EtlError(f"{where} ({number}): {text}", "The log has the traceback.")

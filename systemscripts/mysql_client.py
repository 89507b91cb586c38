"""MySQL and MariaDB by their addresses, mysql://user:password@host:port/name: the marts, and tables of schema sales.

A table of schema sales that has a setting of its own (`TABLE_SETTINGS`) is read from there instead of PostgreSQL.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from systemscripts import settings
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

LOCAL = ("127.0.0.1", "localhost", "::1")
PORT = 3306
# Error numbers (MySQL reference manual, "Server Error Message Reference" and "Client Error Message Reference")
_CONFIGURATION = {1044, 1045, 1049, 1142, 1143, 1227, 1698, 2026}
_TRY_LATER = {1040, 1053, 1205, 1213, 1927, 2002, 2003, 2006, 2013, 2055}
_DISK_FULL = {1021, 1114, 3675}
NO_SUCH_TABLE = 1146
# rows of one round trip: more save no time
BATCH_ROWS = 10_000
TABLE_SETTINGS = {
    "sales.customer": "sales_customer_url",
    "sales.store": "sales_store_url",
    "sales.product": "sales_product_url",
    "sales.sales_team": "sales_team_url",
    "sales.staging": "sales_staging_url",
}


@dataclass(frozen=True)
class Address:
    """The address of a database, and the setting that contains it; shown without user and password."""

    setting: str
    url: str

    def __repr__(self) -> str:
        """Return what `__str__` does: the address contains a password."""
        return str(self)

    def __str__(self) -> str:
        """Return host:port/name."""
        parts = urlsplit(self.url)
        return f"mysql {parts.hostname}:{parts.port or PORT}{parts.path}"


def find_address(table: str) -> Address | None:
    """Return where a table `schema.table` is, None if it is in PostgreSQL."""
    return read_setting(TABLE_SETTINGS[table]) if table in TABLE_SETTINGS else None


def read_setting(name: str) -> Address | None:
    """Return the address in a setting, None if it is not set."""
    value = getattr(settings.current(), name)
    return Address(name.upper(), value.get_secret_value()) if value is not None else None


@contextlib.contextmanager
def open_connection(address: Address, streams: bool = False) -> Iterator[Any]:
    """Open a connection; its transaction is rolled back unless it is committed.

    `streams`: results are read while they arrive. Raises TryLaterError when the server is away, ConfigurationError when
    it refuses the login or a right.
    """
    import pymysql
    import pymysql.cursors

    try:
        cursor_class = pymysql.cursors.SSCursor if streams else pymysql.cursors.Cursor
        connection = pymysql.connect(**_build_parameters(address), cursorclass=cursor_class)
        with contextlib.closing(connection):
            yield connection
    except pymysql.Error as error:
        raise translate_error(error, address) from error


def read_rows(address: Address, table: str, columns: list[str]) -> Iterator[list[tuple[str | None, ...]]]:
    """Yield the rows of a table as texts that PostgreSQL and DuckDB read, some thousand at a time; None is a null.

    Raises the errors of `open_connection`.
    """
    names = ", ".join(map(quote_name, columns))
    with open_connection(address, streams=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {names} from {quote_name(table)}")
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield [tuple(map(_as_text, row)) for row in rows]


def list_columns(address: Address, table: str) -> list[str]:
    """Return the names of the columns of a table, none if there is no such table; raises as `open_connection`."""
    with open_connection(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            """select column_name from information_schema.columns
               where table_schema = database() and table_name = %s order by ordinal_position""",
            (table,),
        )
        return [str(row[0]) for row in cursor.fetchall()]


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        # a bit, or a text with a binary collation
        return value.decode("utf-8", "replace") if len(value) != 1 or value > b"\x01" else str(value[0])
    return str(value)


def quote_name(name: str) -> str:
    """Return a name as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def _build_parameters(address: Address) -> dict[str, Any]:
    parts = urlsplit(address.url)
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
            raise ConfigurationError(f"ssl_ca of {address.setting} cannot be read", "Correct the address.") from error
    return parameters


def translate_error(error: Exception, address: Address) -> EtlError:
    """Return a driver error as one of the suite's own, by its number."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if number in _TRY_LATER:
        return TryLaterError(f"{address} does not answer ({number})", "Run the same command again later.")
    if number in _CONFIGURATION:
        return ConfigurationError(f"{address} refuses the login or the right ({number})", f"Correct {address.setting}.")
    if number in _DISK_FULL:
        return EtlError(f"{address}: its disk is full ({number})", "Free space, then run the same command again.")
    text = str(error.args[1]) if len(error.args) > 1 else type(error).__name__
    return EtlError(f"{address} ({number}): {text}", "The log has the traceback.")

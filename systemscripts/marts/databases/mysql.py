"""MySQL or MariaDB, set by MARTS_DATABASE_URL=mysql://user:password@host:port/name; the tables are created."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from systemscripts import mysql_client
from systemscripts.marts import engines
from systemscripts.marts.databases import Rows


def get_name() -> str:
    """Return host:port/name."""
    return str(_get_address())


def write(tables: list[Rows], kept: list[date]) -> None:
    """Replace the rows of all months except those of `kept`, in one transaction.

    Raises TryLaterError when the server is away, ConfigurationError when it refuses the login.
    """
    with mysql_client.open_connection(_get_address()) as connection, connection.cursor() as cursor:
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

    with mysql_client.open_connection(_get_address()) as connection, connection.cursor() as cursor:
        for table, column in tables.items():
            for month in months:
                try:
                    if not cursor.execute(f"select 1 from {table} where {column} = %s limit 1", (month,)):
                        return False
                except pymysql.err.ProgrammingError as error:
                    if error.args[0] != mysql_client.NO_SUCH_TABLE:
                        raise
                    return False
    return True


def _get_address() -> mysql_client.Address:
    address = mysql_client.read_setting("marts_database_url")
    assert address is not None
    return address

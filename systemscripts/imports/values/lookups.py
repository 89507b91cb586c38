"""Load the values that lookup checks compare with, once for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts import mysql_client
from systemscripts.errors import ConfigurationError
from systemscripts.imports.column_layout import Layout

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def load_lookup_values(cursor: Cursor, shape: Layout) -> dict[str, frozenset[str]]:
    """Return for each `schema.table.column` that a layout's checks name its values, as text.

    Raises ConfigurationError when there is no such column, or it is empty: then every row would be rejected;
    TryLaterError when the database of its table is away.
    """
    names = {field.column.checks.lookup for field in shape.fields if field.column.checks.lookup}
    return {name: _load_values(cursor, name) for name in sorted(names)}


def _load_values(cursor: Cursor, name: str) -> frozenset[str]:
    schema, table, column = name.split(".")
    address = mysql_client.find_address(f"{schema}.{table}")
    values = _read_mysql(address, table, column) if address else _read_postgresql(cursor, schema, table, column)
    where = f" in {address}" if address else ""
    if values is None:
        next_step = (
            f"Create it there, or correct {address.setting}." if address else "Correct the schema of the import."
        )
        raise ConfigurationError(f"lookup: there is no column {name}{where}", next_step)
    if not values:
        raise ConfigurationError(
            f"lookup: {name} has no values yet{where}, so every row would be rejected",
            f"Fill {schema}.{table}, then run the import again: its files are waiting.",
        )
    return values


def _read_postgresql(cursor: Cursor, schema: str, table: str, column: str) -> frozenset[str] | None:
    """Return the values of a column, None if there is no such column."""
    cursor.execute(
        "select 1 from information_schema.columns where table_schema = %s and table_name = %s and column_name = %s",
        (schema, table, column),
    )
    if not cursor.fetchone():
        return None
    cursor.execute(
        sql.SQL("select distinct {0}::text from {1} where {0} is not null").format(
            sql.Identifier(column), sql.Identifier(schema, table)
        )
    )
    return frozenset(row[0] for row in cursor.fetchall())


def _read_mysql(address: mysql_client.Address, table: str, column: str) -> frozenset[str] | None:
    """Return the values of a column, None if there is no such column.

    All rows are read: to most of its collations Maida and maida are one value.
    """
    if column not in mysql_client.list_columns(address, table):
        return None
    batches = mysql_client.read_rows(address, table, [column])
    return frozenset(value for rows in batches for (value,) in rows if value is not None)

"""The values that a lookup check compares with, read once for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.errors import ConfigurationError
from systemscripts.imports.layout import Layout

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def load_lookup_values(cursor: Cursor, shape: Layout) -> dict[str, frozenset[str]]:
    """For each `schema.table.column` that a layout's checks name, the values it holds, as text.

    Raises ConfigurationError when there is no such column, or it is empty: every row would be rejected.
    """
    wanted = {each.column.checks.lookup for each in shape.fields if each.column.checks.lookup}
    return {name: _load_values(cursor, name) for name in sorted(wanted)}


def _load_values(cursor: Cursor, name: str) -> frozenset[str]:
    schema, table, column = name.split(".")
    cursor.execute(
        "select 1 from information_schema.columns where table_schema = %s and table_name = %s and column_name = %s",
        (schema, table, column),
    )
    if not cursor.fetchone():
        raise ConfigurationError(f"lookup: there is no column {name}", "Correct the schema of the import.")
    cursor.execute(
        sql.SQL("select distinct {0}::text from {1} where {0} is not null").format(
            sql.Identifier(column), sql.Identifier(schema, table)
        )
    )
    found = frozenset(row[0] for row in cursor.fetchall())
    if not found:
        raise ConfigurationError(
            f"lookup: {name} holds no value yet, every row would be rejected",
            f"Fill {schema}.{table}, then run the import again: its files wait.",
        )
    return found

"""Load the values that lookup checks compare with, once for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg2 import sql

from systemscripts.errors import ConfigurationError
from systemscripts.imports.column_layout import Layout

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor


def load_lookup_values(cursor: Cursor, shape: Layout) -> dict[str, frozenset[str]]:
    """Return for each `schema.table.column` that a layout's checks name its values, as text.

    Raises ConfigurationError when there is no such column, or it is empty: then every row would be rejected.
    """
    names = {field.column.checks.lookup for field in shape.fields if field.column.checks.lookup}
    return {name: _load_values(cursor, name) for name in sorted(names)}


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
    values = frozenset(row[0] for row in cursor.fetchall())
    if not values:
        raise ConfigurationError(
            f"lookup: {name} has no values yet, so every row would be rejected",
            f"Fill {schema}.{table}, then run the import again: its files are waiting.",
        )
    return values

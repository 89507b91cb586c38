"""Answer what the user of a request may see. Every route that shows rows of a table asks this."""

from __future__ import annotations

from flask import g, has_app_context

from systemscripts import table_rights
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.errors import MissingError
from systemscripts.table_rights import MASK, Visibility
from webconsole.security.users import User

__all__ = ["MASK", "Visibility", "current", "read_visibility", "require_table", "visibility_of"]


def visibility_of(connection: Connection, user: User) -> Visibility:
    """Return what a user may see: `may_see(schema, table)`, `masked_columns(schema, table)` and so on.

    `connection`: of the login etl, outside of a transaction.
    """
    with transaction(connection) as cursor:
        return read_visibility(cursor, user)


def read_visibility(cursor: Cursor, user: User) -> Visibility:
    """Return what a user may see, read in an open transaction of the login etl."""
    return table_rights.read_visibility(cursor, user.name, sees_everything=user.is_admin)


def current() -> Visibility:
    """Return what the user of this request may see, as it was when the request was checked; without a user nothing."""
    visible: Visibility = g.get("visibility", Visibility()) if has_app_context() else Visibility()
    return visible


def require_table(schema: str, table: str) -> frozenset[str]:
    """Return the masked columns of a table for the user of this request; raise MissingError if it is not for them."""
    if not current().may_see(schema, table):
        raise MissingError(
            f"the table {schema}.{table} does not exist or may not be read", "Choose one from the list of tables."
        )
    return current().masked_columns(schema, table)

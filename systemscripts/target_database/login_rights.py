"""Check what the login may do in the database of a target, and say which one statement its owner has to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from systemscripts.errors import ConfigurationError

if TYPE_CHECKING:
    from systemscripts.db_utils import Cursor

LEDGER = "client_etl"
_MAY_USE = "has_schema_privilege(n, 'usage') and has_schema_privilege(n, 'create') from (select %s::oid as n) s"


def require_rights(cursor: Cursor, where: str, schema: str, table: str) -> None:
    """Raise ConfigurationError with the statement that grants the first missing right, or if nothing may be written."""
    cursor.execute("select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean")
    if cursor.fetchone() == (True,):
        raise ConfigurationError(
            f"the target's database {where} is read-only", "Name the server that can be written to."
        )
    cursor.execute("select current_user, current_database()")
    row: Any = cursor.fetchone()
    login, database = map(sql.Identifier, row)
    if not _is_true(cursor, "has_database_privilege(current_database(), 'temporary')"):
        _refuse(cursor, where, sql.SQL("grant temporary on database {} to {}").format(database, login))
    may_create = _is_true(cursor, "has_database_privilege(current_database(), 'create')")
    for name in (LEDGER, schema):
        _require_schema(cursor, where, name, login, may_create)
    _require_table(cursor, where, schema, table, login)


def _require_schema(cursor: Cursor, where: str, name: str, login: sql.Identifier, may_create: bool) -> None:
    cursor.execute("select oid from pg_namespace where nspname = %s", (name,))
    row = cursor.fetchone()
    if row is None:
        if not may_create:
            _refuse(cursor, where, sql.SQL("create schema {} authorization {}").format(sql.Identifier(name), login))
    elif not _is_true(cursor, _MAY_USE, row):
        _refuse(cursor, where, sql.SQL("grant usage, create on schema {} to {}").format(sql.Identifier(name), login))


def _require_table(cursor: Cursor, where: str, schema: str, table: str, login: sql.Identifier) -> None:
    """Refuse a table of another owner: only the owner may add a column, or replace the view."""
    for name, object_type in ((table, "table"), (f"{table}_current", "view")):
        cursor.execute(
            """select pg_has_role(c.relowner, 'usage') from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = %s and c.relname = %s""",
            (schema, name),
        )
        if cursor.fetchone() == (False,):
            statement = sql.SQL(f"alter {object_type} {{}} owner to {{}}").format(sql.Identifier(schema, name), login)
            _refuse(cursor, where, statement)


def _is_true(cursor: Cursor, expression: str, values: tuple[object, ...] = ()) -> bool:
    cursor.execute(f"select {expression}", values)
    return cursor.fetchone() == (True,)


def _refuse(cursor: Cursor, where: str, statement: sql.Composed) -> None:
    raise ConfigurationError(
        f"the login of the target's database {where} has too few rights",
        f"Its owner types there: {statement.as_string(cursor)};",
    )

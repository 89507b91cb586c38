"""Grant the reader's login its rights: all tables and views of the schemas for people, and the views of dba."""

from __future__ import annotations

from urllib.parse import urlsplit

from psycopg2 import sql

from systemscripts import settings
from systemscripts.db_utils.connection import Connection, Cursor, transaction

# What the login that loads reads in dba and the reader does not: values of columns that it may not see.
CLOSED_VIEWS = ("v_column_profile", "v_config_change", "v_reject", "v_row_change")
# The reader sees every table of these schemas; in dba only the views that are granted by name.
READER_SCHEMAS = ("public", "visits", "sales")


def are_rights_granted(connection: Connection) -> bool:
    """Return whether the reader's login, if it exists, has its rights: it may have been created after the schema."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select has_schema_privilege(oid, 'dba', 'usage') from pg_roles where rolname = %s", (_get_reader_role(),)
        )
        return cursor.fetchone() in (None, (True,))


def grant_rights(connection: Connection) -> None:
    """Grant the reader's login, if it exists, its rights, also on tables that will be created later."""
    with transaction(connection) as cursor:
        role = _get_reader_role()
        cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
        if role is None or not cursor.fetchone():
            return
        for schema in (*READER_SCHEMAS, "dba"):
            cursor.execute(
                sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), sql.Identifier(role))
            )
        for schema in READER_SCHEMAS:
            for statement in (
                "grant select on all tables in schema {} to {}",
                "alter default privileges in schema {} grant select on tables to {}",
            ):
                cursor.execute(sql.SQL(statement).format(sql.Identifier(schema), sql.Identifier(role)))
        _grant_views(cursor, role)
        _grant_targets(cursor)


def _grant_views(cursor: Cursor, role: str) -> None:
    cursor.execute(
        """select table_schema, table_name from information_schema.views
           where table_schema = 'dba' and table_name like 'v\\_%%' and table_name <> all(%s)""",
        (list(CLOSED_VIEWS),),
    )
    for schema, name in cursor.fetchall():
        cursor.execute(sql.SQL("grant select on {} to {}").format(sql.Identifier(schema, name), sql.Identifier(role)))


def _grant_targets(cursor: Cursor) -> None:
    """Grant the tables that imports have filled in other schemas: a restore elsewhere has lost such rights."""
    cursor.execute(
        """select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname <> all(%s) and n.nspname || '.' || c.relname in
                 (select target_table from dba.tdataset union select target_table || '_current' from dba.tdataset)""",
        ([*READER_SCHEMAS, "dba"],),
    )
    for schema, name in cursor.fetchall():
        grant_target(cursor, str(schema), str(name))


def _get_reader_role() -> str | None:
    current_settings = settings.current()
    if current_settings.uses_embedded_database:
        return "reader"
    return (
        urlsplit(current_settings.database_reader_url.get_secret_value()).username
        if current_settings.database_reader_url
        else None
    )


def grant_target(cursor: Cursor, schema: str, name: str) -> None:
    """Let the reader see one table or view that an import created, in any schema."""
    role = _get_reader_role()
    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
    if role is not None and cursor.fetchone():
        for statement in ("grant usage on schema {} to {}", "grant select on {} to {}"):
            identifier = sql.Identifier(schema) if "schema" in statement else sql.Identifier(schema, name)
            cursor.execute(sql.SQL(statement).format(identifier, sql.Identifier(role)))

"""The logins of the embedded server: its owner, `etl` that owns the database without being a superuser, and `reader`.

The owner is the superuser that initdb makes. Its password is in var/embedded_database.json only, and no job uses it.
In servers of version 1.0 `etl` itself was that superuser: they are changed at their next start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from psycopg2 import sql

from systemscripts.db_utils.connection import Connection, connect_to

OWNER, HELPER = "server_owner", "server_owner_helper"
MAINTENANCE = "postgres"
# The address of a database, by login and name.
UrlBuilder = Callable[[str, str], str]
# Reports are done by then; DBeaver may be left open over a query that is not.
READER_STATEMENT_TIMEOUT = "30min"
# Of one session: a sort of the largest tables fits, and a careless join does not fill the disk.
READER_TEMPORARY_FILES = "4GB"

# One statement per line, for the single-user mode of the server; repeating them does no harm.
LIMITS = f"""\
revoke all on database etl from public;
grant connect on database etl to reader;
revoke all on database {MAINTENANCE} from public;
grant connect on database {MAINTENANCE} to etl;
revoke all on database template1 from public;
alter role reader set default_transaction_read_only = on;
alter role reader set statement_timeout = '{READER_STATEMENT_TIMEOUT}';
alter role reader set temp_file_limit = '{READER_TEMPORARY_FILES}';
"""

# What the superuser with the number 10 owns, except what belongs to the server itself.
_GIVE_OBJECTS = """
do $$
declare
    own constant text[] := array['pg_catalog', 'information_schema', 'pg_toast'];
    command text;
begin
    for command in
        select format('alter schema %I owner to etl', nspname) from pg_namespace
        where nspowner = 10 and nspname <> all(own) and nspname not like 'pg\\_temp%' and nspname not like 'pg\\_toast%'
        union all
        select format('alter %s %s owner to etl',
                      case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                                   when 'f' then 'foreign table' else 'table' end, oid::regclass)
        from pg_class c
        where relowner = 10 and relkind in ('r', 'p', 'v', 'm', 'S', 'f')
          and relnamespace::regnamespace::text <> all(own)
          and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                          and d.deptype in ('a', 'i', 'e') and (c.relkind = 'S' or d.deptype = 'e'))
        union all
        select format('alter routine %s owner to etl', p.oid::regprocedure) from pg_proc p
        where proowner = 10 and pronamespace::regnamespace::text <> all(own)
          and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                          and d.deptype = 'e')
        union all
        select format('alter type %s owner to etl', oid::regtype) from pg_type
        where typowner = 10 and typtype in ('d', 'e', 'r') and typnamespace::regnamespace::text <> all(own)
    loop
        execute command;
    end loop;
    -- the next job grants the reader its rights again, also on what etl will create
    if to_regnamespace('dba') is not null then
        revoke usage on schema dba from reader;
    end if;
end $$"""


def render_creation(etl_password: str, reader_password: str) -> str:
    """Return the statements that create the database and its logins, for the single-user mode of the server."""
    return (
        f"create role etl login createdb password '{etl_password}';\n"
        f"create role reader login password '{reader_password}';\n"
        f"create database etl owner etl;\n{LIMITS}"
    )


def separate_owner(build_url: UrlBuilder, owner_password: str, etl_password: str) -> None:
    """Make of the superuser `etl` the owner of the server, and create an ordinary `etl` that owns the databases.

    May be killed at any time and repeated. No one else may be connected. Raises EtlError.
    """
    with _connect(build_url("etl", MAINTENANCE)) as connection:
        if _fetch_column(connection, "select rolsuper from pg_roles where rolname = current_user") == [True]:
            _rename_superuser(connection, build_url, owner_password, etl_password)
    with _connect(build_url(OWNER, MAINTENANCE)) as connection:
        _execute(connection, f"drop role if exists {HELPER}")
        databases = _fetch_column(
            connection,
            f"select datname from pg_database where datallowconn and not datistemplate and datname <> '{MAINTENANCE}'",
        )
        for name in map(str, databases):
            with _connect(build_url(OWNER, name)) as inside:
                _execute(inside, _GIVE_OBJECTS)
            _execute(connection, sql.SQL("alter database {} owner to etl").format(sql.Identifier(name)))
        for line in LIMITS.splitlines():
            _execute(connection, line)


def _rename_superuser(connection: Connection, build_url: UrlBuilder, owner_password: str, etl_password: str) -> None:
    """Rename the superuser, by another one: a session cannot rename its own login."""
    _execute(connection, f"drop role if exists {HELPER}")
    _execute(connection, f"create role {HELPER} superuser login password %s", owner_password)
    with _connect(build_url(HELPER, MAINTENANCE)) as helper, helper.cursor() as cursor:
        helper.autocommit = False
        cursor.execute(f"alter role etl rename to {OWNER}")
        cursor.execute(f"alter role {OWNER} password %s", (owner_password,))
        cursor.execute("create role etl login createdb password %s", (etl_password,))
        helper.commit()


@contextlib.contextmanager
def _connect(url: str) -> Iterator[Connection]:
    with contextlib.closing(connect_to(url, "separating the server's owner")) as connection:
        connection.autocommit = True
        yield connection


def _execute(connection: Connection, statement: str | sql.Composable, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _fetch_column(connection: Connection, query: str) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]

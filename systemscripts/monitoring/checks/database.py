"""The database: both logins, version, TLS, rights, schema, clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from systemscripts import db_utils
from systemscripts.db_utils import Connection, migrations
from systemscripts.db_utils.connection import LOCAL_HOSTS
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.settings import Settings

ORDER = 40
OLDEST = 13_00_00
CLOCK_SECONDS = 60
_FACTS = """
    select current_setting('server_version_num')::integer, current_setting('server_version'),
           coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
           has_database_privilege(current_database(), 'create'), extract(epoch from clock_timestamp())::float,
           host(inet_server_addr())
"""


def check(context: Context) -> Iterator[Line]:
    """The loading login, then the reading one."""
    if context.settings is None:
        yield Line(WARNING, "database", "not looked at: the settings are faulty", "Correct the settings first.")
        return
    try:
        with contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
            yield from _server(connection, context.settings)
            yield _schema(connection)
            if context.settings.embedded:
                yield from _real_data(connection)
    except EtlError as error:
        yield Line.of("database", error)
        return
    yield from _reader(context.settings)


def _one(connection: Connection, statement: str) -> Any:
    with db_utils.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def _server(connection: Connection, wanted: Settings) -> Iterator[Line]:
    number, version, encrypted, may_create, clock, host = _one(connection, _FACTS)
    where = "embedded" if wanted.embedded else db_utils.redact_address(wanted.database_url.get_secret_value())
    if number < OLDEST:
        yield Line(FAILURE, "database", f"PostgreSQL {version} at {where} is too old", "Use version 13 or newer.")
    else:
        yield Line(OK, "database", f"PostgreSQL {version} at {where}{', over TLS' if encrypted else ''}")
    if not encrypted and host not in LOCAL_HOSTS and host is not None:
        yield Line(
            WARNING, "database TLS", f"{where} is reached without TLS", "Add ?sslmode=verify-full to DATABASE_URL."
        )
    if not may_create:
        yield Line(
            FAILURE,
            "database rights",
            "the login may not make schemas",
            "Run as its owner: grant create on database ... to the login of DATABASE_URL;",
        )
    if abs(time.time() - clock) > CLOCK_SECONDS:
        yield Line(
            WARNING,
            "database clock",
            f"it differs by {abs(time.time() - clock):.0f} s from this host's",
            "Run: timedatectl set-ntp true, on both.",
        )


def _real_data(connection: Connection) -> Iterator[Line]:
    """Whether the embedded server, made for trying and small hosts, holds what would be missed."""
    if _one(connection, "select to_regclass('dba.tdataset') is null")[0]:
        return
    count, since = _one(connection, """
        select count(*), min(created_at)::date from dba.tdataset where status = 'active'
        having min(created_at) < now() - make_interval(days => 7)""") or (0, None)  # fmt: skip
    if count:
        yield Line(
            WARNING,
            "embedded data",
            f"the embedded database (a third-party build, for trying) holds {count} datasets since {since}",
            "For work that counts use the host's PostgreSQL: docs/install.md; until then: backup_database.py.",
        )


def _schema(connection: Connection) -> Line:
    try:
        missing = migrations.list_pending(connection)
    except ConfigurationError as error:
        return Line.of("schema", error)
    if missing:
        return Line(
            WARNING,
            "schema",
            f"not applied yet: {', '.join(missing)}",
            "The next job applies them; or run: generic_import.py --list",
        )
    return Line(OK, "schema", "up to date")


def _reader(wanted: Settings) -> Iterator[Line]:
    try:
        with contextlib.closing(db_utils.connect("reader", purpose="doctor")) as connection:
            found = _one(connection, """
                select (select rolsuper from pg_roles where rolname = current_user)
                       or coalesce(has_table_privilege(to_regclass('dba.trun'), 'insert'), false),
                       to_regclass('dba.trun') is null or has_schema_privilege('dba', 'usage')""")  # fmt: skip
    except EtlError as error:
        yield Line.of("reader login", error)
        return
    if found[0]:
        yield Line(FAILURE, "reader login", "it may write", "Make a login that only reads for DATABASE_READER_URL.")
    elif not found[1]:
        yield Line(
            WARNING,
            "reader login",
            "it may not see the views yet",
            "The next job grants it; or run: generic_import.py --list",
        )
    else:
        yield Line(OK, "reader login", "it may read and not write")

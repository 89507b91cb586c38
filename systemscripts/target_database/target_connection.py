"""Open the database of a target, and turn its errors into the suite's own, which name it and never its password."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg2
from psycopg2.extensions import make_dsn

from systemscripts import db_utils, masking, settings
from systemscripts.configuration import ImportConfig, variables
from systemscripts.configuration.import_parts import ELSEWHERE, Login
from systemscripts.db_utils import Connection, Cursor, transaction
from systemscripts.db_utils.connection import ENCRYPTED, LOCAL_HOSTS
from systemscripts.errors import BadDataError, ConfigurationError, DatabaseDownError, EtlError, TryLaterError
from systemscripts.target_database import login_rights, target_ledger


@dataclass
class TargetDatabase:
    """The open database of one target; `name`: its target_table at home. Written only inside `transaction`."""

    name: str
    schema: str
    table: str
    where: str
    connection: Connection
    cursor: Cursor
    # the load that is under way
    load_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    # whether a commit may have reached only one of the two databases
    is_in_doubt: bool = False
    # datasets that home has loaded and this database lacks
    lacking: set[int] = field(default_factory=set)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Run one transaction: commit at the end, roll back on any exception, translate errors of this database."""
        try:
            yield self.cursor
            self.connection.commit()
        except psycopg2.Error as error:
            self.roll_back()
            if (own := self.translate(error)) is error:
                # of home
                raise
            raise own from error
        except BaseException:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Roll back what is not committed."""
        with contextlib.suppress(psycopg2.Error):
            self.connection.rollback()

    def forget_preview(self) -> None:
        """Roll back what one file of a dry run did, but not the ledger that the dry run began with."""
        with contextlib.suppress(psycopg2.Error):
            self.cursor.execute("rollback to savepoint dry_run")

    def translate(self, error: psycopg2.Error) -> Exception:
        """Return an error of this database as one of the suite's own, another one as it is."""
        of_cursor = getattr(error, "cursor", None)
        if of_cursor is not None and of_cursor.connection is not self.connection:
            return error
        return _translate(error, self.where)


@contextlib.contextmanager
def open_target(
    connection: Connection, config: ImportConfig, name: str, wait_seconds: float = 0, writes: bool = True
) -> Iterator[TargetDatabase]:
    """Open the database of a target under its lock there, with its ledger; `connection`: home.

    `writes`: False to leave everything uncommitted (--dry-run). Raises TryLaterError when its server is away or another
    session loads the table, ConfigurationError with what to grant when its login has too few rights.
    """
    address, where = _resolve_address(config, name)
    try:
        opened = db_utils.connect_to(address, f"load {config.config_name}")
    except EtlError as error:
        # not from `error`, which says that the database of home is down
        raise _name_error(error, where) from error.__cause__
    with contextlib.closing(opened), opened.cursor() as cursor:
        schema, _, table = name.rpartition("/")[2].partition(".")
        target = TargetDatabase(name, schema, table, where, opened, cursor)
        with transaction(connection) as home:
            installation = target_ledger.read_installation(home)
        with target.transaction():
            _refuse_home(connection, cursor, where)
        with contextlib.ExitStack() as lock:
            if writes:
                lock.enter_context(_hold_lock(target, wait_seconds))
            with target.transaction() if writes else contextlib.nullcontext():
                try:
                    login_rights.require_rights(cursor, where, schema, table)
                    target_ledger.install(cursor, where)
                    target_ledger.claim(cursor, target.name, f"{schema}.{table}", installation, where)
                except psycopg2.Error as error:
                    raise target.translate(error) from error
            if not writes:
                cursor.execute("savepoint dry_run")
            yield target


def _resolve_address(config: ImportConfig, name: str) -> tuple[str, str]:
    """Return the address of a target, and host:port/database for messages; from here its password is masked."""
    database: str | Login = config.target.database if config.target_table == name else _find_variable(name)
    values = variables.resolve_variables(database, f"target of {config.config_name}")
    if isinstance(values, dict):
        address = make_dsn(**values)
    else:
        address = str(values)
        if not address.startswith(("postgresql://", "postgres://")):
            raise ConfigurationError(
                f"target of {config.config_name}: {database} is not the address of a PostgreSQL database",
                "Write postgresql://user:password@host:port/name into config/.env.",
            )
    return address, _describe_address(address, str(database))


def _describe_address(address: str, database: str) -> str:
    """Return host:port/name; raises ConfigurationError if it cannot be read, or would be reached without TLS."""
    try:
        parts = psycopg2.extensions.parse_dsn(address)
    # the text of the error may show the password
    except psycopg2.ProgrammingError:
        raise ConfigurationError(
            f"the address of the target's database in {masking.mask(database)} cannot be read",
            "Write postgresql://user:password@host:port/name, with special characters of the password in percent form.",
        ) from None
    masking.register_secrets([str(parts["password"])] if parts.get("password") else [])
    host = str(parts.get("host", "localhost"))
    where = f"{host}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"
    is_local = all(name in LOCAL_HOSTS or name.startswith("/") for name in host.split(","))
    if not is_local and parts.get("sslmode") not in ENCRYPTED and not settings.current().database_allow_insecure:
        raise ConfigurationError(
            f"the target's database {where} would be reached without TLS",
            "Add ?sslmode=verify-full to its address, or set DATABASE_ALLOW_INSECURE=true.",
        )
    return where


def _find_variable(name: str) -> str:
    """Return the variable of a target that its import no longer names."""
    known = name.removeprefix(ELSEWHERE).rpartition("/")[0]
    if "/" in known or not known.replace("_", "").isalnum():
        raise ConfigurationError(
            f"the rows are in {known}, which its job no longer names", "Set the target of the job to that again."
        )
    return f"${{SOURCE_{known.upper()}}}"


def _refuse_home(connection: Connection, cursor: Cursor, where: str) -> None:
    """Raise ConfigurationError where the database is that of this installation, which needs no second ledger."""
    statement = "select current_database(), pg_postmaster_start_time()"
    cursor.execute(statement)
    with transaction(connection) as home:
        home.execute(statement)
        if home.fetchone() == cursor.fetchone():
            raise ConfigurationError(
                f"target.database {where} is the database of this installation", "Leave target.database out."
            )


@contextlib.contextmanager
def _hold_lock(target: TargetDatabase, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of the table in its own database, which other installations may reach, too, until it is closed."""
    key, until = f"client_etl {target.schema}.{target.table}", time.monotonic() + wait_seconds
    while True:
        with target.transaction() as cursor:
            cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", (key,))
            if cursor.fetchone() == (True,):
                break
            cursor.execute(_HOLDER, (key,))
            holder = cursor.fetchone() or (0, "a session that has ended since")
        if time.monotonic() >= until:
            raise TryLaterError(
                f"{target.schema}.{target.table} in {target.where} is being worked on by {holder[1]} (server process "
                f"{holder[0]})",
                "Wait until it has ended, then run the same command again.",
            )
        time.sleep(0.2)
    # the lock ends with the session
    yield


_HOLDER = """
    select a.pid, coalesce(nullif(a.application_name, ''), 'a program without a name')
    from pg_locks l join pg_stat_activity a on a.pid = l.pid, hashtextextended(%s, 0) as key
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
        and l.database = (select oid from pg_database where datname = current_database())
        and l.classid::bigint = (key >> 32) & 4294967295 and l.objid::bigint = key & 4294967295"""


def _translate(error: psycopg2.Error, where: str) -> EtlError:
    state = error.pgcode or ""
    detail = " ".join((error.diag.message_primary or str(error)).split()) if state else ""
    if state == "25006":
        return ConfigurationError(
            f"the target's database {where} is read-only: {detail}", "Name the server that can be written to."
        )
    if state == "42501":
        return ConfigurationError(f"the target's database {where}: {detail}", "Grant its login that right there.")
    if state == "55P03":
        return TryLaterError(
            f"the target's database {where}: another session holds a lock on the table ({detail})",
            "Let that session commit, then run the same command again.",
        )
    return _name_error(db_utils.translate_error(error), where)


def _name_error(error: EtlError, where: str) -> EtlError:
    """Return an error of a connection in words that name the database of the target and its setting."""
    text = error.message.removeprefix("the ").removeprefix("database: ")
    if isinstance(error, DatabaseDownError):
        return TryLaterError(f"the target's {text}", "Start that server, then run the same command again.")
    if isinstance(error, ConfigurationError):
        named = text.removeprefix("database at ") if text.startswith("database at ") else f"{where}: {text}"
        return ConfigurationError(
            f"the target's database {named}", "Correct target.database and the rights of its login."
        )
    if isinstance(error, BadDataError):
        return error
    error_class = TryLaterError if isinstance(error, TryLaterError) else EtlError
    return error_class(f"the target's database {where}: {text}", error.hint)

"""Move the data of the embedded server to the installed major version of PostgreSQL: dumped, restored, compared.

Everything happens beside the present data. They are replaced when the new ones have the same rows, and stay as
data.VERSION in the server's folder, so that an upgrade can be taken back.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg2 import sql

from systemscripts import settings
from systemscripts.db_utils import embedded, embedded_data, embedded_programs, embedded_roles, migrations
from systemscripts.db_utils.connection import Connection, connect, connect_to
from systemscripts.db_utils.embedded_state import Server, read_state, write_state
from systemscripts.errors import EtlError, TryLaterError, UsageError
from systemscripts.human_units import format_size

# The logins that every server has, with the passwords of its state.
_OWN_LOGINS = {"etl", "reader", embedded_roles.OWNER, embedded_roles.HELPER}
# Of the dumps and of the new data together, in sizes of the present data.
_NEEDED_SIZES = 2
# What people may do in the database etl, which a dump of it does not have.
_GRANTS = """
    select format('grant %s on database etl to %I', acl.privilege_type, pg_get_userbyid(acl.grantee))
    from pg_database, aclexplode(datacl) acl where datname = 'etl' and acl.grantee <> 0"""


def upgrade_database(is_back: bool) -> str:
    """Move the data of the embedded server if necessary, then update the schema; return what was done.

    `is_back`: put the data of before back instead. Raises what these and the migrations raise.
    """
    if is_back:
        return put_back_data()
    moved = upgrade_data()
    with contextlib.closing(connect("etl", purpose="database")) as connection:
        applied = migrations.apply_pending(connection)
    schema = f"{len(applied)} files of the schema were applied" if applied else "the schema is up to date"
    return f"{moved}; {schema}" if moved else schema


def upgrade_data() -> str:
    """Move the data to the installed version; return what was done, empty if there was nothing to do.

    Raises TryLaterError if the disk is too full, ConfigurationError if the programs of the old version are gone,
    EtlError if the rows differ; the data are as before then.
    """
    server = read_state() if settings.current().uses_embedded_database else None
    if server is None:
        return ""
    with embedded.hold_lock():
        embedded_data.put_next_data(server)
        if not server.data.exists() or embedded_data.read_version(server) == embedded_programs.MAJOR:
            return ""
        old = _Cluster(server, server.data, embedded_data.read_version(server))
        _check_space(server)
        if not server.owner_password:
            server = replace(server, owner_password=secrets.token_urlsafe(24))
            write_state(server)
        rows = _move(server, old)
        # the new data have a superuser of their own
        server = replace(server, has_own_superuser=True)
        write_state(server)
        embedded_data.put_next_data(server)
    return (
        f"moved {rows} rows from PostgreSQL {old.major} to {embedded_programs.MAJOR};"
        f" the data of before are in {server.data.with_name(f'data.{old.major}')}"
    )


def put_back_data() -> str:
    """Put the data back that the last upgrade replaced, and those of now beside them; raises UsageError without any."""
    server = read_state() if settings.current().uses_embedded_database else None
    aside = sorted(Path(server.folder).glob("data.[0-9]*")) if server else []
    if server is None or not aside:
        raise UsageError("there are no embedded data of before an upgrade")
    with embedded.hold_lock():
        embedded.try_stop(server)
        embedded_data.move_folder(server, aside[-1], server.data.with_name(embedded_data.NEXT_DATA))
        embedded_data.put_next_data(server)
        return f"{server.data} belong to PostgreSQL {embedded_data.read_version(server)} again"


@dataclass(frozen=True)
class _Cluster:
    """Data of one major version."""

    server: Server
    data: Path
    major: int

    def run(self, name: str, *arguments: str, stdin: str = "") -> None:
        """Run a program of this version as the server's user; raises EtlError."""
        code = embedded_programs.run_program(
            name, *arguments, user=self.server.user, folder=Path(self.server.folder), stdin=stdin, major=self.major,
            password=self.password,
        )  # fmt: skip
        if code != 0:
            raise EtlError(f"{name}: {embedded.read_log_tail(self.server)}", f"See {self.server.folder}/server.log.")

    @property
    def login(self) -> str:
        """The superuser."""
        return embedded_roles.OWNER if self.server.has_own_superuser else "etl"

    @property
    def password(self) -> str:
        """The superuser's password."""
        return self.server.owner_password if self.server.has_own_superuser else self.server.etl_password

    def address(self, database: str) -> str:
        """Return the address without the password, for a command line."""
        return f"postgresql://{self.login}@127.0.0.1:{self.server.port}/{database}"

    @contextlib.contextmanager
    def connect(self, database: str) -> Iterator[Connection]:
        """Connect as the superuser."""
        with contextlib.closing(connect_to(self.server.url(self.login, database), "upgrade of the server")) as opened:
            opened.autocommit = True
            yield opened

    @contextlib.contextmanager
    def run_server(self) -> Iterator[None]:
        """Start the server and stop it at the end."""
        until = time.monotonic() + embedded.START_SECONDS
        options = f"-p {self.server.port} {embedded.START_OPTIONS}"
        while True:
            try:
                self.run("pg_ctl", "-w", "-D", str(self.data), "-o", options, "start")
                break
            # processes of a killed server hold its memory for some seconds
            except EtlError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.5)
        try:
            yield
        finally:
            with contextlib.suppress(EtlError):
                self.run("pg_ctl", "-w", "-m", "fast", "-D", str(self.data), "stop")


def _check_space(server: Server) -> None:
    # as the server's user: root follows no link there, and needs no right there
    size = sum(path.stat().st_size for path in server.data.rglob("*") if path.is_file() and not path.is_symlink())
    free = shutil.disk_usage(server.folder).free
    if free < _NEEDED_SIZES * size:
        raise TryLaterError(
            f"the upgrade of the embedded database needs {format_size(_NEEDED_SIZES * size)} in {server.folder},"
            f" where {format_size(free)} are free",
            "Free some space, then run it again.",
        )


def _move(server: Server, old: _Cluster) -> int:
    """Fill data.next from the old data; return how many rows it has. Raises EtlError if they are not the same."""
    dumps = Path(server.folder) / "dumps"
    embedded.try_stop(server)
    # where no job connects
    apart = replace(server, port=embedded.find_free_port())
    embedded.act_in_folder(server, lambda: _clear(dumps, server))
    old = replace(old, server=apart)
    with old.run_server():
        databases, grants, rows = _dump(old, dumps)
    new = _Cluster(
        replace(apart, has_own_superuser=True), server.data.with_name("data.new.d") / server.data.name,
        embedded_programs.MAJOR,
    )  # fmt: skip
    embedded.create_data(replace(new.server, folder=str(new.data.parent)))
    with new.run_server():
        _restore(new, dumps, databases, grants)
        restored = _count_rows(new, databases)
    if restored != rows:
        differing = sorted(name for name in rows.keys() | restored.keys() if rows.get(name) != restored.get(name))
        raise EtlError(f"the restored rows differ in {', '.join(differing)}; the data are as before", "Run it again.")
    embedded_data.move_folder(server, new.data, server.data.with_name(embedded_data.NEXT_DATA))
    embedded.act_in_folder(server, lambda: _clear(dumps, server))
    return sum(rows.values())


def _clear(dumps: Path, server: Server) -> None:
    """Remove what an upgrade needs only while it runs; make its folders again."""
    for folder in (dumps, server.data.with_name("data.new.d")):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)


def _dump(old: _Cluster, dumps: Path) -> tuple[list[str], list[str], dict[str, int]]:
    """Dump every database and the logins; return the databases, the grants on etl, and the rows of each table."""
    with old.connect(embedded_roles.MAINTENANCE) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select datname from pg_database where datallowconn and not datistemplate and datname <> %s order by 1",
            (embedded_roles.MAINTENANCE,),
        )
        databases = [str(name) for (name,) in cursor.fetchall()]
        cursor.execute(_GRANTS)
        grants = [str(statement) for (statement,) in cursor.fetchall()]
    for number, name in enumerate(databases):
        old.run("pg_dump", "--format=custom", f"--file={dumps / str(number)}", "--dbname", old.address(name))
    address = old.address(embedded_roles.MAINTENANCE)
    old.run("pg_dumpall", "--globals-only", f"--file={dumps / 'logins'}", "--dbname", address)
    return databases, grants, _count_rows(old, databases)


def _restore(new: _Cluster, dumps: Path, databases: list[str], grants: list[str]) -> None:
    with new.connect(embedded_roles.MAINTENANCE) as connection, connection.cursor() as cursor:
        for statement in [*_select_logins(_read(new.server, dumps / "logins")), *grants]:
            cursor.execute(statement)
    for number, name in enumerate(databases):
        # the database etl exists, with its rights
        target = ["--dbname", new.address(name if name == "etl" else embedded_roles.MAINTENANCE)]
        create = [] if name == "etl" else ["--create"]
        new.run("pg_restore", "--exit-on-error", *create, *target, str(dumps / str(number)))
        with new.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute("analyze")


def _read(server: Server, path: Path) -> str:
    if path.is_symlink() or path.stat().st_uid != Path(server.folder).stat().st_uid:
        raise EtlError(f"{path} is not a file of the server's user", f"See: ls -la {path.parent}")
    return path.read_text(encoding="utf-8")


def _select_logins(dumped: str) -> Iterator[str]:
    """Yield the statements of pg_dumpall about logins other than the server's own."""
    for statement in re.findall(r"^(?:CREATE|ALTER) ROLE .*;$|^GRANT .*;$", dumped, re.MULTILINE):
        role = re.match(r'(?:CREATE|ALTER) ROLE (?:"((?:[^"]|"")+)"|(\w+))', statement)
        if role is None or (role[1] or role[2]) not in _OWN_LOGINS:
            yield statement


def _count_rows(cluster: _Cluster, databases: list[str]) -> dict[str, int]:
    """Return how many rows each table of each database has."""
    rows = {}
    for database in databases:
        with cluster.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(
                """select schemaname, tablename from pg_tables
                   where schemaname not in ('pg_catalog', 'information_schema')"""
            )
            for schema, table in cursor.fetchall():
                cursor.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, table)))
                row = cursor.fetchone()
                rows[f"{database}.{schema}.{table}"] = int(row[0]) if row else 0
    return rows

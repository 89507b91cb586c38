"""The suite's own PostgreSQL, for as long as no other database is configured.

The server listens on loopback only, with SCRAM passwords and a port chosen once; it stays up until `database.py stop`.
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
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from systemscripts import settings
from systemscripts.db_utils import embedded_programs, server_log
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

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


def get_running_url(role: str) -> str:
    """The address of the server, which is started when it does not answer.

    Raises TryLaterError when it does not come up, ConfigurationError when its data are of another major version.
    """
    server = _remembered()
    if server is None or not _ready(server):
        server = start_server()
    return server.url(role)


def is_running() -> bool:
    """Whether the server is ready; starts nothing. Raises ConfigurationError as `get_running_url`."""
    server = _remembered()
    return server is not None and _ready(server)


def list_passwords() -> list[str]:
    """The passwords to mask, once they exist."""
    server = _remembered()
    return [server.etl_password, server.reader_password] if server else []


def start_server() -> Server:
    """Make the database when there is none, start the server when it is not up, and wait until it answers."""
    with _only_one():
        server = _remembered() or _new_server()
        if _ready(server):
            return server
        if not server.data.exists():
            _make(server)
        _check_version(server)
        return _start(server)


def stop_server() -> bool:
    """Stop the server; false when it was not up."""
    server = _remembered()
    if server is None or not _ready(server):
        return False
    with _only_one():
        stopped = _run(server, "pg_ctl", "-w", "-m", "fast", "-D", str(server.data), "stop")
    if not stopped:
        raise EtlError(f"the embedded database does not stop: {_tail(server)}", f"See {server.folder}/server.log.")
    return True


def describe_server() -> dict[str, object]:
    """What there is to say about the server, without passwords."""
    server = _remembered()
    if server is None:
        return {"embedded": True, "running": False, "folder": None, "port": None}
    return {"embedded": True, "running": _ready(server), "folder": server.folder, "port": server.port}


def find_server_folder() -> Path | None:
    """Return where the server has its data and its log; None where there is no embedded server."""
    server = _remembered() if settings.current().embedded else None
    return Path(server.folder) if server else None


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
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{_state_file()} cannot be read: {error}", "Restore it: it holds the database's passwords."
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
        user = embedded_programs.ensure_server_user()
        # a fresh var/ must not meet the database of an installation that once stood in the same place
        folder = embedded_programs.ROOTS_FOLDER / directories.data.name / secrets.token_hex(4)
        folder.mkdir(parents=True)
        for passed in (
            embedded_programs.ROOTS_FOLDER,
            folder.parent,
        ):  # whatever the umask: the server's user must come through
            passed.chmod(0o755)
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    server = Server(str(folder), _free_port(), secrets.token_urlsafe(24), secrets.token_urlsafe(24), user)
    _remember(server)
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(server: Server) -> bool:
    return _postmaster(server) == (server.port, "ready")


def _postmaster(server: Server) -> tuple[int, str] | None:
    """Port and state of the server's process, by its postmaster.pid; that of a killed one is not believed."""
    try:
        lines = (server.data / "postmaster.pid").read_text().splitlines()
        ours = server.folder.encode() in Path(f"/proc/{lines[0]}/cmdline").read_bytes()
        return (int(lines[3]), lines[7].strip()) if ours else None
    except (OSError, ValueError):  # not there, or no such process
        return None
    except IndexError:  # not whole yet
        return 0, "starting"


def _run(server: Server, name: str, *arguments: str, stdin: str = "") -> bool:
    return (
        embedded_programs.run_program(name, *arguments, user=server.user, folder=Path(server.folder), stdin=stdin) == 0
    )


def _make(server: Server) -> None:
    """Make the data directory with database and reader's login; it appears whole or not at all."""
    part = server.data.with_name("data.part")
    shutil.rmtree(part, ignore_errors=True)  # what a killed one left
    with _password_file(server) as password_file:
        made = _run(
            server, "initdb", "-D", str(part), "-U", "etl", "--encoding=UTF8", "--locale=C.UTF-8",
            "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip
    # by its input, for a command line can be read by everybody
    statements = f"create database etl;\ncreate role reader login password '{server.reader_password}';\n"
    single = ("--single", "-c", "log_min_error_statement=panic", "-D", str(part), "postgres")
    if not made or not _run(server, "postgres", *single, stdin=statements):
        raise EtlError(f"the embedded database cannot be made: {_tail(server)}", f"See {server.folder}/server.log.")
    with (part / "postgresql.conf").open("a") as stream:
        stream.writelines(f"{name} = {value}\n" for name, value in OPTIONS.items())
    part.rename(server.data)


@contextlib.contextmanager
def _password_file(server: Server) -> Iterator[Path]:
    path = Path(server.folder) / "password"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(server.etl_password)
    if server.user:
        shutil.chown(path, server.user)
    try:
        yield path
    finally:
        path.unlink()


def _check_version(server: Server) -> None:
    found = (server.data / "PG_VERSION").read_text().strip()
    if found != str(embedded_programs.MAJOR):
        data, url = server.data, f"postgresql://etl@127.0.0.1:{server.port}"
        raise ConfigurationError(
            f"the data in {data} are of PostgreSQL {found}, the installed one is {embedded_programs.MAJOR}",
            f"With the programs of PostgreSQL {found} run: pg_ctl -D {data} -o '-p {server.port}' start"
            f" && pg_dump -Fc -d {url}/etl -f etl.dump && pg_ctl -D {data} stop && mv {data} {data}.{found};"
            f" then database.py start && {embedded_programs.find_program('pg_restore')}"
            f" --clean --if-exists -d {url}/etl etl.dump"
            f" (the password is in {_state_file()})",
        )


def _start(server: Server) -> Server:
    until = time.monotonic() + START_SECONDS
    while True:
        alive = _postmaster(server)
        if alive is None:
            server = _with_free_port(server)
            seconds, port = str(START_SECONDS), f"-p {server.port}"
            server_log.rotate(Path(server.folder))
            _run(server, "pg_ctl", "-w", "-t", seconds, "-D", str(server.data), "-o", port, "start")
        elif alive[1] == "ready":
            return server if alive[0] == server.port else _on_port(server, alive[0])
        if time.monotonic() >= until:
            hint = f"See {server.folder}/server.log."
            raise TryLaterError(f"the embedded database does not start: {_tail(server)}", hint)
        if not _ready(server):
            time.sleep(0.5)  # after a kill -9 the old server's processes hold its memory for some seconds


def _with_free_port(server: Server) -> Server:
    """The server, on another port where another program has taken its own while it was down."""
    return server if _port_free(server.port) else _on_port(server, _free_port())


def _on_port(server: Server, port: int) -> Server:
    server = replace(server, port=port)
    _remember(server)
    return server


def _port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _tail(server: Server) -> str:
    try:
        lines = (Path(server.folder) / "server.log").read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " / ".join(lines[-3:])

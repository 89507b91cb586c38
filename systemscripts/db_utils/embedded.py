"""The suite's own PostgreSQL server, used unless another database is configured.

It listens on loopback only, with SCRAM passwords and a port chosen once, and runs until `database.py stop`.
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
from systemscripts.commands import format_command
from systemscripts.db_utils import embedded_programs, server_log
from systemscripts.directory_management import Directories, atomic_write
from systemscripts.errors import ConfigurationError, EtlError, TryLaterError

START_SECONDS = 60
SERVER_OPTIONS = {
    "unix_socket_directories": "''",
    "listen_addresses": "'127.0.0.1'",
    "max_wal_size": "'2GB'",
    # a failing statement may contain a client's data, and one on a role its password
    "log_min_error_statement": "panic",
    "max_connections": "100",
}


@dataclass(frozen=True)
class Server:
    """The state of the server in var/embedded_database.json: enough to start it and to log in."""

    # contains data/ and server.log
    folder: str
    port: int
    etl_password: str
    reader_password: str
    # the user that runs it, if not the caller
    user: str = ""

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self.folder) / "data"

    def url(self, role: str) -> str:
        """Return the address of the database for `etl` or `reader`."""
        password = self.etl_password if role == "etl" else self.reader_password
        return f"postgresql://{role}:{quote(password)}@127.0.0.1:{self.port}/etl"


def get_running_url(role: str) -> str:
    """Return the address of the server, after starting it if it does not answer.

    Raises TryLaterError if it does not start, ConfigurationError if its data are of another major version.
    """
    server = _read_state()
    if server is None or not _is_ready(server):
        server = start_server()
    return server.url(role)


def is_running() -> bool:
    """Return whether the server is ready; starts nothing. Raises ConfigurationError as `get_running_url` does."""
    server = _read_state()
    return server is not None and _is_ready(server)


def list_passwords() -> list[str]:
    """Return the passwords to mask, once they exist."""
    server = _read_state()
    return [server.etl_password, server.reader_password] if server else []


def start_server() -> Server:
    """Create the database if there is none, start the server if it is not running, and wait until it answers."""
    with _hold_lock():
        server = _read_state() or _create_server()
        if _is_ready(server):
            return server
        if not server.data.exists():
            _create_data(server)
        _check_version(server)
        return _start_and_wait(server)


def try_stop_server() -> bool:
    """Stop the server; return whether it was running."""
    server = _read_state()
    if server is None or not _is_ready(server):
        return False
    with _hold_lock():
        stopped = _try_run(server, "pg_ctl", "-w", "-m", "fast", "-D", str(server.data), "stop")
    if not stopped:
        raise EtlError(
            f"the embedded database does not stop: {_read_log_tail(server)}", f"See {server.folder}/server.log."
        )
    return True


def describe_server() -> dict[str, object]:
    """Return the state of the server, without passwords."""
    server = _read_state()
    if server is None:
        return {"embedded": True, "running": False, "folder": None, "port": None}
    return {"embedded": True, "running": _is_ready(server), "folder": server.folder, "port": server.port}


def find_server_folder() -> Path | None:
    """Return the folder of the server's data and log; None if there is no embedded server."""
    server = _read_state() if settings.current().uses_embedded_database else None
    return Path(server.folder) if server else None


def _get_state_path() -> Path:
    return Directories(settings.current().etl_data_dir).var / "embedded_database.json"


def _read_state() -> Server | None:
    try:
        return Server(**json.loads(_get_state_path().read_text()))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ConfigurationError(
            f"{_get_state_path()} belongs to another user", "Run as the user who started the database."
        ) from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{_get_state_path()} cannot be read: {error}", "Restore it: it contains the passwords of the database."
        ) from error


def _write_state(server: Server) -> None:
    with atomic_write(_get_state_path(), mode=0o600) as stream:
        stream.write(json.dumps(asdict(server), indent=1).encode())


@contextlib.contextmanager
def _hold_lock() -> Iterator[None]:
    folder = Directories(settings.current().etl_data_dir).create().locks
    with (folder / "embedded_database.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _create_server() -> Server:
    directories = Directories(settings.current().etl_data_dir)
    folder, user = directories.var / "database", ""
    if os.geteuid() == 0:
        user = embedded_programs.ensure_server_user()
        # a new var/ must not get the database of an earlier installation in the same folder
        folder = embedded_programs.ROOT_SERVERS_FOLDER / directories.data.name / secrets.token_hex(4)
        folder.mkdir(parents=True)
        # regardless of the umask: the server's user must be able to enter them
        for parent in (embedded_programs.ROOT_SERVERS_FOLDER, folder.parent):
            parent.chmod(0o755)
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    server = Server(str(folder), _find_free_port(), secrets.token_urlsafe(24), secrets.token_urlsafe(24), user)
    _write_state(server)
    return server


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(server: Server) -> bool:
    return _read_postmaster(server) == (server.port, "ready")


def _read_postmaster(server: Server) -> tuple[int, str] | None:
    """Return port and state of the server's process by its postmaster.pid; that of a killed server is ignored."""
    try:
        lines = (server.data / "postmaster.pid").read_text().splitlines()
        is_own = server.folder.encode() in Path(f"/proc/{lines[0]}/cmdline").read_bytes()
        return (int(lines[3]), lines[7].strip()) if is_own else None
    # no such file, or no such process
    except (OSError, ValueError):
        return None
    # not written completely yet
    except IndexError:
        return 0, "starting"


def _try_run(server: Server, name: str, *arguments: str, stdin: str = "") -> bool:
    return (
        embedded_programs.run_program(name, *arguments, user=server.user, folder=Path(server.folder), stdin=stdin) == 0
    )


def _create_data(server: Server) -> None:
    """Create the data directory with the database and the reader's login; it appears complete or not at all."""
    part = server.data.with_name("data.part")
    # left by a killed process
    shutil.rmtree(part, ignore_errors=True)
    with _password_file(server) as password_file:
        is_created = _try_run(
            server, "initdb", "-D", str(part), "-U", "etl", "--encoding=UTF8", "--locale=C.UTF-8",
            "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip
    # passed on standard input, because every user can read a command line
    statements = f"create database etl;\ncreate role reader login password '{server.reader_password}';\n"
    single = ("--single", "-c", "log_min_error_statement=panic", "-D", str(part), "postgres")
    if not is_created or not _try_run(server, "postgres", *single, stdin=statements):
        raise EtlError(
            f"the embedded database cannot be created: {_read_log_tail(server)}", f"See {server.folder}/server.log."
        )
    with (part / "postgresql.conf").open("a") as stream:
        stream.writelines(f"{name} = {value}\n" for name, value in SERVER_OPTIONS.items())
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
    version = (server.data / "PG_VERSION").read_text().strip()
    if version != str(embedded_programs.MAJOR):
        data, url = server.data, f"postgresql://etl@127.0.0.1:{server.port}"
        raise ConfigurationError(
            f"the data in {data} belong to PostgreSQL {version}, the installed version is {embedded_programs.MAJOR}",
            f"With the programs of PostgreSQL {version} run:  pg_ctl -D {data} -o '-p {server.port}' start"
            f" && pg_dump -Fc -d {url}/etl -f etl.dump && pg_ctl -D {data} stop && mv {data} {data}.{version};"
            f" then {format_command('database', 'start')} && {embedded_programs.find_program('pg_restore')}"
            f" --clean --if-exists -d {url}/etl etl.dump"
            f" (the password is in {_get_state_path()})",
        )


def _start_and_wait(server: Server) -> Server:
    until = time.monotonic() + START_SECONDS
    while True:
        postmaster = _read_postmaster(server)
        if postmaster is None:
            server = _ensure_free_port(server)
            seconds, port = str(START_SECONDS), f"-p {server.port}"
            server_log.rotate(Path(server.folder))
            _try_run(server, "pg_ctl", "-w", "-t", seconds, "-D", str(server.data), "-o", port, "start")
        elif postmaster[1] == "ready":
            return server if postmaster[0] == server.port else _change_port(server, postmaster[0])
        if time.monotonic() >= until:
            hint = f"See {server.folder}/server.log."
            raise TryLaterError(f"the embedded database does not start: {_read_log_tail(server)}", hint)
        if not _is_ready(server):
            # after kill -9, processes of the old server hold its memory for some seconds
            time.sleep(0.5)


def _ensure_free_port(server: Server) -> Server:
    """Return the server, with another port if another program has taken its own meanwhile."""
    return server if _is_port_free(server.port) else _change_port(server, _find_free_port())


def _change_port(server: Server, port: int) -> Server:
    server = replace(server, port=port)
    _write_state(server)
    return server


def _is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _read_log_tail(server: Server) -> str:
    try:
        lines = (Path(server.folder) / "server.log").read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " / ".join(lines[-3:])

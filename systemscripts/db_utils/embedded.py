"""The suite's own PostgreSQL server, used unless another database is configured.

It listens on loopback only, with SCRAM passwords and a port chosen once, and runs until `database.py stop`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from systemscripts import settings
from systemscripts.commands import format_command
from systemscripts.db_utils import embedded_data, embedded_programs, embedded_roles, server_log
from systemscripts.db_utils.embedded_state import Server, read_state, write_state
from systemscripts.directory_management import Directories
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
# Of every start, also of a server of before: a login other than the superuser learns that the server is full before it
# gives its password, and not by an error that looks like a wrong one.
START_OPTIONS = "-c superuser_reserved_connections=0"


def get_running_url(role: str) -> str:
    """Return the address of the server, after starting it if it does not answer.

    Raises TryLaterError if it does not start, ConfigurationError if its data are of another major version.
    """
    server = read_state()
    if server is None or not _is_ready(server):
        server = start_server()
    return server.url(role)


def is_running() -> bool:
    """Return whether the server is ready; starts nothing. Raises ConfigurationError as `get_running_url` does."""
    server = read_state()
    return server is not None and _is_ready(server)


def list_passwords() -> list[str]:
    """Return the passwords to mask, once they exist."""
    server = read_state()
    passwords = [server.etl_password, server.reader_password, server.owner_password] if server else []
    return [password for password in passwords if password]


def start_server() -> Server:
    """Create the database if there is none, start the server if it is not running, and wait until it answers."""
    with hold_lock():
        server = read_state() or _create_server()
        if _is_ready(server):
            return server
        embedded_data.put_next_data(server)
        if not server.data.exists():
            create_data(server)
        _check_version(server)
        if not server.has_own_superuser:
            server = _separate_owner(server)
        return _start_and_wait(server)


def try_stop_server() -> bool:
    """Stop the server; return whether it was running."""
    server = read_state()
    if server is None or not _is_ready(server):
        return False
    with hold_lock():
        stopped = try_stop(server)
    if not stopped:
        raise EtlError(
            f"the embedded database does not stop: {read_log_tail(server)}", f"See {server.folder}/server.log."
        )
    return True


def describe_server() -> dict[str, object]:
    """Return the state of the server, without passwords."""
    server = read_state()
    if server is None:
        return {"embedded": True, "running": False, "folder": None, "port": None}
    return {"embedded": True, "running": _is_ready(server), "folder": server.folder, "port": server.port}


def find_server_folder() -> Path | None:
    """Return the folder of the server's data and log; None if there is no embedded server."""
    server = read_state() if settings.current().uses_embedded_database else None
    return Path(server.folder) if server else None


@contextlib.contextmanager
def hold_lock() -> Iterator[None]:
    """Hold the lock of everything that starts, stops or replaces the server."""
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
    etl, reader, owner = (secrets.token_urlsafe(24) for _ in range(3))
    server = Server(str(folder), find_free_port(), etl, reader, user, owner, has_own_superuser=True)
    write_state(server)
    return server


def find_free_port() -> int:
    """Return a port of this machine that no program has."""
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


def create_data(server: Server) -> None:
    """Create the data directory with the database and the reader's login; it appears complete or not at all."""
    part = server.data.with_name("data.part")
    act_in_folder(server, lambda: _prepare_creation(server, part))
    is_created = _try_run(
        server, "initdb", "-D", str(part), "-U", embedded_roles.OWNER, "--encoding=UTF8", "--locale=C.UTF-8",
        "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={_get_password_path(server)}",
    )  # fmt: skip
    act_in_folder(server, _get_password_path(server).unlink)
    # passed on standard input, because every user can read a command line
    statements = embedded_roles.render_creation(server.etl_password, server.reader_password)
    single = ("--single", "-c", "log_min_error_statement=panic", "-D", str(part), "postgres")
    if not is_created or not _try_run(server, "postgres", *single, stdin=statements):
        raise EtlError(
            f"the embedded database cannot be created: {read_log_tail(server)}", f"See {server.folder}/server.log."
        )
    act_in_folder(server, lambda: _finish_creation(server, part))


def act_in_folder(server: Server, work: Callable[[], None]) -> None:
    """Do something in the server's folder, as the user who runs it: root follows no link of that user's."""
    embedded_programs.act_as_owner(Path(server.folder), work)


def _prepare_creation(server: Server, part: Path) -> None:
    # left by a killed process
    shutil.rmtree(part, ignore_errors=True)
    path = _get_password_path(server)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(server.owner_password)


def _get_password_path(server: Server) -> Path:
    """Return the path of the file that passes the owner's password to initdb."""
    return Path(server.folder) / "password"


def _finish_creation(server: Server, part: Path) -> None:
    with (part / "postgresql.conf").open("a") as stream:
        stream.writelines(f"{name} = {value}\n" for name, value in SERVER_OPTIONS.items())
    part.rename(server.data)


def _separate_owner(server: Server) -> Server:
    """Give a server of version 1.0 a superuser of its own: `etl` was it. On another port, where no job connects."""
    if not server.owner_password:
        # kept first, because a killed attempt may have set it
        server = replace(server, owner_password=secrets.token_urlsafe(24))
        write_state(server)
    # that of a killed attempt
    if _read_postmaster(server):
        try_stop(server)
    apart, until = replace(server, port=find_free_port()), time.monotonic() + START_SECONDS
    while not _try_run(server, "pg_ctl", "-w", "-D", str(server.data), "-o", f"-p {apart.port}", "start"):
        if time.monotonic() >= until:
            raise _explain_failed_start(server)
        # as in _start_and_wait
        time.sleep(0.5)
    try:
        embedded_roles.separate_owner(apart.url, server.owner_password, server.etl_password)
    finally:
        try_stop(server)
    server = replace(server, has_own_superuser=True)
    write_state(server)
    return server


def try_stop(server: Server) -> bool:
    """Stop a server of whatever version; return whether it stopped."""
    return _try_run(server, "pg_ctl", "-w", "-m", "fast", "-D", str(server.data), "stop")


def _check_version(server: Server) -> None:
    version = embedded_data.read_version(server)
    if version != embedded_programs.MAJOR:
        raise ConfigurationError(
            f"the data in {server.data} belong to PostgreSQL {version}, the installed version is"
            f" {embedded_programs.MAJOR}",
            f"Run: {format_command('database', 'upgrade')}",
        )


def _start_and_wait(server: Server) -> Server:
    until = time.monotonic() + START_SECONDS
    while True:
        postmaster = _read_postmaster(server)
        if postmaster is None:
            server = _ensure_free_port(server)
            seconds, port = str(START_SECONDS), f"-p {server.port} {START_OPTIONS}"
            server_log.rotate(Path(server.folder))
            _try_run(server, "pg_ctl", "-w", "-t", seconds, "-D", str(server.data), "-o", port, "start")
        elif postmaster[1] == "ready":
            return server if postmaster[0] == server.port else _change_port(server, postmaster[0])
        if time.monotonic() >= until:
            raise _explain_failed_start(server)
        if not _is_ready(server):
            # after kill -9, processes of the old server hold its memory for some seconds
            time.sleep(0.5)


def _explain_failed_start(server: Server) -> TryLaterError:
    reason = read_log_tail(server)
    return TryLaterError(f"the embedded database does not start: {reason}", f"See {server.folder}/server.log.")


def _ensure_free_port(server: Server) -> Server:
    """Return the server, with another port if another program has taken its own meanwhile."""
    return server if _is_port_free(server.port) else _change_port(server, find_free_port())


def _change_port(server: Server, port: int) -> Server:
    server = replace(server, port=port)
    write_state(server)
    return server


def _is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def read_log_tail(server: Server) -> str:
    """Return the last lines that the server, or a program in its folder, wrote."""
    path = Path(server.folder) / server_log.NAME
    try:
        lines = [] if path.is_symlink() else path.read_text(errors="replace").splitlines()
    except OSError:
        return "no log"
    return " / ".join(lines[-3:])

"""Real SFTP servers for tests: OpenSSH with a chroot (as root), asyncssh; and a proxy that cuts connections."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import sftp_server
from tests.conftest import Installation

SSHD = Path("/usr/sbin/sshd")


@dataclass
class Place:
    """A folder on an SFTP server: how to reach it, and where it really lies."""

    host: str
    port: int
    user: str
    key_path: Path
    folder: Path  # what the client knows as `path`
    path: str = "/in"

    def options(self, **more: object) -> dict[str, object]:
        """The source as a configuration names it."""
        where = {"host": self.host, "port": self.port, "user": self.user, "key_file": str(self.key_path)}
        return {"type": "sftp", **where, "path": self.path, **more}

    def put(self, name: str, content: str | bytes, age_seconds: float = 3600) -> Path:
        """Lay a file there."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        moment = int(time.time() - age_seconds)
        os.utime(path, (moment, moment))
        path.chmod(0o666)
        return path

    def names(self) -> list[str]:
        """What lies there now."""
        return sorted(path.name for path in self.folder.iterdir())


def trust(installation: Installation, host: str, port: int, fingerprint: str) -> None:
    """Trust a server's key, as the operator does it."""
    done = installation.run("sftp_trust_host", f"{host}:{port}", "--fingerprint", fingerprint)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def asyncssh_place(folder: Path) -> Iterator[tuple[Place, str]]:
    """A folder on asyncssh, and its host key's fingerprint."""
    (folder / "root" / "in").mkdir(parents=True)
    with sftp_server.SftpServer(folder / "root", folder / "keys") as server:
        remote = Place("127.0.0.1", server.port, sftp_server.USER, server.client_key_path, folder / "root" / "in")
        yield remote, server.fingerprint


@contextlib.contextmanager
def openssh_place(folder: Path) -> Iterator[tuple[Place, str]]:
    """A folder on OpenSSH: key only, chroot, internal-sftp; the account is made and removed."""
    needs_sshd()
    user = f"etlt{uuid.uuid4().hex[:8]}"
    # every part of the path to a chroot must belong to root and be writable by nobody else: not below /tmp
    root = Path("/srv") / user
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["useradd", "-M", "-d", "/", "-s", "/usr/sbin/nologin", user], check=True, capture_output=True)
        subprocess.run(["usermod", "-p", "*", user], check=True, capture_output=True)
        (root / "in").mkdir(parents=True)
        root.chmod(0o755)
        shutil.chown(root / "in", user)
        for name in ("host_key", "client_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        keys = root.with_name(f"{user}_keys")
        shutil.copy(folder / "client_key.pub", keys)
        keys.chmod(0o644)
        with running_sshd(folder, _CONFIGURATION.format(folder=folder, root=root, keys=keys, user=user)) as port:
            shown = subprocess.run(["ssh-keygen", "-lf", folder / "host_key.pub"], capture_output=True, text=True)
            yield Place("127.0.0.1", port, user, folder / "client_key", root / "in"), shown.stdout.split()[1]
    finally:
        subprocess.run(["userdel", user], check=False, capture_output=True)
        shutil.rmtree(root, ignore_errors=True)
        root.with_name(f"{user}_keys").unlink(missing_ok=True)


_CONFIGURATION = """
HostKey {folder}/host_key
PidFile none
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
AuthorizedKeysFile {keys}
AllowUsers {user}
ChrootDirectory {root}
ForceCommand internal-sftp
AllowTcpForwarding no
X11Forwarding no
Subsystem sftp internal-sftp
MaxStartups 100
"""


def needs_sshd() -> None:
    """Skip, or fail where services must be there, unless this test can run an sshd with accounts of its own."""
    missing = "" if SSHD.exists() else "OpenSSH's server"
    missing = missing or ("" if os.geteuid() == 0 else "root")
    if not missing:
        return
    if os.environ.get("REQUIRE_SERVICES") and missing != "root":
        pytest.fail(f"{missing} is missing")
    pytest.skip(f"needs {missing}")


@contextlib.contextmanager
def running_sshd(folder: Path, configuration: str) -> Iterator[int]:
    """An sshd in the foreground with its own configuration, on a free port."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    file = folder / "sshd_config"
    file.write_text(f"Port {port}\nListenAddress 127.0.0.1\n{configuration}")
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", file], stderr=log)
        try:
            wait_for_port(port, lambda: process.poll() is None, folder / "sshd.log")
            yield port
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as actual:
        actual.bind(("127.0.0.1", 0))
        return int(actual.getsockname()[1])


def wait_for_port(port: int, alive: object, log: Path) -> None:
    """Wait until someone listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert callable(alive) and alive(), log.read_text()
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on {port}: {log.read_text()}")


@contextlib.contextmanager
def paramiko_server(key: Any, interface: Any, files: Any) -> Iterator[int]:
    """A server of another make, which does in its own time what `interface` says; its port."""
    import paramiko

    with socket.create_server(("127.0.0.1", 0)) as listener:
        transports = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                transport = paramiko.Transport(client)
                transports.append(transport)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=interface)

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
    for transport in transports:
        transport.close()


class CuttingProxy:
    """Passes connections on to a server and cuts them: `cuts` times in all, each after some bytes came back."""

    def __init__(
        self, port: int, cuts: int, least: int, most: int, seed: int, host: str = "127.0.0.1", own_port: int = 0
    ) -> None:
        self._host = host
        self.target, self.cuts_left, self.least, self.most = port, cuts, least, most
        self.cuts = 0
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", own_port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> CuttingProxy:
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._host, self.target))
                after = self._random.randint(self.least, self.most) if self.cuts_left else None
                threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, after), daemon=True).start()

    def _pass(self, source: socket.socket, destination: socket.socket, after: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while block := source.recv(16384):
                passed += len(block)
                if after is not None and passed > after:
                    if self.cuts_left:
                        self.cuts_left -= 1
                        self.cuts += 1
                        break
                    after = None
                destination.sendall(block)
        for item in (source, destination):
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)

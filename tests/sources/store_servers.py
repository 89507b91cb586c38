"""Real servers for stores on loopback: Samba, rclone for WebDAV, vsftpd; each with one user and one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sources.door_matrix import Door
from tests.ssh.servers import free_port

PASSWORD = "right-Password-1"
# vsftpd has an address of its own, so that a proxy can have the same ports
FTPS_HOST = "127.0.0.2"
# below those that the system hands out, and others for each process
_FIRST_DATA_PORT = 20_000 + os.getpid() % 1000 * 8
FTPS_DATA_PORTS = range(_FIRST_DATA_PORT, _FIRST_DATA_PORT + 8)
_SAMBA = """
[global]
  server role = standalone server
  bind interfaces only = yes
  interfaces = 127.0.0.1
  smb ports = {port}
  disable netbios = yes
  load printers = no
  printcap name = /dev/null
  disable spoolss = yes
  rpc start on demand helpers = no
  passdb backend = tdbsam:{state}/passdb.tdb
  private dir = {state}
  state directory = {state}
  cache directory = {state}
  lock directory = {state}
  pid directory = {state}
  ncalrpc dir = {state}/ncalrpc
  log file = {state}/log.%m
  log level = 1
  {more}
[files]
  path = {root}
  read only = no
  force user = root
"""
_VSFTPD = """
listen=YES
background=NO
listen_address={host}
listen_port={port}
local_enable=YES
write_enable=YES
local_root={root}
chroot_local_user=YES
allow_writeable_chroot=YES
local_umask=000
seccomp_sandbox=NO
ssl_enable=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
require_ssl_reuse=YES
rsa_cert_file={state}/server.pem
rsa_private_key_file={state}/server.key
pasv_min_port={first}
pasv_max_port={last}
userlist_enable=NO
xferlog_enable=NO
delay_failed_login=0
max_login_fails=1
{more}
"""


@dataclass
class StoreServer:
    """A server and the folder `in` on it."""

    protocol: str
    port: int
    root: Path
    user: str
    # folder of its settings; its certificate is server.pem there
    state: Path
    path: str = "/in"
    host: str = "127.0.0.1"
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / "in"

    def options(self, port: int = 0, **more: Any) -> dict[str, Any]:
        """The source as a configuration names it; `port`: of a proxy."""
        where = {"host": "127.0.0.1" if port else self.host, "port": port or self.port, "path": self.path}
        login = {"user": self.user, "password": "${SOURCE_STORE_PASSWORD}"}
        trust = {} if self.protocol == "smb" else {"ca_file": str(self.state / "server.pem")}
        return {"type": "store", "protocol": self.protocol, **where, **login, **trust, "settle": "delete"} | more

    def door(self, port: int = 0, **more: Any) -> Door:
        return Door(lambda: self.options(port, **more), self.put, self.list_names, self.port, self.host)

    def put(self, name: str, content: bytes, age_seconds: float = 3600) -> Path:
        """Lay a file there."""
        path = self.folder / name
        path.write_bytes(content)
        moment = int(time.time() - age_seconds)
        os.utime(path, (moment, moment))
        path.chmod(0o666)
        return path

    def list_names(self) -> list[str]:
        """What is there now, also in the folders for settled files."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.folder.chmod(0o777)


def needs(what: str, is_there: bool, root: bool = False) -> None:
    """Skip, or fail where services must be there, unless a server can be started."""
    if is_there and (not root or os.geteuid() == 0):
        return
    if os.environ.get("REQUIRE_SERVICES") and not is_there:
        pytest.fail(f"{what} is missing")
    pytest.skip(f"needs {what}" if not is_there else "needs root")


@contextlib.contextmanager
def _folders() -> Iterator[tuple[Path, Path]]:
    """A folder for the state of a server and one for its files, which other users can reach."""
    with tempfile.TemporaryDirectory(prefix="store_") as name:
        state, root = Path(name) / "state", Path(name) / "root"
        Path(name).chmod(0o755)
        for folder in (state, root):
            folder.mkdir()
        root.chmod(0o755)
        yield state, root


def make_certificate(path: Path) -> None:
    """Write a certificate of the loopback addresses and its key."""
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    more = ["-addext", names, "-keyout", f"{path}.key", "-out", f"{path}.pem"]
    subprocess.run([*command, *more], check=True, capture_output=True)


@contextlib.contextmanager
def _keep_running(command: list[Any], host: str, port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        # smbd ends its whole group with itself
        process = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
        try:
            until = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
                    break
                assert process.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def running_samba(more: str = "", password: str = PASSWORD) -> Iterator[StoreServer]:
    """A Samba with the share `files`; `more`: lines of its configuration."""
    needs("Samba", Path("/usr/sbin/smbd").exists(), root=True)
    with _folders() as (state, root):
        server = StoreServer("smb", free_port(), root, "games", state, "/files/in")
        server.clear()
        configuration = state / "smb.conf"
        configuration.write_text(_SAMBA.format(port=server.port, state=state, root=root, more=more))
        subprocess.run(
            ["smbpasswd", "-L", "-c", configuration, "-s", "-a", server.user],
            input=f"{password}\n{password}\n", text=True, check=True, capture_output=True,
        )  # fmt: skip
        command = ["/usr/sbin/smbd", "--foreground", "--no-process-group", "-s", configuration]
        with _keep_running(command, "127.0.0.1", server.port, state / "out.log"):
            yield server


@contextlib.contextmanager
def running_vsftpd(more: str = "") -> Iterator[StoreServer]:
    """A vsftpd with TLS; the account is made and removed. `more`: lines of its configuration."""
    needs("vsftpd", Path("/usr/sbin/vsftpd").exists(), root=True)
    user = f"etlt{uuid.uuid4().hex[:8]}"
    Path("/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
    with _folders() as (state, root):
        server = StoreServer("ftps", free_port(), root, user, state, host=FTPS_HOST)
        server.clear()
        make_certificate(state / "server")
        ports = {"first": FTPS_DATA_PORTS[0], "last": FTPS_DATA_PORTS[-1]}
        configuration = state / "vsftpd.conf"
        text = _VSFTPD.format(host=FTPS_HOST, port=server.port, root=root, state=state, more=more, **ports)
        configuration.write_text(text.strip() + "\n")
        try:
            subprocess.run(["useradd", "-M", "-d", root, "-s", "/bin/bash", user], check=True, capture_output=True)
            subprocess.run(["chpasswd"], input=f"{user}:{PASSWORD}", text=True, check=True, capture_output=True)
            with _keep_running(["/usr/sbin/vsftpd", configuration], FTPS_HOST, server.port, state / "out.log"):
                yield server
        finally:
            subprocess.run(["userdel", user], check=False, capture_output=True)


@contextlib.contextmanager
def running_webdav() -> Iterator[StoreServer]:
    """The WebDAV server of rclone with TLS."""
    rclone = Path(sys.executable).parent / "rclone"
    needs("rclone", rclone.exists())
    with _folders() as (state, root):
        make_certificate(state / "server")
        server = StoreServer("webdav", free_port(), root, "orders", state, "/dav/in")
        server.clear()
        # no delay until a file that changes is seen
        files = ["serve", "webdav", root, "--baseurl", "dav", "--dir-cache-time", "0s", "--vfs-cache-mode", "writes"]
        trust = ["--cert", state / "server.pem", "--key", state / "server.key"]
        login = ["--user", server.user, "--pass", PASSWORD, "--addr", f"127.0.0.1:{server.port}"]
        caches = ["--cache-dir", state / "cache", "--config", state / "rclone.conf", "--vfs-write-back", "0s"]
        with _keep_running([rclone, *files, *trust, *login, *caches], "127.0.0.1", server.port, state / "out.log"):
            yield server


RUNNING: dict[str, Callable[[], contextlib.AbstractContextManager[StoreServer]]] = {
    "smb": running_samba, "webdav": running_webdav, "ftps": running_vsftpd,
}  # fmt: skip

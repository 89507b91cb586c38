"""An SFTP server on loopback that serves one folder, with a host key of its own and login by key.

To start it by hand: `python -m demo.sftp_server FOLDER --port 2222` (the keys are stored in FOLDER_keys).
"""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import asyncssh

from demo.http_server import HOST, LocalServer

USER = "client"


class SftpServer(LocalServer):
    """Serves `root` as / on 127.0.0.1 from a thread.

    keys_folder: has the host key and the key of the client, which are created if needed. port: 0 for any free one.
    factory: makes the SFTP side of a connection, for servers that misbehave. password: also accepted, if given.
    """

    def __init__(
        self,
        root: Path,
        keys_folder: Path,
        port: int = 0,
        factory: Callable[[Any], asyncssh.SFTPServer] | None = None,
        password: str = "",
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root, self.port, self.password = root, port, password
        self.host_key = _load_key(keys_folder / "host_key")
        self.client_key_path = keys_folder / "client_key"
        self._client_key = _load_key(self.client_key_path)
        self._factory = factory or (lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    @property
    def fingerprint(self) -> str:
        """The host key as ssh-keygen shows it."""
        return self.host_key.get_fingerprint()

    def start(self) -> Self:
        """Start serving; `port` is then the real port."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run_loop, args=(self._loop,), daemon=True)
        self._thread.start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)
        self.port = self._acceptor.get_port()
        return self

    def stop(self) -> None:
        """Stop serving; open connections are closed."""
        loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(self._close(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(30)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        keys = asyncssh.import_authorized_keys(self._client_key.export_public_key().decode())
        return await asyncssh.listen(
            HOST, self.port, server_host_keys=[self.host_key], authorized_client_keys=keys,
            server_factory=lambda: _Login(self.password, self._connections), sftp_factory=self._factory,
            allow_scp=False,
        )  # fmt: skip

    async def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        for connection in list(self._connections):
            connection.abort()
        if self._acceptor is not None:
            await self._acceptor.wait_closed()
        self._acceptor = None


class _Login(asyncssh.SSHServer):
    """Accepts the key of the client, and the password if there is one."""

    def __init__(self, password: str, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._password, self._connections = password, connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember a new connection."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that has ended."""
        if self._connection is not None:
            self._connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        """Return whether a client may log in with a password."""
        return bool(self._password)

    def validate_password(self, username: str, password: str) -> bool:
        """Return whether this is the password, for any user name."""
        return password == self._password


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, then cancel its tasks and close it."""
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
    finally:
        loop.close()


def _load_key(path: Path) -> asyncssh.SSHKey:
    """Return the private key at a path, which is created if needed."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
        path.chmod(0o600)
    return asyncssh.read_private_key(path)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with SftpServer(options.folder, options.folder.with_name(f"{options.folder.name}_keys"), options.port) as server:
        print(f"sftp://{USER}@{HOST}:{server.port}/ key {server.client_key_path}, host key {server.fingerprint}")
        threading.Event().wait()


if __name__ == "__main__":
    main()

"""FTP over TLS (RFC 4217): commands and files are encrypted, and the certificate is verified.

fsspec's own file system for FTP verifies no certificate and stops a download after each block.
"""

from __future__ import annotations

import contextlib
import ftplib
import io
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

from systemscripts import settings
from systemscripts.address_rules import AddressRules
from systemscripts.errors import ConfigurationError
from systemscripts.stores.store_login import StoreLogin
from systemscripts.stores.tls_context import build_context

PACKAGES: tuple[tuple[str, str], ...] = ()
BLOCK_BYTES = 1 << 18


def open_store(login: StoreLogin) -> FtpsFileSystem:
    """Return the files of a server after the login; raises ConfigurationError, ftplib's errors, OSError."""
    AddressRules().resolve(login.host, login.real_port)
    assert login.password is not None
    # names are bytes for FTP: latin-1 passes each of them
    ftp = _Connection(context=build_context(login.ca_file), timeout=settings.current().sftp_connect_seconds)
    ftp.encoding, ftp.is_implicit = "latin-1", login.implicit
    try:
        ftp.connect(login.host, login.real_port)
        assert ftp.sock is not None
        AddressRules().check_address(login.host, ftp.sock.getpeername()[0], login.real_port)
        _start_tls(ftp, login)
        # of each data connection, too
        ftp.timeout = settings.current().sftp_answer_seconds
        ftp.sock.settimeout(ftp.timeout)
        try:
            ftp.login(_encode(login.user), _encode(login.password.get_secret_value()), secure=False)
        except ftplib.error_perm as error:
            raise ConfigurationError(
                f"{login.name} refused the login of {login.user}", "Check user and password."
            ) from error
        ftp.prot_p()
        ftp.voidcmd("TYPE I")
        return FtpsFileSystem(ftp)
    except BaseException:
        ftp.close()
        raise


def close_store(store: FtpsFileSystem) -> None:
    """Close the connection; what the server says then changes nothing."""
    store.ftp.close()


def judge(error: Exception) -> str:
    """Return what an error means: missing, lost or refused."""
    if isinstance(error, FileNotFoundError):
        return "missing"
    # 4xx: transient (RFC 959, 4.2.1), such as a closed data connection; and an answer that is none
    if isinstance(error, OSError | EOFError | ftplib.error_temp | ftplib.error_reply | ftplib.error_proto):
        return "lost"
    return "refused"


def _start_tls(ftp: _Connection, login: StoreLogin) -> None:
    if login.implicit:
        return
    try:
        ftp.auth()
    except ftplib.error_perm as error:
        raise ConfigurationError(
            f"{login.name} offers no TLS, so nothing is sent to it", "Ask its owner for FTPS, or set implicit: true."
        ) from error


def _encode(text: str) -> str:
    """Return a text whose letters are the bytes of its UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _decode(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


class _Connection(ftplib.FTP_TLS):
    """FTP whose data connections resume the session of the control connection, which proves that both are one."""

    is_implicit = False

    def connect(self, host: str = "", port: int = 0, timeout: float = -999, source_address: Any = None) -> str:
        if not self.is_implicit:
            return super().connect(host, port)
        self.host, self.port = host, port
        plain = socket.create_connection((host, port), self.timeout)
        self.af = plain.family
        self.sock = self.context.wrap_socket(plain, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            return self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session), size
        except BaseException:
            connection.close()
            raise


class FtpsFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files of a server, by the commands that every server has; a path without / begins at the home folder."""

    cachable = False
    protocol = "ftps"

    def __init__(self, ftp: _Connection) -> None:
        super().__init__()
        self.ftp = ftp
        self._home = _decode(ftp.pwd())

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return the names in a folder; what each of them is, `info` tells."""
        try:
            self.ftp.cwd(self._locate(path))
        except ftplib.error_perm as error:
            raise FileNotFoundError(path) from error
        lines: list[str] = []
        try:
            self.ftp.retrlines("NLST", lines.append)
        except ftplib.error_perm:
            # so some servers say that there is nothing
            lines = []
        names = [_decode(line).rpartition("/")[2] for line in lines]
        self.ftp.voidcmd("TYPE I")
        entries = [{"name": f"{path.rstrip('/')}/{name}", "size": None, "type": ""} for name in names if name]
        return entries if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return size and time of a file; raises FileNotFoundError."""
        located = self._locate(path)
        try:
            size = self.ftp.size(located)
        except ftplib.error_perm as error:
            try:
                self.ftp.cwd(located)
            except ftplib.error_perm:
                raise FileNotFoundError(path) from error
            return {"name": path, "size": None, "type": "directory"}
        modified = None
        with contextlib.suppress(ftplib.error_perm, ValueError):
            digits = self.ftp.sendcmd(f"MDTM {located}").split()[1][:14]
            modified = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return {"name": path, "size": size, "type": "file", "mtime": modified}

    def _open(self, path: str, mode: str = "rb", **_: Any) -> _Download:
        if mode != "rb":
            raise ValueError(f"files are only read or put whole, not opened with {mode}")
        return _Download(self.ftp, self._locate(path), path)

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        """Upload a file."""
        with Path(lpath).open("rb") as stream:
            connection = self._begin_upload(rpath)
            with contextlib.closing(connection):
                while block := stream.read(BLOCK_BYTES):
                    connection.sendall(block)
                # tells the server that this is the end, and not a lost connection
                with contextlib.suppress(OSError):
                    connection.unwrap()  # type: ignore[attr-defined]
        self.ftp.voidresp()

    def _begin_upload(self, path: str) -> socket.socket:
        try:
            return self.ftp.transfercmd(f"STOR {self._locate(path)}")
        except ftplib.error_perm as error:
            try:
                self.ftp.cwd(self._locate(path).rpartition("/")[0] or "/")
            except ftplib.error_perm:
                raise FileNotFoundError(path) from error
            raise

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Rename a file."""
        self.ftp.rename(self._locate(path1), self._locate(path2))

    def replace(self, path1: str, path2: str) -> None:
        """Rename a file, also to a name that is taken."""
        try:
            self.mv(path1, path2)
        except ftplib.error_perm:
            # some servers rename only to a free name
            self.info(path1)
            with contextlib.suppress(ftplib.error_perm):
                self.ftp.delete(self._locate(path2))
            self.mv(path1, path2)

    def rm_file(self, path: str) -> None:
        """Delete a file; raises FileNotFoundError."""
        try:
            self.ftp.delete(self._locate(path))
        except ftplib.error_perm:
            self.info(path)
            raise

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Create a folder."""
        self.ftp.mkd(self._locate(path))

    def _locate(self, path: str) -> str:
        """Return the whole path, as it is sent."""
        return _encode(path if path.startswith("/") else f"{self._home.rstrip('/')}/{path}")


class _Download(io.RawIOBase):
    """A file that is read from some place on to its end."""

    def __init__(self, ftp: _Connection, located: str, path: str) -> None:
        self._ftp, self._located, self._path, self._start = ftp, located, path, 0
        self._connection: socket.socket | None = None

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Choose where to begin, before the first byte is read."""
        assert self._connection is None and whence == io.SEEK_SET
        self._start = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        """Read what has come; 0 only at the confirmed end of the file."""
        if self._connection is None:
            try:
                self._connection = self._ftp.transfercmd(f"RETR {self._located}", self._start or None)
            except ftplib.error_perm as error:
                if error.args[0].startswith("550"):
                    raise FileNotFoundError(self._path) from error
                raise
        if count := self._connection.recv_into(buffer):
            return count
        self._connection.close()
        # the server says whether that was the end
        self._ftp.voidresp()
        self._located = ""
        return 0

    def close(self) -> None:
        """Close the file; a server that still sends is left."""
        if self._connection is not None and not self.closed:
            self._connection.close()
            if self._located:
                self._ftp.close()
        super().close()

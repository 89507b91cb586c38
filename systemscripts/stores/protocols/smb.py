"""SMB 2 and 3, such as of Windows and Samba: signed always, encrypted unless that is switched off.

What a server proves is that it knows the password: without it no session can be signed. Guests are refused.
"""

from __future__ import annotations

import contextlib
import errno
import io
from pathlib import Path
from typing import Any

import smbclient
import smbprotocol.exceptions as smb
import spnego.exceptions
from fsspec import AbstractFileSystem
from smbprotocol.header import NtStatus

from systemscripts import settings
from systemscripts.address_rules import AddressRules
from systemscripts.errors import ConfigurationError
from systemscripts.stores.store_login import StoreLogin

PACKAGES = (("smbprotocol", "smbprotocol"),)
BLOCK_BYTES = 1 << 20
REFUSED_LOGINS = (
    smb.SMBAuthenticationError, smb.LogonFailure, smb.PasswordExpired, smb.WrongPassword,
    spnego.exceptions.SpnegoError,
)  # fmt: skip
BUSY = frozenset((NtStatus.STATUS_SHARING_VIOLATION, NtStatus.STATUS_DELETE_PENDING))


def open_store(login: StoreLogin) -> Share:
    """Return the files of a server after the login; raises ConfigurationError, and OSError if it is away."""
    AddressRules().resolve(login.host, login.real_port)
    assert login.password is not None
    # links of a distributed file system lead to other servers, which would get the login
    smbclient.ClientConfig(skip_dfs=True)
    how: dict[str, Any] = {
        "username": login.user, "password": login.password.get_secret_value(), "port": login.real_port,
        "encrypt": login.encrypt or None, "connection_timeout": settings.current().sftp_connect_seconds,
        "connection_cache": {}, "require_signing": True,
    }  # fmt: skip
    try:
        smbclient.register_session(login.host, **how)
        return Share(login.host, how)
    except (*REFUSED_LOGINS, smb.SMBConnectionClosed, smb.SMBOSError):
        _close_connections(how)
        raise
    except ValueError as error:
        # the library says so of a socket
        _close_connections(how)
        raise ConnectionError(str(error.__cause__ or error)) from error
    except smb.SMBResponseException:
        _close_connections(how)
        raise
    except smb.SMBException as error:
        _close_connections(how)
        hint = "Ask its owner for SMB 3 with signing and encryption; encrypt: false asks for signing alone."
        raise ConfigurationError(f"{login.name}: {' '.join(str(error).split())}", hint) from error


def close_store(store: Share) -> None:
    """Close the connection; what the server says then changes nothing."""
    _close_connections(store.how)


def judge(error: Exception) -> str:
    """Return what an error means: missing, login, busy, lost or refused."""
    if isinstance(error, FileNotFoundError) or getattr(error, "errno", None) == errno.ENOENT:
        return "missing"
    if isinstance(error, REFUSED_LOGINS):
        return "login"
    if isinstance(error, smb.SMBOSError | smb.SMBResponseException):
        if getattr(error, "ntstatus", getattr(error, "status", None)) in BUSY:
            return "busy"
        return "lost" if isinstance(error, smb.UserSessionDeleted) else "refused"
    return "lost" if isinstance(error, OSError | EOFError | smb.SMBConnectionClosed) else "refused"


def _close_connections(how: dict[str, Any]) -> None:
    """Close the sockets: a farewell to a lost server would wait for its answer."""
    for connection in how["connection_cache"].values():
        with contextlib.suppress(Exception):
            connection.transport.close()
    how["connection_cache"] = {}


class Share(AbstractFileSystem):  # type: ignore[misc]
    """The shares of a server: fsspec's own file system would ask for each name of a list, and lock what it reads."""

    cachable = False
    protocol = "smb"

    def __init__(self, host: str, how: dict[str, Any]) -> None:
        super().__init__()
        self._host, self.how = host, how

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Return the entries of a folder."""
        entries = self._list_entries(path, "*")
        return list(entries) if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return the entry of a file or folder, as the list of its folder has it; raises FileNotFoundError."""
        folder, name = path.rstrip("/").rsplit("/", 1) if "/" in path.rstrip("/") else ("", path)
        if not folder.strip("/"):
            self.ls(path)
            return {"name": path, "size": 0, "type": "directory"}
        # the list has the times as `ls` has them; the attributes of the file are rounded otherwise
        for item in self._list_entries(folder, name):
            if item["name"].rpartition("/")[2] == name:
                return dict(item)
        raise FileNotFoundError(path)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
        if mode != "rb":
            raise ValueError(f"files are only read or put whole, not opened with {mode}")
        # others may read it too; one who writes it has it still open
        source_path = self._locate(path)
        stream: io.RawIOBase = smbclient.open_file(source_path, mode="rb", buffering=0, share_access="r", **self.how)
        return stream

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        """Upload a file."""
        with (
            Path(lpath).open("rb") as source,
            smbclient.open_file(self._locate(rpath), mode="wb", **self.how) as target,
        ):
            while block := source.read(BLOCK_BYTES):
                target.write(block)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Rename a file."""
        smbclient.rename(self._locate(path1), self._locate(path2), **self.how)

    def replace(self, path1: str, path2: str) -> None:
        """Rename a file, also to a name that is taken."""
        smbclient.replace(self._locate(path1), self._locate(path2), **self.how)

    def rm_file(self, path: str) -> None:
        """Delete a file."""
        smbclient.remove(self._locate(path), **self.how)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Create a folder."""
        smbclient.mkdir(self._locate(path), **self.how)

    def _list_entries(self, path: str, pattern: str) -> list[dict[str, Any]]:
        return [
            {
                "name": f"{path.rstrip('/')}/{entry.name}",
                "size": entry.smb_info.end_of_file,
                "type": _name_type(entry.is_symlink(), entry.is_dir(follow_symlinks=False)),
                "mtime": entry.smb_info.last_write_time,
            }
            for entry in smbclient.scandir(self._locate(path), search_pattern=pattern, **self.how)
        ]

    def _locate(self, path: str) -> str:
        return rf"\\{self._host}\{path.strip('/').replace('/', chr(92))}"


def _name_type(is_link: bool, is_folder: bool) -> str:
    return "link" if is_link else "directory" if is_folder else "file"

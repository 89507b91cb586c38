"""WebDAV over TLS, such as of Nextcloud, SharePoint's WebDAV or Apache; redirects to other servers are refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from webdav4 import client as webdav_client
from webdav4.fsspec import WebdavFileSystem
from webdav4.http import Client as HttpClient

from systemscripts import settings
from systemscripts.address_rules import AddressRules
from systemscripts.errors import ConfigurationError
from systemscripts.stores.store_login import StoreLogin
from systemscripts.stores.tls_context import build_context

PACKAGES = (("webdav4", "webdav4"),)
BLOCK_BYTES = 1 << 18
# answers that may be others a moment later
TEMPORARY_STATUS = frozenset((408, 425, 429, 500, 502, 503, 504))


def open_store(login: StoreLogin) -> Folders:
    """Return the files of a server; raises ConfigurationError. Nothing is asked of it yet."""
    assert login.password is not None
    host = f"[{login.host}]" if ":" in login.host else login.host
    base_url = f"https://{host}:{login.real_port}/"

    def check_target(request: httpx.Request) -> None:
        own = httpx.URL(base_url)
        if (request.url.scheme, request.url.host, request.url.port) != (own.scheme, own.host, own.port):
            raise ConfigurationError(
                f"{login.name} redirects to {request.url.host}, which gets no login", "Set host and path to that place."
            )
        AddressRules().resolve(login.host, login.real_port)

    current = settings.current()
    http_client = HttpClient(
        base_url=base_url,
        auth=(login.user.encode(), login.password.get_secret_value().encode()),
        verify=build_context(login.ca_file),
        timeout=httpx.Timeout(current.sftp_answer_seconds, connect=current.sftp_connect_seconds),
        # no proxies and no ~/.netrc: only the configuration says what is sent where
        trust_env=False,
        event_hooks={"request": [check_target]},
    )
    return Folders(base_url, client=_Client(base_url, http_client=http_client, retry=False))


def close_store(store: Folders) -> None:
    """Close the connections."""
    store.client.http.close()


def judge(error: Exception) -> str:
    """Return what an error means: missing, login, busy, lost or refused."""
    if isinstance(error, FileNotFoundError | webdav_client.ResourceNotFound):
        return "missing"
    if isinstance(error, webdav_client.ResourceLocked):
        return "busy"
    if isinstance(error, httpx.TransportError | OSError | webdav_client.BadGatewayError):
        return "lost"
    status = 0
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
    elif isinstance(error, webdav_client.HTTPError):
        status = error.status_code
    verdicts = {401: "login", 404: "missing", 423: "busy"} | dict.fromkeys(TEMPORARY_STATUS, "lost")
    return verdicts.get(status, "refused")


class _Client(webdav_client.Client):  # type: ignore[misc]
    """The client of webdav4, which here also finds names with #, ? or %."""

    def join_url(self, path: str, add_trailing_slash: bool = False) -> httpx.URL:
        """Return the address of a path."""
        whole = f"/{path.strip('/')}{'/' if add_trailing_slash else ''}"
        return httpx.URL(self.base_url).copy_with(raw_path=quote(whole).encode())


class Folders(WebdavFileSystem):  # type: ignore[misc]
    """fsspec's file system of webdav4, which here reads on at a place, and moves instead of copying and deleting."""

    cachable = False

    def _open(self, path: str, mode: str = "rb", **_: Any) -> _Download:
        if mode != "rb":
            raise ValueError(f"files are only read or put whole, not opened with {mode}")
        return _Download(self.client, path)

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        """Upload a file."""
        with Path(lpath).open("rb") as stream:
            self.client.upload_fileobj(stream, rpath, overwrite=True, chunk_size=BLOCK_BYTES)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        """Rename a file."""
        self.client.move(path1, path2, overwrite=False)

    def replace(self, path1: str, path2: str) -> None:
        """Rename a file, also to a name that is taken."""
        self.client.move(path1, path2, overwrite=True)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Create a folder."""
        self.client.mkdir(path)


class _Download(io.RawIOBase):
    """A file that is read from some place on to its end."""

    def __init__(self, client: webdav_client.Client, path: str) -> None:
        self._client, self._path, self._start = client, path, 0
        self._response: httpx.Response | None = None
        self._rest = b""

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Choose where to begin, before the first byte is read."""
        assert self._response is None and whence == io.SEEK_SET
        self._start = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        """Read what has come; 0 at the end of the file."""
        if self._response is None:
            self._ask()
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            # a server without ranges begins at the first byte
            skipped = min(self._skip, len(block))
            self._skip -= skipped
            self._rest = block[skipped:]
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        """Close the answer."""
        if self._response is not None:
            self._response.close()
        super().close()

    def _ask(self) -> None:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={self._start}-"} if self._start else {})
        http = self._client.http
        request = http.build_request("GET", self._client.join_url(self._path), headers=headers)
        self._response = response = http.send(request, stream=True)
        # no byte is left to send
        is_beyond = response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE
        if not is_beyond:
            response.raise_for_status()
        self._blocks = iter(()) if is_beyond else response.iter_raw()
        self._skip = 0 if response.status_code == httpx.codes.PARTIAL_CONTENT else self._start

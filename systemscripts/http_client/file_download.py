"""Download one file by HTTP: asked for only if it changed, resumed where it was cut, its end checked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING

from systemscripts import retries
from systemscripts.directory_management import explain_write_error
from systemscripts.errors import GaveUpError
from systemscripts.http_client.answer import CHUNK_BYTES
from systemscripts.http_client.client import Client
from systemscripts.http_client.url_origin import redact_url
from systemscripts.retries import TemporaryError

if TYPE_CHECKING:
    import requests

# a weak ETag says that two contents mean the same, not that their bytes are the same (RFC 9110, 8.8.1)
WEAK = "W/"
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True)
class Head:
    """What a server says about a file before it sends it."""

    # its ETag, else its Last-Modified, else ""
    stamp: str
    # in bytes; None if the server does not tell, or packs the answer
    size: int | None
    # from Content-Disposition, "" without one
    name: str
    # whether a cut would be noticed
    has_end: bool


# called with the head of the file: where to write it; may raise, and nothing is downloaded then
ChoosePart = Callable[[Head], Path]
# called with the number of bytes that arrived since the last call and the size so far; may raise to stop
Advance = Callable[[int, int], None]


def download_file(
    client: Client, url: str, known_stamp: str, choose_part: ChoosePart, advance: Advance
) -> tuple[Head, Path] | None:
    """Download a file to its temporary path; return both, or None if it still has `known_stamp`.

    A path that exists already is the beginning of a stopped download, and is resumed. Each attempt that brought
    something counts as the first again. Raises what `Client.open_response` and the two functions raise, GaveUpError
    after too many attempts, EtlError if the file cannot be written.
    """
    failed, download = 0, _Download(client, url, known_stamp, choose_part, advance)
    while True:
        before = download.received
        try:
            return download.attempt()
        except TemporaryError as error:
            failed = 1 if download.received > before else failed + 1
            if failed >= max(1, client.limits.attempts):
                raise GaveUpError(
                    f"{redact_url(url)}: {error}, after {failed} attempts", "The next run continues from there."
                ) from error
            time.sleep(retries.choose_pause(failed - 1, client.limits.first_pause, error.requested_seconds))


@dataclass
class _Download:
    client: Client
    url: str
    known_stamp: str
    choose_part: ChoosePart
    advance: Advance
    received: int = 0
    current: tuple[Head, Path] | None = None

    def attempt(self) -> tuple[Head, Path] | None:
        """Ask for the file, or for the rest of it; return None if it did not change."""
        if self.current is None or not self._can_resume():
            asked = self._ask_whole()
            if asked is not None:
                return asked
            if self.current is None:
                return None
        return self._ask_rest()

    def _can_resume(self) -> bool:
        """Return whether a part of the file is here, and its rest can be told from that of another content."""
        if self.current is None:
            return False
        head, part = self.current
        return bool(head.stamp and not head.stamp.startswith(WEAK) and head.size) and _get_size(part) > 0

    def _ask_whole(self) -> tuple[Head, Path] | None:
        headers = {"Accept-Encoding": "identity"}
        if self.known_stamp:
            is_tag = self.known_stamp.endswith('"')
            headers["If-None-Match" if is_tag else "If-Modified-Since"] = self.known_stamp
        self.current = None
        with self.client.open_response(self.url, headers=headers, accepted=(200, 304)) as response:
            if response.status_code == 304:
                return None
            head = read_head(response)
            part = self.choose_part(head)
            self.current = head, part
            if self._can_resume():
                # a part of a stopped run: only the rest is asked for
                return None
            part.unlink(missing_ok=True)
            self._write_body(response, part)
        return head, part

    def _ask_rest(self) -> tuple[Head, Path]:
        assert self.current is not None
        head, part = self.current
        start = _get_size(part)
        if start == head.size:
            return self.current
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={start}-", "If-Range": head.stamp}
        with self.client.open_response(self.url, headers=headers, accepted=(200, 206, 416)) as response:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if response.status_code == 206 and match and int(match[1]) == start and match[2] in (str(head.size), "*"):
                self._write_body(response, part)
                return self.current
            if response.status_code != 200:
                # not the range that was asked for: from the beginning
                part.unlink()
                raise TemporaryError("it does not send the rest of the file")
            # another content meanwhile, or a server without ranges
            head = read_head(response)
            part = self.choose_part(head)
            self.current = head, part
            part.unlink(missing_ok=True)
            self._write_body(response, part)
            return head, part

    def _write_body(self, response: requests.Response, part: Path) -> None:
        from urllib3.exceptions import HTTPError

        size = _get_size(part)
        try:
            with part.open("ab") as stream:
                # what is there, however little: all that came before a cut counts
                while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
                    stream.write(chunk)
                    size += len(chunk)
                    self.received += len(chunk)
                    self.advance(len(chunk), size)
        except HTTPError as error:
            raise TemporaryError(f"the answer is truncated ({type(error).__name__})") from error
        except OSError as error:
            raise explain_write_error(part, error) from error
        assert self.current is not None
        expected = self.current[0].size
        if expected is not None and size != expected:
            part.unlink()
            raise TemporaryError(f"the file has {size:,} bytes, and {expected:,} were announced")


def read_head(response: requests.Response) -> Head:
    """Return what the headers of an answer say about the file."""
    headers = response.headers
    is_packed = headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
    length = headers.get("Content-Length", "")
    disposition = Message()
    # requests decodes headers as Latin-1, and most servers send UTF-8
    disposition["Content-Disposition"] = _decode_header(headers.get("Content-Disposition", ""))
    return Head(
        headers.get("ETag") or headers.get("Last-Modified") or "",
        int(length) if length.isdecimal() and not is_packed else None,
        disposition.get_filename("") or "",
        length.isdecimal() or headers.get("Transfer-Encoding", "").lower() == "chunked",
    )


def _decode_header(text: str) -> str:
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

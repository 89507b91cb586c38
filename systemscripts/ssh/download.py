"""Download whole files: resume after a lost connection, read to the end, compare with the server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import paramiko

from systemscripts import settings
from systemscripts.directory_management import CHUNK_BYTES
from systemscripts.errors import EtlError, TooLargeError, TryLaterError
from systemscripts.ssh import remote
from systemscripts.ssh.connection import WINDOW_BYTES
from systemscripts.ssh.read_blocks import read_blocks
from systemscripts.ssh.remote import Entry
from systemscripts.ssh.session import RefusedError, Session, is_lost, is_openssh

# as many as sftp of OpenSSH has on their way
MAX_REQUESTS = 64
# every server must answer so much at once (draft-ietf-secsh-filexfer-02, 3); OpenSSH's answers eight times as much
# (SFTP_MAX_READ_LENGTH), which takes half of the processor time
REQUEST_BYTES, OPENSSH_REQUEST_BYTES = 1 << 15, (1 << 18) - 1024
# read at once where no size is announced: more may not exist
UNKNOWN_BYTES = 1 << 20
# the disk is asked to write so much at once
WRITE_OUT_BYTES = 1 << 23
# for a server that sends less at once than it was asked for
MIN_REQUEST_BYTES = 1 << 10
# by the length of the digest: the server does not say which algorithm it chose
_HASHES: dict[int, Callable[[], Any]] = {16: hashlib.md5, 20: hashlib.sha1, 32: hashlib.sha256}
Result = TypeVar("Result")


class ChangedError(TryLaterError):
    """The file changed on the server since it was listed; the next run fetches it."""


class DamagedError(EtlError):
    """The downloaded content differs from the file on the server."""


class _DiskError(Exception):
    """An error of the local disk, which must not be taken for one of the server."""


def download_file(session: Session, path: str, entry: Entry, part: Path, advance: Callable[[float], None]) -> list[str]:
    """Download a remote file to `part`, after the bytes of an earlier attempt, and return warnings.

    The file is read to its end, even if the server announced another size. A complete file is kept, also if the server
    removes or closes it after it was read. The caller waits until it is on the disk.

    Raises TryLaterError when the connection is lost: `part` is kept for the next attempt. Otherwise `part` is removed:
    raises ChangedError if the file differs from `entry` in size or time, DamagedError if it ends too early or its
    checksum differs, TooLargeError, or EtlError if it does not fit on the disk.
    """
    work = _Download(session, path, entry, part, advance)
    try:
        return work.run()
    except (ChangedError, DamagedError, TooLargeError, RefusedError):
        part.unlink(missing_ok=True)
        raise
    except (_DiskError, OSError) as error:
        part.unlink(missing_ok=True)
        cause = error.__cause__ if isinstance(error, _DiskError) else error
        size = "" if entry.size is None else f" ({entry.size:,} bytes)"
        raise EtlError(
            f"{work.name}{size} cannot be written to {part.parent}: {getattr(cause, 'strerror', cause)}",
            "Free space or correct the permissions, then run the same command again; the file is still at its source.",
        ) from error


class _Download:
    """The download of one file."""

    def __init__(self, session: Session, path: str, entry: Entry, part: Path, advance: Callable[[float], None]) -> None:
        self.session, self.path, self.entry, self.part, self.advance = session, path, entry, part, advance
        self.name, self.server = path.rpartition("/")[2], session.login.name
        # the checksum, if the server offers one
        self.digest: bytes | None = None
        self.request_bytes = 0
        self.max_gb = settings.current().max_file_gb

    def run(self) -> list[str]:
        """Download the rest of the file to its partial one. Return warnings about its size or checksum."""
        size = self.entry.size
        with self.part.open("ab") as stream:
            self._seek_start(stream)
            try:
                self.session.call(f"the download of {self.name}", lambda client: self._fill(client, stream))
            except (FileNotFoundError, RefusedError) as error:
                # some servers remove a file after it was read; by the announced size it is complete
                if not size or stream.tell() != size:
                    if isinstance(error, RefusedError):
                        raise
                    text = f"{self.server}: {self.name} disappeared while it was fetched"
                    raise ChangedError(text, "It was moved or deleted there.") from error
        arrived = self.part.stat().st_size
        warnings = self._compare_digest()
        if size is not None and arrived != size:
            warnings.append(
                f"{self.server} announces {size:,} bytes for {self.name}, but it has {arrived:,}: all were fetched"
            )
        return warnings

    def _seek_start(self, stream: IO[bytes]) -> None:
        """Continue after the bytes of an earlier attempt if they belong to the same file, else start at 0."""
        done = stream.seek(0, os.SEEK_END)
        entry = self.entry
        if entry.size is None or entry.modified is None or done > entry.size:
            stream.truncate(0)
            stream.seek(0)

    def _fill(self, client: paramiko.SFTPClient, stream: IO[bytes]) -> None:
        # not in a `with` block, which would wait once more for a server that stalled
        file = client.open(self.path, "rb")
        self.request_bytes = self.request_bytes or (OPENSSH_REQUEST_BYTES if is_openssh(client) else REQUEST_BYTES)
        self._refuse_change(client, file)
        ended_at = None
        while True:
            ended = self._read_on(client, file, stream)
            if ended and (self.entry.size in (None, stream.tell()) or ended_at == stream.tell()):
                break
            if ended:
                # not at the announced size: some servers end a file too early once
                ended_at = stream.tell()
        # the content is complete: no failure from here on discards it
        self._ask_optional(client, lambda: self._refuse_change(client, file))
        if self.entry.size is not None and stream.tell() < self.entry.size:
            raise DamagedError(
                f"{self.server}: {self.name} ends after {stream.tell():,} bytes, the server announces"
                f" {self.entry.size:,}; it was not fetched",
                "Ask the owner of the server: the file is damaged, or its size is wrong.",
            )
        if self.session.offers_checksums is not False and stream.tell():
            self.digest = self._ask_optional(client, lambda: file.check("sha256,sha1,md5"))
            self.session.offers_checksums = self.digest is not None and len(self.digest) in _HASHES
        self._ask_optional(client, file.close)

    def _read_on(self, client: paramiko.SFTPClient, file: paramiko.SFTPFile, stream: IO[bytes]) -> bool:
        """Read up to the announced size, or some bytes beyond it; return whether the end of the file was reached."""
        done = stream.tell()
        size, step = self.entry.size, self.request_bytes
        # the end is requested alone: some servers remove or close the file then, and drop the other requests
        end = done + UNKNOWN_BYTES
        if done == size:
            end = done + step
        elif size and done < size:
            end = size
        is_whole, ended = True, False
        at_once = min(MAX_REQUESTS, WINDOW_BYTES // step)

        def plan_blocks() -> Iterator[tuple[int, int]]:
            for offset in range(done, end, step):
                # after a block with fewer bytes, the others would leave a gap
                if not is_whole:
                    return
                yield offset, min(step, end - offset)

        for offset, block in read_blocks(client, file.handle, plan_blocks(), at_once):
            if offset == done:
                self._write(stream, block)
                done, ended = done + len(block), not block
                is_whole = len(block) == min(step, end - offset)
                self.session.progress += len(block)
                self.advance(len(block))
                if not is_whole and block:
                    # as much as the server sends at once
                    self.request_bytes = max(MIN_REQUEST_BYTES, len(block))
                if done > self.max_gb * 2**30:
                    raise TooLargeError(f"{self.server}: {self.name}", done, self.max_gb)
        return ended

    def _write(self, stream: IO[bytes], block: bytes | memoryview) -> None:
        try:
            start = stream.tell()
            stream.write(block)
            # after a lost connection the part is complete up to here
            stream.flush()
            end = stream.tell() // WRITE_OUT_BYTES * WRITE_OUT_BYTES
            if start < end:
                # the disk writes while more arrives: what is not on the disk stays in memory, whatever the advice says
                os.posix_fadvise(stream.fileno(), end - WRITE_OUT_BYTES, WRITE_OUT_BYTES, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            raise _DiskError from error

    def _refuse_change(self, client: paramiko.SFTPClient, file: paramiko.SFTPFile) -> None:
        """Raise ChangedError if the file changed; a server need not answer about an open file."""
        try:
            current = remote.build_entry(self.name, file.stat())
        except OSError as error:
            if is_lost(client, error):
                raise
            return
        if not remote.differs(current, self.entry):
            return
        # some servers describe an open file differently from its entry in a list
        listed = remote.find_entry_once(client, self.path)
        if listed is None or remote.differs(listed, self.entry):
            raise ChangedError(
                f"{self.server}: {self.path} changed while it was fetched",
                "A later run fetches it, when it has stopped changing.",
            )

    def _ask_optional(self, client: paramiko.SFTPClient, ask: Callable[[], Result]) -> Result | None:
        """Return the answer to an optional request, None if it fails; a lost connection is opened again when needed."""
        try:
            return ask()
        except EtlError:
            raise
        except Exception as error:  # paramiko raises many types for answers that it cannot read
            if is_lost(client, error):
                self.session.close()
            return None

    def _compare_digest(self) -> list[str]:
        """Compare the checksum of check-file (draft-ietf-secsh-filexfer-13, 9.1.2) if there is one; return warnings."""
        if self.digest is None or len(self.digest) not in _HASHES:
            return []
        digest = _HASHES[len(self.digest)]()
        with self.part.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
        if digest.digest() == self.digest:
            return []
        text = f"{self.server}: {self.name} arrived damaged, its checksum differs"
        if remote.find_entry(self.session, self.path) is None:
            return [f"{text}; it was kept, because the server no longer has it"]
        raise DamagedError(text, "Run the same command again.")

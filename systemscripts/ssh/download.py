"""Whole files down: going on after a cut, to the end that the server tells, compared with what lies there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import paramiko

from systemscripts import settings
from systemscripts.directory_management import CHUNK_BYTES
from systemscripts.errors import EtlError, TooLargeError, TryLaterError
from systemscripts.ssh import remote
from systemscripts.ssh.read_blocks import read_blocks
from systemscripts.ssh.remote import Entry
from systemscripts.ssh.session import RefusedError, Session, is_lost

WINDOW_BYTES, REQUEST_BYTES = 1 << 21, 1 << 15  # asked for at once: as OpenSSH's sftp, 64 requests of 32 KB
LEAST_REQUEST_BYTES = 1 << 10  # of a server that gives fewer at once than it is asked for
# by the length of the digest: the answer does not say which of those asked for it is
_HASHES: dict[int, Callable[[], Any]] = {16: hashlib.md5, 20: hashlib.sha1, 32: hashlib.sha256}
Result = TypeVar("Result")


class ChangedError(TryLaterError):
    """The file is no longer what was seen there: it is for the next run."""


class DamagedError(EtlError):
    """What came is not what lies there."""


class _DiskError(Exception):
    """The disk of this host, where an OSError would be taken for the server's."""


def download_file(session: Session, path: str, entry: Entry, part: Path, advance: Callable[[float], None]) -> list[str]:
    """Fetch a remote file to `part`, going on from what is there of an earlier try; return warnings.

    It is read to its end, whatever size was announced. What arrived whole is kept, also where the server removes or
    closes the file once it was read, so that nothing more can be asked about it.

    Raises ChangedError when the file is no longer `entry` (size and time); TryLaterError when the connection stays
    away: what arrived stays in `part` for the next try; DamagedError when it ends too early or its checksum differs,
    TooLargeError, or EtlError when it does not fit on the disk: `part` is gone.
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
            "Free space or fix the rights, then run the same command again; it still lies at its source.",
        ) from error


class _Download:
    """One file on its way."""

    def __init__(self, session: Session, path: str, entry: Entry, part: Path, advance: Callable[[float], None]) -> None:
        self.session, self.path, self.entry, self.part, self.advance = session, path, entry, part, advance
        self.name, self.server = path.rpartition("/")[2], session.login.name
        self.digest: bytes | None = None  # the server's checksum, where it offers one
        self.request_bytes = REQUEST_BYTES
        self.max_gb = settings.current().max_file_gb

    def run(self) -> list[str]:
        size = self.entry.size
        with self.part.open("ab") as stream:
            self._begin(stream)
            try:
                self.session.call(f"the download of {self.name}", lambda client: self._fill(client, stream))
            except (FileNotFoundError, RefusedError) as error:
                # removed once it was read, or given only once: it is whole by the size that was announced
                if not size or stream.tell() != size:
                    raise self._gone(error) from error
            stream.flush()
            os.fsync(stream.fileno())
        arrived = self.part.stat().st_size
        warnings = self._compare_digest()
        if size is not None and arrived != size:
            warnings.append(
                f"{self.server} announces {size:,} bytes for {self.name}, but the file has {arrived:,}: all were taken"
            )
        return warnings

    def _begin(self, stream: IO[bytes]) -> None:
        """Go on after what is there, where that is surely a beginning of the same file, else at 0."""
        done = stream.seek(0, os.SEEK_END)
        entry = self.entry
        if entry.size is None or entry.modified is None or done > entry.size:
            stream.truncate(0)
            stream.seek(0)

    def _gone(self, error: Exception) -> Exception:
        if isinstance(error, FileNotFoundError):
            return ChangedError(
                f"{self.server}: {self.name} has gone while it was fetched", "Somebody moved or deleted it."
            )
        return error

    def _fill(self, client: paramiko.SFTPClient, stream: IO[bytes]) -> None:
        # not with `with`: a server that stalled would be waited for once more, to answer that the file is closed
        file = client.open(self.path, "rb")
        self._refuse_change(client, file)
        ended_at = None
        while True:
            ended = self._read_window(client, file, stream)
            if ended and (self.entry.size in (None, stream.tell()) or ended_at == stream.tell()):
                break
            if ended:
                ended_at = stream.tell()  # not where it was announced: a server may end a file too early once
        # nothing that fails from here on makes undone what has arrived
        self._optional(client, lambda: self._refuse_change(client, file))
        if self.entry.size is not None and stream.tell() < self.entry.size:
            raise DamagedError(
                f"{self.server}: {self.name} ends after {stream.tell():,} bytes, the server announces"
                f" {self.entry.size:,}; it is not taken",
                "Ask the server's owner: the file is damaged, or its size is wrong.",
            )
        if self.session.offers_checksums is not False and stream.tell():
            self.digest = self._optional(client, lambda: file.check("sha256,sha1,md5"))
            self.session.offers_checksums = self.digest is not None and len(self.digest) in _HASHES
        self._optional(client, file.close)

    def _read_window(self, client: paramiko.SFTPClient, file: paramiko.SFTPFile, stream: IO[bytes]) -> bool:
        """Read on, past the announced end too; return whether the file ends where the stream now does."""
        done, size, step = stream.tell(), self.entry.size, self.request_bytes
        # the end is asked for alone: some servers remove or close the file over it, with what else was asked for
        at_once = step if done == size else min(WINDOW_BYTES, size - done) if size and done < size else WINDOW_BYTES
        blocks = [(at, min(step, done + at_once - at)) for at in range(done, done + at_once, step)]
        start, ended = done, False
        for (offset, _), block in zip(blocks, read_blocks(client, file.handle, blocks), strict=True):
            if offset == done:
                self._write(stream, block)
                start, done, ended = done, done + len(block), not block
                self.session.progress += len(block)
                self.advance(len(block))
            elif not ended:
                self.request_bytes = max(LEAST_REQUEST_BYTES, done - start)  # what the server gives at once
        if done > self.max_gb * 2**30:
            raise TooLargeError(f"{self.server}: {self.name}", done, self.max_gb)
        return ended

    def _write(self, stream: IO[bytes], block: bytes) -> None:
        try:
            stream.write(block)
            stream.flush()  # what a cut leaves is whole up to here
        except OSError as error:
            raise _DiskError from error

    def _refuse_change(self, client: paramiko.SFTPClient, file: paramiko.SFTPFile) -> None:
        """Raise ChangedError where the file is another one by now; a server need not say anything of an open file."""
        try:
            now = remote.build_entry(self.name, file.stat())
        except OSError as error:
            if is_lost(client, error):
                raise
            return
        if not remote.differs(now, self.entry):
            return
        # some say other things of an open file than of the same one in a list
        listed = remote.find_entry_once(client, self.path)
        if listed is None or remote.differs(listed, self.entry):
            raise ChangedError(
                f"{self.server}: {self.path} changed while it was fetched", "It is fetched when it rests."
            )

    def _optional(self, client: paramiko.SFTPClient, ask: Callable[[], Result]) -> Result | None:
        """Ask what a server need not answer; a connection that breaks over it is made again by whoever needs it."""
        try:
            return ask()
        except EtlError:
            raise
        except Exception as error:  # whatever the answer was: paramiko raises many kinds for those it cannot read
            if is_lost(client, error):
                self.session.close()
            return None

    def _compare_digest(self) -> list[str]:
        """Compare the checksum, where the server offers check-file (draft-ietf-secsh-filexfer-13, 9.1.2)."""
        if self.digest is None or len(self.digest) not in _HASHES:
            return []
        ours = _HASHES[len(self.digest)]()
        with self.part.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                ours.update(chunk)
        if ours.digest() == self.digest:
            return []
        text = f"{self.server}: {self.name} arrived damaged, its checksum differs"
        if remote.find_entry(self.session, self.path) is None:
            return [f"{text}; it is kept, because it has gone from the server"]
        raise DamagedError(text, "Run it again.")

"""Whole files down: going on after a cut, compared with what lies there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import paramiko

from systemscripts.directory_management import CHUNK
from systemscripts.errors import EtlError, TryLaterError
from systemscripts.ssh.remote import Entry
from systemscripts.ssh.session import Session, is_closed

WINDOW, REQUEST = 1 << 21, 1 << 15  # bytes asked for at once: as OpenSSH's sftp, 64 requests of 32 KB
# by the length of the digest: the answer does not say which of those asked for it is
_HASHES: dict[int, Callable[[], Any]] = {16: hashlib.md5, 20: hashlib.sha1, 32: hashlib.sha256}


class ChangedError(TryLaterError):
    """The file is no longer what was seen there: it is for the next run."""


class DamagedError(EtlError):
    """What came is not what lies there."""


class _DiskError(Exception):
    """The disk of this host, where an OSError would be taken for the server's."""


def download(session: Session, path: str, entry: Entry, part: Path, advance: Callable[[float], None]) -> None:
    """Fetch a remote file to `part`, going on from what is there of an earlier try.

    Its size, and where the server offers one its checksum, are compared. Raises ChangedError when the file is no longer
    `entry` (size and time); TryLaterError when the connection stays away: what arrived stays in `part` for the next
    try; EtlError when it arrives damaged or does not fit on the disk: `part` is gone.
    """
    name, server = path.rpartition("/")[2], session.login.name
    try:
        with part.open("ab") as stream:
            session.call(f"the download of {name}", lambda client: _fill(session, client, path, entry, stream, advance))
            os.fsync(stream.fileno())
        _compare(session, path, name, entry.size, part)
    except FileNotFoundError as error:
        part.unlink(missing_ok=True)
        raise ChangedError(
            f"{server}: {name} has gone while it was fetched", "Somebody moved or deleted it."
        ) from error
    except (ChangedError, DamagedError):
        part.unlink(missing_ok=True)
        raise
    except (_DiskError, OSError) as error:
        part.unlink(missing_ok=True)
        cause = error.__cause__ if isinstance(error, _DiskError) else error
        raise EtlError(
            f"{name} ({entry.size:,} bytes) cannot be written to {part.parent}: {getattr(cause, 'strerror', cause)}",
            "Free space or mend the rights, then run the same command again; it still lies at its source.",
        ) from error


def _fill(
    session: Session,
    client: paramiko.SFTPClient,
    path: str,
    entry: Entry,
    stream: IO[bytes],
    advance: Callable[[float], None],
) -> None:
    done = _begin(stream, entry.size)
    # not with `with`: a server that stalled would be waited for once more, to answer that the file is closed
    remote = client.open(path, "rb")
    _same(session, path, entry, remote.stat())
    while done < entry.size:
        wanted = min(WINDOW, entry.size - done)
        blocks = [(done + at, min(REQUEST, wanted - at)) for at in range(0, wanted, REQUEST)]
        for (_, length), block in zip(blocks, remote.readv(blocks), strict=True):
            if len(block) != length:
                # paramiko gives the same for a cut connection and for the end of a file: the size tells which it is
                _same(session, path, entry, remote.stat())
                raise EOFError
            _write(stream, block)
            done += length
            session.progress += length
            advance(length)
    _same(session, path, entry, remote.stat())
    remote.close()


def _begin(stream: IO[bytes], size: int) -> int:
    """Where to go on: after what is there, which is a beginning of the same file, or at 0."""
    done = stream.seek(0, os.SEEK_END)
    return done if done <= size else stream.truncate(0)


def _write(stream: IO[bytes], block: bytes) -> None:
    try:
        stream.write(block)
        stream.flush()  # what a cut leaves is whole up to here
    except OSError as error:
        raise _DiskError from error


def _same(session: Session, path: str, entry: Entry, state: paramiko.SFTPAttributes) -> None:
    if (state.st_size, int(state.st_mtime or 0)) != (entry.size, entry.modified):
        raise ChangedError(f"{session.login.name}: {path} changed while it was fetched", "It is fetched when it rests.")


def _compare(session: Session, path: str, name: str, size: int, part: Path) -> None:
    """Compare the size, and the checksum where the server offers check-file (draft-ietf-secsh-filexfer-13, 9.1.2)."""
    if (arrived := part.stat().st_size) != size:
        raise DamagedError(f"{session.login.name}: {name} arrived with {arrived:,} of {size:,} bytes", "Run it again.")
    if session.offers_checksums is False or not size:
        return
    # a server that hangs up when asked is not asked again
    first, session.offers_checksums = session.offers_checksums is None, False
    try:
        digest = session.call(f"the checksum of {name}", lambda client: _checksum(session, client, path, first))
    except EtlError:
        if not first:
            raise
        return
    if digest is None or len(digest) not in _HASHES:
        return
    session.offers_checksums = True
    ours = _HASHES[len(digest)]()
    with part.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            ours.update(chunk)
    if ours.digest() != digest:
        raise DamagedError(f"{session.login.name}: {name} arrived damaged, its checksum differs", "Run it again.")


def _checksum(session: Session, client: paramiko.SFTPClient, path: str, first: bool) -> bytes | None:
    with client.open(path, "rb") as remote:
        try:
            return remote.check("sha256,sha1,md5")
        except EOFError:
            raise
        except OSError:
            if is_closed(client):
                raise
            return None  # it does not know the extension

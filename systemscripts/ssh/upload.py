"""Upload whole files: under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import paramiko

from systemscripts.errors import EtlError, TryLaterError
from systemscripts.ssh import remote
from systemscripts.ssh.remote import find_entry, list_entries
from systemscripts.ssh.session import Session, is_closed

CHUNK_BYTES = 1 << 18


def build_part_path(folder: str, name: str, mark: str) -> str:
    """Return the temporary path of an upload; the same mark goes on with the same upload."""
    return f"{folder.rstrip('/')}/.{name}.{mark}.part"


def put_aside(session: Session, path: Path, part: str, advance: Callable[[float], None]) -> None:
    """Upload a file under a temporary name, after the bytes of an earlier attempt.

    Raises EtlError if the server refuses it or has fewer bytes then, TryLaterError if the connection is lost.
    """
    size, what = path.stat().st_size, f"the upload of {path.name}"
    try:
        session.call(what, lambda client: _send(session, client, path, part, advance))
        arrived = find_entry(session, part)
        if arrived is None or arrived.size not in (None, size):
            raise EtlError(
                f"{session.login.name}: {what} ended with {arrived.size if arrived else 0} of {size} bytes",
                "Run the same command again; if it fails again, ask the owner of the server whether its disk is full.",
            )
    except FileNotFoundError as error:
        folder = part.rpartition("/")[0] or "/"
        raise EtlError(f"{session.login.name}: there is no folder {folder}", remote.PATH_HINT) from error
    except TryLaterError:
        # the part is kept, so that the next attempt resumes
        raise
    except EtlError:
        _remove_quietly(session, part)
        raise


def publish_part(session: Session, part: str, target_path: str) -> None:
    """Give an uploaded file its name, replacing one of that name; without a temporary file it has it already."""
    if find_entry(session, part) is None:
        return
    try:
        session.call(f"renaming {part}", lambda client: _rename(client, part, target_path))
    except FileNotFoundError:
        # an earlier attempt renamed it, and the file was taken away since
        return


def _send(
    session: Session, client: paramiko.SFTPClient, path: Path, part: str, advance: Callable[[float], None]
) -> None:
    try:
        done = client.stat(part).st_size or 0
    except FileNotFoundError:
        done = 0
    if done > path.stat().st_size:
        done = 0
    with path.open("rb") as stream, client.open(part, "r+b" if done else "wb") as remote:
        stream.seek(done)
        remote.seek(done)
        remote.set_pipelined(True)
        while chunk := stream.read(CHUNK_BYTES):
            remote.write(chunk)
            session.progress += len(chunk)
            advance(len(chunk))


def _rename(client: paramiko.SFTPClient, part: str, target_path: str) -> None:
    """Rename and replace a file of that name, which a plain rename does not (draft-ietf-secsh-filexfer-02, 6.5)."""
    try:
        client.posix_rename(part, target_path)
    except FileNotFoundError:
        # an earlier attempt renamed it, and its answer was lost
        client.stat(target_path)
    except PermissionError:
        raise
    except OSError as error:
        if error.errno is not None or is_closed(client):
            raise
        # the server does not support posix-rename@openssh.com
        with contextlib.suppress(FileNotFoundError):
            client.remove(target_path)
        client.rename(part, target_path)


def remove_older_parts(session: Session, folder: str, name: str) -> None:
    """Remove parts of killed uploads of other content, unless the server forbids it; not those of reports."""
    is_part = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part").fullmatch
    with contextlib.suppress(EtlError, OSError):
        for entry in list_entries(session, folder):
            if is_part(entry.name):
                _remove_quietly(session, f"{folder.rstrip('/')}/{entry.name}")


def _remove_quietly(session: Session, path: str) -> None:
    try:
        session.call(f"removing {path}", lambda client: client.remove(path))
    except (EtlError, FileNotFoundError):
        return

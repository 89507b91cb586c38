"""Whole files up: under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import paramiko

from systemscripts.directory_management import compute_sha256
from systemscripts.errors import EtlError, TryLaterError
from systemscripts.ssh import remote
from systemscripts.ssh.remote import find_entry, list_entries
from systemscripts.ssh.session import Session, is_closed

CHUNK = 1 << 18


def upload_file(session: Session, path: Path, folder: str, advance: Callable[[float], None]) -> None:
    """Deliver a file to a remote folder under a temporary name, then rename it; one of its name is replaced.

    Raises EtlError when the server refuses it, TryLaterError when it stays away; no half file then has the name.
    """
    size, goal = path.stat().st_size, f"{folder.rstrip('/')}/{path.name}"
    part = f"{folder.rstrip('/')}/.{path.name}.{compute_sha256(path)[:8]}.part"  # goes on only with the same content
    what = f"the upload of {path.name}"
    try:
        session.call(what, lambda client: _send(session, client, path, part, advance))
        arrived = find_entry(session, part)
        if arrived is None or arrived.size not in (None, size):
            raise EtlError(
                f"{session.login.name}: {what} ended with {arrived.size if arrived else 0} of {size} bytes",
                "Run the same command again; where it stays so, ask the server's owner whether its disk is full.",
            )
        session.call(what, lambda client: _rename(client, part, goal))
        _remove_older_parts(session, folder, path.name)
    except FileNotFoundError as error:
        raise EtlError(f"{session.login.name}: there is no folder {folder}", remote.PATH_HINT) from error
    except TryLaterError:
        raise  # the next try goes on with the part
    except EtlError:
        _remove_quietly(session, part)
        raise


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
        while chunk := stream.read(CHUNK):
            remote.write(chunk)
            session.progress += len(chunk)
            advance(len(chunk))


def _rename(client: paramiko.SFTPClient, part: str, goal: str) -> None:
    """Rename over whatever has the name, which the plain rename does not (draft-ietf-secsh-filexfer-02, 6.5)."""
    try:
        client.posix_rename(part, goal)
    except FileNotFoundError:
        client.stat(goal)  # done already, by a try whose answer was lost
    except PermissionError:
        raise
    except OSError as error:
        if error.errno is not None or is_closed(client):
            raise
        with contextlib.suppress(FileNotFoundError):  # the server does not know posix-rename@openssh.com
            client.remove(goal)
        client.rename(part, goal)


def _remove_older_parts(session: Session, folder: str, name: str) -> None:
    """Remove what killed deliveries of other contents of a file left there; a server that forbids it keeps them."""
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

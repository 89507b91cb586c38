"""What lies on the server: lists, looks, removing and moving."""

from __future__ import annotations

import stat
from dataclasses import dataclass

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR, SFTPError

from systemscripts.errors import EtlError
from systemscripts.ssh.session import Session, is_closed


@dataclass(frozen=True)
class Entry:
    """One line of a list. `name` may be anything the server likes: see `directory_management.unsafe_name`."""

    name: str  # bytes that are no UTF-8 as surrogates
    size: int
    modified: int  # seconds since 1970 by the server's clock
    is_file: bool


def entries(session: Session, folder: str) -> list[Entry]:
    """What lies in a remote folder; raises EtlError when it is not there or not to be read."""
    try:
        return session.call(f"the list of {folder}", lambda client: _entries(client, folder))
    except FileNotFoundError as error:
        raise EtlError(f"{session.login.name}: there is no folder {folder}", "Check path.") from error


def _entries(client: paramiko.SFTPClient, folder: str) -> list[Entry]:
    """As listdir_attr(), which fails altogether when one name is not UTF-8."""
    kind, answer = client._request(CMD_OPENDIR, folder.encode())  # type: ignore[attr-defined]
    if kind != CMD_HANDLE:
        raise SFTPError("expected a handle")
    handle, found = answer.get_binary(), []
    while True:
        try:
            kind, answer = client._request(CMD_READDIR, handle)  # type: ignore[attr-defined]
        except EOFError:
            if not is_closed(client):
                break  # the end of the list; else it was cut
            raise
        if kind != CMD_NAME:
            raise SFTPError("expected names")
        for _ in range(answer.get_int()):
            name, _long_name = answer.get_binary(), answer.get_binary()
            state = paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]
            found.append(_entry(name.decode("utf-8", "surrogateescape"), state))
    client._request(CMD_CLOSE, handle)  # type: ignore[attr-defined]
    return [entry for entry in found if entry.name not in (".", "..")]


def _entry(name: str, state: paramiko.SFTPAttributes) -> Entry:
    is_file = state.st_mode is None or stat.S_ISREG(state.st_mode)
    return Entry(name, state.st_size or 0, int(state.st_mtime or 0), is_file)


def look(session: Session, path: str) -> Entry | None:
    """A remote file as it is now, None where there is none; a link is not followed."""
    try:
        return session.call(f"a look at {path}", lambda client: _entry(path, client.lstat(path)))
    except FileNotFoundError:
        return None


def remove(session: Session, path: str) -> None:
    """Delete a remote file; it may be gone already. Raises EtlError where that is not allowed."""
    try:
        session.call(f"deleting {path}", lambda client: client.remove(path))
    except FileNotFoundError:
        return


def move(session: Session, path: str, folder: str, mark: str) -> None:
    """Move a remote file to another folder, made where it is missing; one of its name there is not overwritten: then
    `mark` becomes part of the name. Raises EtlError where that is not allowed.
    """
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    goal = f"{folder}/{name}"
    if look(session, folder) is None:
        session.call(f"making {folder}", lambda client: client.mkdir(folder))
    elif look(session, goal) is not None:
        goal = f"{folder}/{stem}_{mark}.{ending}" if dot else f"{folder}/{name}_{mark}"
    try:
        session.call(f"moving {path} to {folder}", lambda client: client.rename(path, goal))
    except FileNotFoundError:
        return  # moved by a try whose answer was lost

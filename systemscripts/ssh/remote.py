"""What lies on the server: lists, looks, removing and moving."""

from __future__ import annotations

import contextlib
import re
import stat
from dataclasses import dataclass

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR, SFTPError

from systemscripts.errors import EtlError
from systemscripts.ssh.session import RefusedError, Session, is_closed, is_lost

# the beginning of a line as `ls -l` shows it, which most servers send beside a name: its kind and its rights
PATH_HINT = "Correct path: the folder as the server shows it to this user."
LONG_NAME = re.compile(rb"([-dlbcps])[-rwxsStTl]{9}")


@dataclass(frozen=True)
class Entry:
    """One line of a list. `name` may be anything the server likes: see `directory_management.explain_unsafe_name`.

    Every attribute is optional in the protocol (draft-ietf-secsh-filexfer-02, 5): None where the server does not say.
    """

    name: str  # bytes that are not UTF-8 as surrogates
    size: int | None
    modified: int | None  # seconds since 1970 by the server's clock
    is_file: bool | None

    @property
    def is_complete(self) -> bool:
        """Whether the server says all that is of interest."""
        return None not in (self.size, self.modified, self.is_file)


def differs(first: Entry, second: Entry) -> bool:
    """Whether two looks at a file contradict each other in size or time."""
    pairs = ((first.size, second.size), (first.modified, second.modified))
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def list_entries(session: Session, folder: str) -> list[Entry]:
    """Return what lies in a remote folder; raises EtlError when it is not there or not to be read."""
    try:
        return session.call(f"the list of {folder}", lambda client: list_folder(client, folder))
    except FileNotFoundError as error:
        raise EtlError(f"{session.login.name}: there is no folder {folder}", PATH_HINT) from error


def list_folder(client: paramiko.SFTPClient, folder: str) -> list[Entry]:
    """Do as listdir_attr(), which fails altogether when one name is not UTF-8."""
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
            name, long_name = answer.get_binary(), answer.get_binary()
            state = paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]
            found.append(build_entry(name.decode("utf-8", "surrogateescape"), state, long_name))
    with contextlib.suppress(OSError):
        client._request(CMD_CLOSE, handle)  # type: ignore[attr-defined]
    return [entry for entry in found if entry.name not in (".", "..")]


def build_entry(name: str, state: paramiko.SFTPAttributes, long_name: bytes = b"") -> Entry:
    """Return what a server's attributes say of a file."""
    kind, shown = stat.S_IFMT(state.st_mode or 0), LONG_NAME.match(long_name)
    is_file = kind == stat.S_IFREG if kind else shown[1] == b"-" if shown else None
    return Entry(name, state.st_size, None if state.st_mtime is None else int(state.st_mtime), is_file)


def find_entry(session: Session, path: str) -> Entry | None:
    """Return a remote file as it is now, None where there is none; a link is not followed.

    Raises EtlError where the server does not let us look.
    """
    try:
        return session.call(f"a look at {path}", lambda client: find_entry_once(client, path))
    except FileNotFoundError:
        return None


def find_entry_once(client: paramiko.SFTPClient, path: str) -> Entry:
    """Look at a remote file by whatever request the server knows: LSTAT, STAT, or the list of its folder.

    Raises FileNotFoundError where there is none.
    """
    folder, _, name = path.rpartition("/")
    for ask in (client.lstat, client.stat):
        try:
            return build_entry(name, ask(path))
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as error:
            if is_lost(client, error):
                raise
    for entry in list_folder(client, folder or "/"):
        if entry.name == name:
            return entry
    raise FileNotFoundError(path)


def complete_entry(session: Session, path: str, entry: Entry) -> Entry:
    """Return an entry of a list with what a closer look adds to it."""
    if entry.is_complete:
        return entry
    try:
        seen = find_entry(session, path)
    except RefusedError:
        seen = None
    if seen is None:
        return entry
    return Entry(
        entry.name,
        seen.size if entry.size is None else entry.size,
        seen.modified if entry.modified is None else entry.modified,
        seen.is_file if entry.is_file is None else entry.is_file,
    )


def remove_file(session: Session, path: str) -> None:
    """Delete a remote file; it may be gone already. Raises EtlError where that is not allowed."""
    try:
        session.call(f"deleting {path}", lambda client: client.remove(path))
    except FileNotFoundError:
        return


def move_file(session: Session, path: str, folder: str, mark: str) -> None:
    """Move a remote file to another folder, made where it is missing; one of its name there is not overwritten: then
    `mark` becomes part of the name. Raises EtlError where that is not allowed.
    """
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    goal = f"{folder}/{name}"
    if find_entry(session, folder) is None:
        session.call(f"making {folder}", lambda client: client.mkdir(folder))
    elif find_entry(session, goal) is not None:
        goal = f"{folder}/{stem}_{mark}.{ending}" if dot else f"{folder}/{name}_{mark}"
    try:
        session.call(f"moving {path} to {folder}", lambda client: client.rename(path, goal))
    except FileNotFoundError:
        return  # moved by a try whose answer was lost

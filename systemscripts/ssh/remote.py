"""List, inspect, remove and move the files of a server."""

from __future__ import annotations

import contextlib
import re
import stat
from dataclasses import dataclass

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_HANDLE, CMD_NAME, CMD_OPENDIR, CMD_READDIR, SFTPError

from systemscripts.errors import EtlError
from systemscripts.ssh.session import RefusedError, Session, is_closed, is_lost

PATH_HINT = "Correct path: the folder as the server shows it to this user."
# type and permissions at the beginning of a line of `ls -l`, which most servers send with a name
LONG_NAME = re.compile(rb"([-dlbcps])[-rwxsStTl]{9}")


@dataclass(frozen=True)
class Entry:
    """One entry of a list. `name` may be anything the server likes: see `directory_management.explain_unsafe_name`.

    Every attribute is optional in the protocol (draft-ietf-secsh-filexfer-02, 5): None where the server does not say.
    """

    # bytes that are not UTF-8 as surrogates
    name: str
    size: int | None
    # seconds since 1970 by the clock of the server
    modified: int | None
    is_file: bool | None

    @property
    def is_complete(self) -> bool:
        """Return whether the server sent every attribute."""
        return None not in (self.size, self.modified, self.is_file)

    @property
    def stamp(self) -> str:
        """Return what tells another file of the same size, "" if the server does not say."""
        return "" if self.modified is None else str(self.modified)


def differs(first: Entry, second: Entry) -> bool:
    """Return whether two entries of a file differ in size or time; missing attributes do not count."""
    pairs = ((first.size, second.size), (first.modified, second.modified))
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def list_entries(session: Session, folder: str) -> list[Entry]:
    """Return the entries of a remote folder; raises EtlError if it does not exist or cannot be read."""
    try:
        return session.call(f"the list of {folder}", lambda client: list_folder(client, folder))
    except FileNotFoundError as error:
        raise EtlError(f"{session.login.name}: there is no folder {folder}", PATH_HINT) from error


def list_folder(client: paramiko.SFTPClient, folder: str) -> list[Entry]:
    """Return the entries of a folder; listdir_attr() would fail if one name is not UTF-8."""
    message_type, answer = client._request(CMD_OPENDIR, folder.encode())  # type: ignore[attr-defined]
    if message_type != CMD_HANDLE:
        raise SFTPError("expected a handle")
    handle, result = answer.get_binary(), []
    while True:
        try:
            message_type, answer = client._request(CMD_READDIR, handle)  # type: ignore[attr-defined]
        except EOFError:
            # the end of the list, if the connection is still open
            if not is_closed(client):
                break
            raise
        if message_type != CMD_NAME:
            raise SFTPError("expected names")
        for _ in range(answer.get_int()):
            name, long_name = answer.get_binary(), answer.get_binary()
            state = paramiko.SFTPAttributes._from_msg(answer)  # type: ignore[attr-defined]
            result.append(build_entry(name.decode("utf-8", "surrogateescape"), state, long_name))
    with contextlib.suppress(OSError):
        client._request(CMD_CLOSE, handle)  # type: ignore[attr-defined]
    return [entry for entry in result if entry.name not in (".", "..")]


def build_entry(name: str, state: paramiko.SFTPAttributes, long_name: bytes = b"") -> Entry:
    """Return an entry from the attributes that a server sends."""
    mode_type, listed = stat.S_IFMT(state.st_mode or 0), LONG_NAME.match(long_name)
    is_file: bool | None = None
    if mode_type:
        is_file = mode_type == stat.S_IFREG
    elif listed:
        is_file = listed[1] == b"-"
    return Entry(name, state.st_size, None if state.st_mtime is None else int(state.st_mtime), is_file)


def find_entry(session: Session, path: str) -> Entry | None:
    """Return the entry of a remote file, None if it does not exist; links are not followed.

    Raises EtlError if the server refuses.
    """
    try:
        return session.call(f"reading the attributes of {path}", lambda client: find_entry_once(client, path))
    except FileNotFoundError:
        return None


def find_entry_once(client: paramiko.SFTPClient, path: str) -> Entry:
    """Return the entry of a remote file by LSTAT, STAT or the list of its folder, whichever the server supports.

    Raises FileNotFoundError if it does not exist.
    """
    folder, _, name = path.rpartition("/")
    for request in (client.lstat, client.stat):
        try:
            return build_entry(name, request(path))
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
    """Return an entry of a list, completed by the attributes of the file itself."""
    if entry.is_complete:
        return entry
    try:
        current = find_entry(session, path)
    except RefusedError:
        current = None
    if current is None:
        return entry
    return Entry(
        entry.name,
        current.size if entry.size is None else entry.size,
        current.modified if entry.modified is None else entry.modified,
        current.is_file if entry.is_file is None else entry.is_file,
    )


def remove_file(session: Session, path: str) -> None:
    """Delete a remote file if it exists; raises EtlError if that is not allowed."""
    try:
        session.call(f"deleting {path}", lambda client: client.remove(path))
    except FileNotFoundError:
        return


def move_file(session: Session, path: str, folder: str, mark: str) -> None:
    """Move a remote file to another folder, which is created if it does not exist.

    No file is overwritten: if the name is taken, `mark` is added to it. Raises EtlError if the move is not allowed.
    """
    name = path.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    target_path = f"{folder}/{name}"
    if find_entry(session, folder) is None:
        session.call(f"creating {folder}", lambda client: client.mkdir(folder))
    elif find_entry(session, target_path) is not None:
        target_path = f"{folder}/{stem}_{mark}.{suffix}" if dot else f"{folder}/{name}_{mark}"
    try:
        session.call(f"moving {path} to {folder}", lambda client: client.rename(path, target_path))
    except FileNotFoundError:
        # an earlier attempt moved it, and its answer was lost
        return

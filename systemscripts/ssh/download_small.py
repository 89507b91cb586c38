"""Download many small files together: two exchanges for all of them rather than for each.

Only a file with which all is as announced is taken here; `download.download_file` has the rules for every other, and
for the servers that remove a file once it was read: those of OpenSSH never do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_OPEN,
    CMD_READ,
    SFTP_FLAG_READ,
    int64,
)

from systemscripts.ssh import remote
from systemscripts.ssh.download import REQUEST_BYTES
from systemscripts.ssh.remote import Entry
from systemscripts.ssh.requests import Answer, Answers
from systemscripts.ssh.session import is_openssh


@dataclass(frozen=True)
class SmallFile:
    """A remote file and where to put it."""

    path: str
    entry: Entry
    part: Path


def is_small(entry: Entry) -> bool:
    """Return whether one answer holds a whole file and shows its end, and its attributes show a change."""
    return 0 < (entry.size or 0) < REQUEST_BYTES and entry.modified is not None


def download_small_files(client: paramiko.SFTPClient, files: Sequence[SmallFile]) -> list[bool]:
    """Write the files to their parts; return for each whether it is complete and unchanged since it was listed.

    Raises SSHException, TimeoutError or EOFError when the connection is lost, and OSError of the local disk.
    """
    if not is_openssh(client):
        return [False] * len(files)
    answers = Answers(client)
    opened = answers.ask_all(
        [(CMD_OPEN, file.path.encode(), SFTP_FLAG_READ, paramiko.SFTPAttributes()) for file in files]
    )
    handles = {number: answer.get_binary() for number, (kind, answer) in enumerate(opened) if kind == CMD_HANDLE}
    # the server answers one by one, so that a file is closed after it was read
    asked = answers.ask_all(
        [
            request
            for handle in handles.values()
            for request in ((CMD_READ, handle, int64(0), REQUEST_BYTES), (CMD_FSTAT, handle), (CMD_CLOSE, handle))
        ]
    )
    complete = [False] * len(files)
    for number, data, state in zip(handles, asked[::3], asked[1::3], strict=True):
        file = files[number]
        content = _check_content(file.entry, data, state)
        if content is not None:
            file.part.write_bytes(content)
            complete[number] = True
    return complete


def _check_content(entry: Entry, data: Answer, state: Answer) -> bytes | None:
    """Return the content of a file; None if it is not as it was listed, or if that is not certain.

    Fewer bytes than were asked for end the file, and its state afterwards has the same size.
    """
    content = data[1].get_binary() if data[0] == CMD_DATA else b""
    if state[0] != CMD_ATTRS or len(content) != entry.size:
        return None
    attributes = paramiko.SFTPAttributes._from_msg(state[1])  # type: ignore[attr-defined]
    current = remote.build_entry(entry.name, attributes)
    return content if (current.size, current.modified) == (entry.size, entry.modified) else None

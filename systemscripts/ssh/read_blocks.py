"""Many read requests at once, each with its own answer: data, fewer data than asked for, or the end of the file.

paramiko's own readv() cannot tell the end of a file from a cut connection, and waits for ever behind the first of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.sftp import CMD_DATA, CMD_READ, CMD_STATUS, SFTPError, int64


class _Answers:
    """What the client hands the answers to that nobody waits for one by one."""

    def __init__(self) -> None:
        self.by_number: dict[int, tuple[int, Message]] = {}

    def _async_response(self, kind: int, answer: Message, number: int) -> None:
        self.by_number[number] = kind, answer


def read_blocks(client: paramiko.SFTPClient, handle: Any, blocks: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    """Yield what lies at each (offset, length) of an open file, b"" behind its end; all are asked for at once.

    Raises OSError where the server refuses, SSHException or TimeoutError where the connection is lost.
    """
    answers = _Answers()
    numbers = [
        client._async_request(answers, CMD_READ, handle, int64(offset), length)  # type: ignore[attr-defined]
        for offset, length in blocks
    ]
    for number in numbers:
        while number not in answers.by_number:
            client._read_response()  # type: ignore[attr-defined]
        yield _data(client, *answers.by_number.pop(number))


def _data(client: paramiko.SFTPClient, kind: int, answer: Message) -> bytes:
    if kind == CMD_DATA:
        return answer.get_string()
    if kind != CMD_STATUS:
        raise SFTPError("expected data")
    with contextlib.suppress(EOFError):
        client._convert_status(answer)  # type: ignore[attr-defined]
    return b""

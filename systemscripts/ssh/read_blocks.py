"""Send many read requests at once and return each answer: data, less data than requested, or the end of the file.

readv() of paramiko cannot tell the end of a file from a lost connection, and can wait for ever.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.sftp import CMD_DATA, CMD_READ, CMD_STATUS, SFTPError, int64

from systemscripts.ssh.requests import Answers


def read_blocks(
    client: paramiko.SFTPClient, handle: Any, blocks: Iterable[tuple[int, int]], at_once: int
) -> Iterator[tuple[int, bytes | memoryview]]:
    """Yield the offset and the bytes at each (offset, length) of an open file, b"" beyond its end.

    `at_once`: the number of requests that are not answered yet; with each answer the next one is sent, so that a
    distant server never waits. Raises OSError if the server refuses, SSHException or TimeoutError if the connection is
    lost.
    """
    answers, waiting, more = Answers(client), deque[tuple[int, int]](), iter(blocks)

    def request(offset: int, length: int) -> None:
        waiting.append((offset, answers.request(CMD_READ, handle, int64(offset), length)))

    for block in islice(more, at_once):
        request(*block)
    while waiting:
        offset, number = waiting.popleft()
        yield offset, _parse_data(client, *answers.take(number))
        for block in islice(more, 1):
            request(*block)


def _parse_data(client: paramiko.SFTPClient, message_type: int, answer: Message) -> bytes | memoryview:
    if message_type == CMD_DATA:
        # a copy of each would cost more than its decryption; before the data: number of the request, length
        length = answer.get_int()
        return memoryview(answer.asbytes())[8 : 8 + length]
    if message_type != CMD_STATUS:
        raise SFTPError("expected data")
    with contextlib.suppress(EOFError):
        client._convert_status(answer)  # type: ignore[attr-defined]
    return b""

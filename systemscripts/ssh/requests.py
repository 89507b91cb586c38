"""Send many SFTP requests at once and return their answers in order, which paramiko does for no two files together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paramiko
from paramiko.message import Message
from paramiko.sftp import SFTPError

Answer = tuple[int, Message]
# what claims to be longer is not an answer
MAX_ANSWER_BYTES = 1 << 24


class SftpClient(paramiko.SFTPClient):
    """A client that does not copy each answer once more to take its type off."""

    def _read_packet(self) -> tuple[int, bytes]:
        header = self._read_all(5)  # type: ignore[attr-defined]
        length, message_type = int.from_bytes(header[:4]), header[4]
        # as that of paramiko
        if not 0 < length < MAX_ANSWER_BYTES:
            raise SFTPError("Garbage packet received")
        return message_type, self._read_all(length - 1)  # type: ignore[attr-defined]


class Answers:
    """The receiver of answers that the client does not wait for one by one."""

    def __init__(self, client: paramiko.SFTPClient) -> None:
        self._client = client
        self._by_number: dict[int, Answer] = {}

    def request(self, command: int, *parts: Any) -> int:
        """Send a request; return its number."""
        return int(self._client._async_request(self, command, *parts))  # type: ignore[attr-defined]

    def take(self, number: int) -> Answer:
        """Return the answer to a request, and wait for it if necessary.

        Raises SSHException or TimeoutError if the connection is lost.
        """
        while number not in self._by_number:
            self._client._read_response()  # type: ignore[attr-defined]
        return self._by_number.pop(number)

    def ask_all(self, requests: Sequence[tuple[Any, ...]]) -> list[Answer]:
        """Send all requests, each a command and its parts; return their answers in the same order."""
        numbers = [self.request(*request) for request in requests]
        return [self.take(number) for number in numbers]

    def _async_response(self, message_type: int, answer: Message, number: int) -> None:
        self._by_number[number] = message_type, answer

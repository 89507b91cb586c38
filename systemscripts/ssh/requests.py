"""Send many SFTP requests at once and return their answers in order, which paramiko does for no two files together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paramiko
from paramiko.message import Message

Answer = tuple[int, Message]


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

"""What arrived and was not read so far, of a socket and of a channel: with fewer waits and copies than paramiko's."""

from __future__ import annotations

import socket
from collections import deque
from threading import Condition

from paramiko.buffered_pipe import PipeTimeout

# eight packets of the length that servers send; more would not stay in the cache of the processor
RECEIVED_AT_ONCE_BYTES = 1 << 18
# less than the window (connection.WINDOW_BYTES): otherwise the server would wait for us as we for it
MAX_AWAITED_BYTES = 1 << 20


class ReadAheadSocket(socket.socket):
    """A socket that receives all that is there at once; paramiko reads each packet in two or three pieces."""

    def __init__(self, connection: socket.socket) -> None:
        """Take over an open connection."""
        super().__init__(fileno=connection.detach())
        self._received = memoryview(bytearray(RECEIVED_AT_ONCE_BYTES))
        self._start = self._end = 0

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Return up to `bufsize` bytes, b"" at the end; wait only if none are here."""
        if self._start == self._end:
            self._start, self._end = 0, self.recv_into(self._received, 0, flags)
        start, self._start = self._start, min(self._start + bufsize, self._end)
        return bytes(self._received[start : self._start])


class ReceivedBytes:
    """The buffer of a channel for SFTP: it wakes its reader when all is there that it asked for.

    paramiko's wakes it for each packet, and moves all that remains with each read. In its place, `feed` and `close` are
    called by the thread of the connection.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._pieces: deque[bytes] = deque()
        self._length, self._awaited, self._is_closed = 0, 0, False

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self._length

    def read_ready(self) -> bool:
        """Return whether anything is here, which uploads ask."""
        return self._length > 0

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        with self._changed:
            self._pieces.append(data)
            self._length += len(data)
            if self._length >= self._awaited:
                self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more arrives."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes: fewer than asked for at the end, or if that were more than MAX_AWAITED_BYTES.

        Raises PipeTimeout if nothing arrives for `timeout` seconds.
        """
        with self._changed:
            self._awaited = min(nbytes, MAX_AWAITED_BYTES)
            while self._length < self._awaited and not self._is_closed:
                before = self._length
                if not self._changed.wait(timeout) and self._length == before:
                    raise PipeTimeout
            return self._take(min(nbytes, self._length))

    def _take(self, length: int) -> bytes:
        """Remove the next bytes and return them, copied once."""
        taken, missing = [], length
        while missing:
            piece = self._pieces.popleft()
            if len(piece) > missing:
                self._pieces.appendleft(piece[missing:])
                piece = piece[:missing]
            taken.append(piece)
            missing -= len(piece)
        self._length -= length
        return b"".join(taken)

"""The bytes that a channel has received and that nothing has read so far."""

from __future__ import annotations

from paramiko.buffered_pipe import BufferedPipe


class ReceivedBytes(BufferedPipe):  # type: ignore[type-arg]
    """A buffer that copies what is read once; that of paramiko moves all that remains with each read."""

    def __init__(self) -> None:
        super().__init__()
        # bytes are removed from its beginning without moving the others, which an array cannot do
        self._buffer = bytearray()

    def _buffer_frombytes(self, data: bytes) -> None:
        self._buffer += data

    def _buffer_tobytes(self, limit: int | None = None) -> bytes:
        with memoryview(self._buffer) as view:
            return bytes(view[:limit])

"""A fork of this process that does part of its work, with everything it knows; they exchange messages of bytes."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO

SIZE = struct.Struct(">Q")
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in prctl(2)

Life = Callable[[IO[bytes], IO[bytes]], None]


def is_possible() -> bool:
    """True on a machine with two processors."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


class ForkedProcess:
    """The other process, seen from here: `down` goes to it, `up` comes from it; `life` is all it does."""

    def __init__(self, life: Life) -> None:
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(down_write)
            os.close(up_read)
            _live(life, os.fdopen(down_read, "rb"), os.fdopen(up_write, "wb"))
        os.close(down_read)
        os.close(up_write)
        self.down, self.up = os.fdopen(down_write, "wb", buffering=0), os.fdopen(up_read, "rb")

    def end(self) -> None:
        """End the process, whatever it does."""
        with suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        for stream in (self.down, self.up):
            with suppress(OSError):
                stream.close()


def _live(life: Life, source: IO[bytes], target: IO[bytes]) -> None:
    try:
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)  # the run is the parent's
        life(source, target)
    finally:
        with suppress(OSError):
            target.flush()
        os._exit(0)


def write_message(stream: IO[bytes], content: bytes) -> None:
    """Send one message; waits while nobody takes it."""
    rest = memoryview(SIZE.pack(len(content)) + content)
    while rest:
        rest = rest[stream.write(rest) :]


def read_message(stream: IO[bytes]) -> bytes | None:
    """The next message; None when no more comes."""
    head = stream.read(SIZE.size)
    return stream.read(SIZE.unpack(head)[0]) if len(head) == SIZE.size else None

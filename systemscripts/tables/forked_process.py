"""Fork this process to share its work. Parent and child exchange messages of bytes."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO

LENGTH_PREFIX = struct.Struct(">Q")
# PR_SET_PDEATHSIG in prctl(2)
PARENT_DEATH_SIGNAL = 1

ChildWork = Callable[[IO[bytes], IO[bytes]], None]


def is_possible() -> bool:
    """Return whether this is Linux with at least two processors for this process."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


class ForkedProcess:
    """The child process as its parent sees it: write to `down`, read from `up`."""

    def __init__(self, work: ChildWork) -> None:
        """Start a child that calls `work(source, target)` and exits."""
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(down_write)
            os.close(up_read)
            _run_child(work, os.fdopen(down_read, "rb"), os.fdopen(up_write, "wb"))
        os.close(down_read)
        os.close(up_write)
        self.down, self.up = os.fdopen(down_write, "wb", buffering=0), os.fdopen(up_read, "rb")

    def end(self) -> None:
        """Kill the child, whether it has finished or not, and close the pipes."""
        # a confined process sends no signals; its child ends when it writes into a closed pipe
        with suppress(ProcessLookupError, PermissionError):
            os.kill(self._process, signal.SIGKILL)
        for stream in (self.down, self.up):
            with suppress(OSError):
                stream.close()
        os.waitpid(self._process, 0)


def _run_child(work: ChildWork, source: IO[bytes], target: IO[bytes]) -> None:
    try:
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            # Only the parent ends the run in an orderly way.
            signal.signal(number, signal.SIG_DFL)
        work(source, target)
    finally:
        with suppress(OSError):
            target.flush()
        os._exit(0)


def write_message(stream: IO[bytes], content: bytes) -> None:
    """Send one message. Block while the other process does not read."""
    rest = memoryview(LENGTH_PREFIX.pack(len(content)) + content)
    while rest:
        rest = rest[stream.write(rest) :]


def read_message(stream: IO[bytes]) -> bytes | None:
    """Return the next message, or None when the other process has closed the stream."""
    prefix = stream.read(LENGTH_PREFIX.size)
    return stream.read(LENGTH_PREFIX.unpack(prefix)[0]) if len(prefix) == LENGTH_PREFIX.size else None

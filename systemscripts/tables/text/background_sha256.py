"""SHA-256 of an open file in a thread of its own, while the main one looks at its text.

Both hashing and reading free the interpreter lock, so on two cores the digest of a large file costs hardly any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import threading
from pathlib import Path

USUAL_SECONDS = sys.getswitchinterval()
SHORT_SECONDS = USUAL_SECONDS / 10  # how long the main thread may make us wait, which happens twice for each piece
PIECE_BYTES = 8 * 2**20  # each turn of the lock may have to wait for the main thread


_begun: dict[tuple[int, int, int, int], Digest] = {}  # at most one, by the file's place, size and time


def start_digest(path: Path) -> None:
    """Begin with the digest of a large file that is opened soon; one begun before that nobody asked for is given up."""
    _give_up()
    with contextlib.suppress(OSError):  # whoever opens it says so
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            state = os.fstat(descriptor)
            if state.st_size > PIECE_BYTES and stat.S_ISREG(state.st_mode):
                _begun[_look(state)] = Digest(descriptor, state.st_size)
        finally:
            os.close(descriptor)


def take_digest(descriptor: int) -> Digest:
    """The digest of an open file: the one begun before, where the file is still the same, else a new one."""
    state = os.fstat(descriptor)
    found = _begun.pop(_look(state), None)
    _give_up()
    return found or Digest(descriptor, state.st_size)


def _look(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _give_up() -> None:
    while _begun:
        _begun.popitem()[1].stop()


class Digest:
    """The digest of the file behind a descriptor, from its first byte to its last; the position is left alone."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._sum = hashlib.sha256()
        self._error: OSError | None = None
        self._stopped = False
        own = os.dup(descriptor)  # whoever opened the file may close it before we are done
        self._thread: threading.Thread | None = None
        if size > PIECE_BYTES:
            self._thread = threading.Thread(target=self._work, args=(own,), name="etl-digest", daemon=True)
            sys.setswitchinterval(SHORT_SECONDS)
            self._thread.start()
        else:
            self._work(own)

    def hexdigest(self) -> str:
        """The digest, as soon as the last byte is read. Raises OSError when the file cannot be read."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._sum.hexdigest()

    def stop(self) -> None:
        """Nobody wants the digest any more."""
        self._stopped = True

    def _work(self, descriptor: int) -> None:
        try:
            piece = memoryview(bytearray(PIECE_BYTES))
            start = 0
            while not self._stopped and (size := os.preadv(descriptor, [piece], start)):
                self._sum.update(piece[:size])
                start += size
        except OSError as error:
            self._error = error
        finally:
            os.close(descriptor)
            sys.setswitchinterval(USUAL_SECONDS)

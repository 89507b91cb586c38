"""Compute the SHA-256 of an open file in a thread, while the main thread analyses its text.

Hashing and reading both release the interpreter lock, so on two cores the digest of a large file costs little time.
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
# The main thread may hold the lock this long, twice for each piece.
SHORT_SECONDS = USUAL_SECONDS / 10
# Large, since each acquisition of the lock may have to wait for the main thread.
PIECE_BYTES = 8 * 2**20

# At most one digest, by the device, inode, size and time of its file.
_started: dict[tuple[int, int, int, int], Digest] = {}


def start_digest(path: Path) -> None:
    """Start the digest of a large file that will be opened soon. An earlier one that was not used is stopped."""
    _stop_unused()
    # open_table reports the error.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            state = os.fstat(descriptor)
            if state.st_size > PIECE_BYTES and stat.S_ISREG(state.st_mode):
                _started[_identify(state)] = Digest(descriptor, state.st_size)
        finally:
            os.close(descriptor)


def take_digest(descriptor: int) -> Digest:
    """Return the digest of an open file: the one that was started if the file is unchanged, else a new one."""
    state = os.fstat(descriptor)
    started = _started.pop(_identify(state), None)
    _stop_unused()
    return started or Digest(descriptor, state.st_size)


def _identify(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _stop_unused() -> None:
    while _started:
        _started.popitem()[1].stop()


class Digest:
    """The digest of the whole file of a descriptor. The position of the descriptor does not change."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._sum = hashlib.sha256()
        self._error: OSError | None = None
        self._stopped = False
        # The caller may close the file before the digest is finished.
        own_descriptor = os.dup(descriptor)
        self._thread: threading.Thread | None = None
        if size > PIECE_BYTES:
            self._thread = threading.Thread(
                target=self._hash_file, args=(own_descriptor,), name="etl-digest", daemon=True
            )
            sys.setswitchinterval(SHORT_SECONDS)
            self._thread.start()
        else:
            self._hash_file(own_descriptor)

    def hexdigest(self) -> str:
        """Wait for the digest and return it. Raises OSError when the file cannot be read."""
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._sum.hexdigest()

    def stop(self) -> None:
        """Stop hashing, since the digest is not needed."""
        self._stopped = True

    def _hash_file(self, descriptor: int) -> None:
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

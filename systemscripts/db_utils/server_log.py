"""The log of the embedded server: kept small, for the server never closes it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAME = "server.log"
MAX_BYTES = 10_000_000  # years of a quiet server, and still quick to open


def is_large(folder: Path) -> bool:
    """Return whether the log in the server's folder wants to be rotated."""
    path = folder / NAME
    return path.is_file() and path.stat().st_size > MAX_BYTES


def rotate(folder: Path) -> None:
    """Keep a large log as server.log.1, which replaces the one before, and empty it.

    It is copied and cut, not renamed: the server appends to the file that it has open for as long as it lives.
    """
    if not is_large(folder):
        return
    path = folder / NAME
    kept = path.with_name(f"{NAME}.1")
    shutil.copy2(path, kept)
    if os.geteuid() == 0:  # the server's user reads its own log
        state = path.stat()
        os.chown(kept, state.st_uid, state.st_gid)
    os.truncate(path, 0)

"""Keep the log of the embedded server small, which the server itself never closes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from systemscripts.db_utils import embedded_programs

NAME = "server.log"
# Years of a quiet server, and still quick to open.
MAX_BYTES = 10_000_000


def is_large(folder: Path) -> bool:
    """Return whether the log in the server's folder is due for rotation."""
    path = folder / NAME
    return path.is_file() and path.stat().st_size > MAX_BYTES


def rotate(folder: Path) -> None:
    """Keep a large log as server.log.1, which replaces the one before, and empty it.

    The log is copied and truncated, not renamed: the server appends to the open file as long as it runs.
    """
    if is_large(folder):
        embedded_programs.act_as_owner(folder, lambda: _rotate(folder / NAME))


def _rotate(path: Path) -> None:
    shutil.copy2(path, path.with_name(f"{NAME}.1"))
    os.truncate(path, 0)

"""Prepare large downloads in the background: with progress, limits per user and in all, kept for an hour.

The files have no name on the disk, so they go with the console's process, however it ends.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from werkzeug.exceptions import TooManyRequests

from systemscripts.errors import EtlError
from webconsole import downloads
from webconsole.queries.table_views import TableView

logger = logging.getLogger(__name__)
# a file of more rows is prepared in the background; fewer take a few seconds
BACKGROUND_ROWS = 50_000
# files that are written at once: each needs a connection and processor time that pages need too
WRITERS = 2
# of one user and of all, being written or ready
MAX_OF_ONE_USER, MAX_IN_ALL = 4, 16
KEEP_SECONDS = 3600.0


@dataclass
class Prepared:
    """A file that is written, or ready to be sent."""

    user_name: str
    name: str
    suffix: str
    # None: not known
    expected_rows: int | None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: float = field(default_factory=time.time)
    rows: int = 0
    # waiting, running, ready, failed
    state: str = "waiting"
    error: str = ""
    size: int = 0
    is_cancelled: bool = False
    file: downloads.TemporaryFile | None = None

    @property
    def percent(self) -> int | None:
        """Return how much of it is written, None if that is not known."""
        if self.state == "ready":
            return 100
        return min(99, self.rows * 100 // self.expected_rows) if self.expected_rows else None

    def count(self, rows: int) -> bool:
        """Note how many rows are written; return whether to go on."""
        self.rows = rows
        return not self.is_cancelled


_known: dict[str, Prepared] = {}
_lock = threading.Lock()
_writers = ThreadPoolExecutor(WRITERS, "console-download")


def start(view: TableView, suffix: str, name: str, user_name: str, expected_rows: int | None) -> Prepared:
    """Start to write a file; raise TooManyRequests (429) if the user, or all users together, have too many."""
    item = Prepared(user_name, name, suffix, expected_rows)
    with _lock:
        _forget_old()
        mine = sum(other.user_name == user_name for other in _known.values())
        if mine >= MAX_OF_ONE_USER or len(_known) >= MAX_IN_ALL:
            whose = "Your downloads" if mine >= MAX_OF_ONE_USER else "The downloads of all users"
            raise TooManyRequests(f"{whose} are too many. Remove one that is no longer needed, then try again.")
        _known[item.key] = item
    _writers.submit(_write, item, view)
    return item


def list_mine(user_name: str) -> list[Prepared]:
    """Return the files of a user, newest first."""
    with _lock:
        _forget_old()
        return sorted(
            (item for item in _known.values() if item.user_name == user_name),
            key=lambda item: item.started_at, reverse=True,
        )  # fmt: skip


def find(key: str, user_name: str) -> Prepared | None:
    """Return a file of a user."""
    with _lock:
        _forget_old()
        item = _known.get(key)
        return item if item and item.user_name == user_name else None


def remove(key: str, user_name: str) -> None:
    """Stop writing a file of a user, or remove it."""
    with _lock:
        item = _known.get(key)
        if item and item.user_name == user_name:
            _drop(item)


def open_again(item: Prepared) -> IO[bytes]:
    """Return a file that is ready as one of its own, which is closed after sending; it can be sent again."""
    assert item.file is not None
    return Path(f"/proc/self/fd/{item.file.stream.fileno()}").open("rb")


def _forget_old() -> None:
    for item in [item for item in _known.values() if time.time() - item.started_at > KEEP_SECONDS]:
        _drop(item)


def _drop(item: Prepared) -> None:
    item.is_cancelled = True
    _known.pop(item.key, None)
    # the writer closes what it still writes
    if item.state in ("ready", "failed") and item.file is not None:
        item.file.close()


def _write(item: Prepared, view: TableView) -> None:
    file = None
    try:
        if item.is_cancelled:
            return
        item.state = "running"
        file = downloads.TemporaryFile()
        downloads.fill_file(file, view, item.suffix, item.count)
        item.size = file.stream.seek(0, 2)
        file.stream.flush()
        with _lock:
            item.file, item.state = file, "ready"
            if item.is_cancelled:
                file.close()
    except Exception as error:
        if file is not None:
            file.close()
        item.state = "failed"
        item.error = str(error) if isinstance(error, EtlError) else "An internal error occurred."
        if not item.is_cancelled and not isinstance(error, EtlError):
            logger.error("console: the download %s failed", item.name, exc_info=error)

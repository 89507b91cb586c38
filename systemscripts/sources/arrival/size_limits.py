"""What may come in by one fetch: complete files up to MAX_FILE_GB, as long as KEEP_FREE_GB of the disk stay free."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from systemscripts import settings
from systemscripts.errors import BadDataError, EtlError, TooLargeError, TryLaterError
from systemscripts.sources import Fetched, Request

# Of st_blocks in stat(2).
BLOCK_BYTES = 512
# Of text that is not sparse nearly all is stored; small files may be stored within the entry of their folder.
MIN_STORED_SHARE = 0.5
MIN_SPARSE_BYTES = 2**20


def may_have_holes(state: os.stat_result) -> bool:
    """Return whether less than half of a file is stored: it has holes, or its file system compresses."""
    stored = state.st_blocks * BLOCK_BYTES
    return state.st_size >= MIN_SPARSE_BYTES and stored < state.st_size * MIN_STORED_SHARE


def refuse_holes(what: str, descriptor: int) -> None:
    """Raise BadDataError for an open file that mostly consists of holes: it is incomplete, or made to fill a disk."""
    state = os.fstat(descriptor)
    if not may_have_holes(state):
        return
    stored = state.st_blocks * BLOCK_BYTES
    hole = os.lseek(descriptor, 0, os.SEEK_HOLE)
    os.lseek(descriptor, 0, os.SEEK_SET)
    if hole < state.st_size:
        raise BadDataError(
            f"{what} is not fetched: only {stored / 2**20:,.1f} of its {state.st_size / 2**20:,.1f} MB are stored,"
            " the rest are holes",
            "Ask the sender to deliver the complete file.",
        )


def check_free_space(what: str, folder: Path) -> None:
    """Raise TryLaterError if so little space is free in a folder that nothing more of a download may come in."""
    free, kept_gb = shutil.disk_usage(folder).free, settings.current().keep_free_gb
    if free < kept_gb * 2**30:
        raise TryLaterError(
            f"{what}: {free / 2**30:,.2f} GB are free in {folder}, and KEEP_FREE_GB keeps {kept_gb:g}",
            "Free space, then run the same command again: it resumes.",
        )


class SizeLimits:
    """The limits of one fetch; the files that it admits count together."""

    def __init__(self, request: Request, fetched: Fetched) -> None:
        self._folder, self._fetched = request.directories.create().temporary, fetched
        self._admitted_bytes = 0

    def try_admit(self, what: str, size: int, stored_bytes: int | None = None) -> bool:
        """Return whether a file may come in; the reason why not is added to the failures of the fetch.

        `stored_bytes`: what a sparse file takes on a disk.
        """
        needed = size if stored_bytes is None else stored_bytes
        if failure := self._find_failure(what, size, needed):
            self._fetched.failures.append(failure)
            return False
        self._admitted_bytes += needed
        return True

    def _find_failure(self, what: str, size: int, needed: int) -> EtlError | None:
        current_settings = settings.current()
        if size > current_settings.max_file_gb * 2**30:
            return TooLargeError(what, size, current_settings.max_file_gb)
        free = shutil.disk_usage(self._folder).free - self._admitted_bytes
        if free - needed < current_settings.keep_free_gb * 2**30:
            return TryLaterError(
                f"{what} ({needed / 2**30:,.2f} GB) is not fetched: {free / 2**30:,.2f} GB are free in {self._folder},"
                f" and KEEP_FREE_GB keeps {current_settings.keep_free_gb:g}",
                "Free space, then run the same command again; the file is still at its source.",
            )
        return None

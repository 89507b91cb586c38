"""Folders for files while they are unpacked or parsed: on the disk of the data folder, which is never filled up."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from systemscripts.errors import TryLaterError

# A check of the disk costs nothing compared to writing this much.
CHECK_EVERY_BYTES = 64 * 2**20
# For files of users who may not write to the data folder; hier(7) keeps it on a disk.
SHARED_FOLDER = Path("/var/tmp")
# Prefixes of the folders in which a packed file, or a member of a zip of the archive, is unpacked.
UNPACKED_PREFIX, UNZIPPED_PREFIX = "unpacked-", "unzipped-"


def choose_folder() -> Path:
    """Return the folder for temporary files: var/unpacked/ of the data folder.

    It is never /tmp, which may be small or memory. A user who may not write to the data folder, for example a user of
    xls_to_csv.py, gets /var/tmp, which is on a disk.
    """
    own = _get_unpack_folder()
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:
        return SHARED_FOLDER
    return own if os.access(own, os.W_OK | os.X_OK) else SHARED_FOLDER


def _get_unpack_folder() -> Path:
    # imported while a parser starts
    from systemscripts import settings

    return settings.current().etl_data_dir / "var" / "unpacked"


@contextmanager
def create_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Create a folder and remove it afterwards. If this process is killed, the next start removes it.

    A kernel lock marks the folder as in use. It ends with the process, even if that is killed.
    """
    parent = parent or choose_folder()
    remove_leftovers(parent)
    folder, descriptor = _create_locked_folder(prefix, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _create_locked_folder(prefix: str, parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Another process that removes leftovers may have removed it before it was locked.
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def remove_leftovers(parent: Path | None = None) -> None:
    """Remove the folders of killed processes, which are no longer locked."""
    parent = parent or _get_unpack_folder()
    for prefix in (UNPACKED_PREFIX, UNZIPPED_PREFIX):
        for leftover in parent.glob(f"{prefix}*"):
            # It may belong to another user, be in use, or be gone by now.
            with suppress(OSError):
                descriptor = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(leftover, ignore_errors=True)
                finally:
                    os.close(descriptor)


class SpaceCheck:
    """Stops what is written to a folder before the disk is full."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._unchecked_bytes = folder, 0

    def add(self, size: int) -> None:
        """Count `size` more bytes that were written. Raises TryLaterError when little space is left."""
        self._unchecked_bytes += size
        if self._unchecked_bytes < CHECK_EVERY_BYTES:
            return
        self._unchecked_bytes = 0
        from systemscripts import settings

        kept_gb = settings.current().keep_free_gb
        if shutil.disk_usage(self._folder).free < kept_gb * 2**30:
            raise TryLaterError(
                f"less than KEEP_FREE_GB={kept_gb:g} are left in {self._folder}, too little to unpack the file",
                "Free space, or give ETL_DATA_DIR a larger disk; then run the same command again.",
            )

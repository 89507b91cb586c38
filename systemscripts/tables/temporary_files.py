"""Where what is unpacked or parsed lies meanwhile: on the disk of the data folder, and never to its last byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from systemscripts import settings
from systemscripts.errors import TryLaterError

CHECK_EVERY_BYTES = 64 * 2**20
RESERVE_BYTES = 256 * 2**20  # what the database, the logs and the archive may need meanwhile


def folder() -> Path:
    """Return the folder for temporary files: $TMPDIR where it is set, else var/unpacked/ of the data folder.

    Who may not write there, such as an ordinary user of xls_to_csv.py, gets the system's.
    """
    if os.environ.get("TMPDIR"):
        return Path(tempfile.gettempdir())
    own = settings.current().etl_data_dir / "var" / "unpacked"
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return own if os.access(own, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


class SpaceCheck:
    """Counts what is written to a folder, and ends it before the disk is full."""

    def __init__(self, place: Path) -> None:
        self._place, self._unchecked = place, 0

    def add(self, size: int) -> None:
        """Count `size` more bytes. Raises TryLaterError when little space is left."""
        self._unchecked += size
        if self._unchecked < CHECK_EVERY_BYTES:
            return
        self._unchecked = 0
        if shutil.disk_usage(self._place).free < RESERVE_BYTES:
            raise TryLaterError(
                f"less than {RESERVE_BYTES >> 20} MB are left in {self._place}, too little to unpack the file",
                "Free space, or set TMPDIR to a folder on a larger disk; then run the same command again.",
            )

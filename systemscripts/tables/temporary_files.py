"""Where what is unpacked or parsed lies meanwhile: on the disk of the data folder, and never to its last byte."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from systemscripts import settings
from systemscripts.errors import TryLaterError

CHECK_EVERY_BYTES = 64 * 2**20
RESERVE_BYTES = 256 * 2**20  # what the database, the logs and the archive may need meanwhile
# of the folders in which a packed file is unpacked, and a member of a zip of the archive
UNPACKED_PREFIX, UNZIPPED_PREFIX = "unpacked-", "unzipped-"


def choose_folder() -> Path:
    """Return the folder for temporary files: $TMPDIR where it is set, else var/unpacked/ of the data folder.

    Who may not write there, such as an ordinary user of xls_to_csv.py, gets the system's.
    """
    if os.environ.get("TMPDIR"):
        return Path(tempfile.gettempdir())
    own = _own()
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return own if os.access(own, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _own() -> Path:
    return settings.current().etl_data_dir / "var" / "unpacked"


@contextmanager
def create_folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Give a folder that is gone afterwards; where this process is killed, with the next start.

    It is held by a kernel lock, which ends with the process however that ends.
    """
    place = place or choose_folder()
    remove_leftovers(place)
    made, descriptor = _locked_folder(prefix, place)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(descriptor)


def _locked_folder(prefix: str, place: Path) -> tuple[Path, int]:
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        # whoever removes leftovers may have been here before the lock
        with suppress(FileNotFoundError):
            descriptor = os.open(made, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if made.exists():
                return made, descriptor
            os.close(descriptor)


def remove_leftovers(place: Path | None = None) -> None:
    """Remove the folders of killed processes, which nobody holds any longer."""
    place = place or _own()
    for prefix in (UNPACKED_PREFIX, UNZIPPED_PREFIX):
        for left in place.glob(f"{prefix}*"):
            # somebody else's, in use, or gone by now
            with suppress(OSError):
                descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    os.close(descriptor)


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

"""Opens the only table in a tar archive."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

HEADER_BYTES = 512
CHECKSUM = slice(148, 156)
PACKED_BY = ("tar_parser", "tar")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the first block is a header whose checksum is right (POSIX 1003.1, pax, ustar and older forms)."""
    header = head[:HEADER_BYTES]
    written = header[CHECKSUM].strip(b"\0 ")
    if len(header) < HEADER_BYTES or not header[0] or not written or not set(written) <= set(b"01234567"):
        return False
    counted = sum(header) - sum(header[CHECKSUM]) + 8 * ord(" ")
    return int(written, 8) == counted


def open(path: Path, options: ReadingOptions) -> Table:
    """Unpack and open. Raises BadDataError, which lists the files, where there is not exactly one table."""
    from systemscripts.tables.workbooks import unpack

    return unpack.open_unpacked(path, options, *PACKED_BY)

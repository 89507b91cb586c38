"""Opens the file inside a gzip file."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

PACKED_BY = ("gzip_parser", "gzip")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is gzip (RFC 1952)."""
    return head.startswith(b"\x1f\x8b\x08")


def open(path: Path, options: ReadingOptions) -> Table:
    """Unpack and open. Raises BadDataError where it is damaged or unpacks to too much."""
    from systemscripts.tables.workbooks import unpack

    return unpack.open_unpacked(path, options, *PACKED_BY)

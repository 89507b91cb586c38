"""A gzipped file: what it holds is opened as if it had come unpacked."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.workbooks import unpack

PACKED_BY = ("gzip_parser", "gzip")


def recognises(head: bytes, path: Path) -> bool:
    """True for gzip (RFC 1952)."""
    return head.startswith(b"\x1f\x8b\x08")


def open(path: Path, options: ReadingOptions) -> Table:
    """Unpack and open. Raises BadDataError when it is damaged or explodes."""
    return unpack.open_unpacked(path, options, *PACKED_BY)

"""Opens the file inside a bzip2 file."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

PACKED_BY = ("bzip2_parser", "bzip2")
# what follows the size of the blocks: the first block, or the end of an empty file
MARKS = (b"1AY&SY", b"\x17rE8P\x90")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is bzip2."""
    return head.startswith(b"BZh") and head[4:10] in MARKS


def open(path: Path, options: ReadingOptions) -> Table:
    """Unpack and open. Raises BadDataError where it is damaged or unpacks to too much."""
    from systemscripts.tables.workbooks import unpack

    return unpack.open_unpacked(path, options, *PACKED_BY)

"""Opens Parquet files; their columns have types, which count where the configuration declares none."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

MARK = b"PAR1"
TYPE_NAME = "Parquet file"
HEAD_BYTES = 512


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file begins as Parquet, and not as a text that begins with the same letters."""
    return head.startswith(MARK) and any(byte < 9 for byte in head[:HEAD_BYTES])


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the rows of the file."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, ("parquet_parser",), TYPE_NAME)

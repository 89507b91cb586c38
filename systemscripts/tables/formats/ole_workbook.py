"""Legacy workbooks: XLS (BIFF) in an OLE container (MS-CFB)."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table


def recognises(head: bytes, path: Path) -> bool:
    """True for every OLE container; the parser says what is in it."""
    return head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def open(path: Path, options: ReadingOptions) -> Table:
    """Open a workbook. Raises BadDataError with what the container really is."""
    from systemscripts.tables import spooled  # not for every CSV

    return spooled.open_spooled(path, options, ("calamine_parser", "xlrd_parser"), "Excel workbook")

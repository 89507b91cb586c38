"""Workbooks in a zip: XLSX, XLSM, XLSB, ODS."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table


def recognises(head: bytes, path: Path) -> bool:
    """True for every zip; the parser says what is in it."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


def open(path: Path, options: ReadingOptions) -> Table:
    """Open a workbook. Raises BadDataError with what the zip really is."""
    from systemscripts.tables import spooled  # not for every CSV

    return spooled.open_spooled(path, options, ("xlsx_parser", "calamine_parser", "openpyxl_parser"), "Excel workbook")

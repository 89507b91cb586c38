"""XML Spreadsheet 2003, mostly named .xls or .xml (root Workbook of urn:schemas-microsoft-com:office:spreadsheet)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.workbooks import spooled_table

BEGIN = re.compile(rb"\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*<(?:\w+:)?Workbook\b[^>]*", re.DOTALL)
KIND = "XML Spreadsheet"


def recognises(head: bytes, path: Path) -> bool:
    """True when the first element is a Workbook of that namespace."""
    text = head[:8192].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    found = BEGIN.match(text)
    return found is not None and b"urn:schemas-microsoft-com:office:spreadsheet" in found.group()


def open(path: Path, options: ReadingOptions) -> Table:
    """Open a workbook."""
    return spooled_table.open_spooled(path, options, parsers(path), KIND)


def parsers(path: Path) -> Sequence[str]:
    """Who is asked."""
    return ("xml_spreadsheet_parser",)

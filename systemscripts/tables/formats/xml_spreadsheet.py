"""Opens XML Spreadsheet 2003, mostly named .xls or .xml."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

BEGIN = re.compile(rb"\s*(?:<\?[^>]*\?>\s*|<!--.*?-->\s*)*<(?:\w+:)?Workbook\b[^>]*", re.DOTALL)
TYPE_NAME = "XML Spreadsheet"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the first element is a Workbook of the namespace urn:schemas-microsoft-com:office:spreadsheet."""
    text = head[:8192].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    match = BEGIN.match(text)
    return match is not None and b"urn:schemas-microsoft-com:office:spreadsheet" in match.group()


def open(path: Path, options: ReadingOptions) -> Table:
    """Open a workbook."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, parsers(path), TYPE_NAME)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to try, in this order."""
    return ("xml_spreadsheet_parser",)

"""HTML pages: tables named .xls, and pages that a server sent instead of a table."""

from __future__ import annotations

import re
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

BEGIN = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|meta|title|style|body|table|div|center|font)\b",
    re.IGNORECASE | re.DOTALL,
)


def recognises(head: bytes, path: Path) -> bool:
    """True when the text begins as a page does."""
    text = head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")  # UTF-16 becomes ASCII without its zeros
    return BEGIN.match(text) is not None


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the table of a page that holds most. Raises BadDataError for an error or login page."""
    from systemscripts.tables import spooled  # not for every CSV

    return spooled.open_spooled(path, options, ("html_parser",), "HTML page")

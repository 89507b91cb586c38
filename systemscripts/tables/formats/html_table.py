"""Opens HTML pages: tables named .xls, pages that a server sent instead of a table, complete pages (MHTML)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

BEGIN = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|meta|title|style|body|table|div|center|font)\b",
    re.IGNORECASE | re.DOTALL,
)
SAVED_WHOLE = re.compile(rb"\s*(?:[\w-]+:[^\r\n]*[\r\n]+(?:[ \t][^\r\n]*[\r\n]+)*)*?mime-version:", re.IGNORECASE)
TYPE_NAME = "HTML page"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins like an HTML page."""
    # Without its zeros, UTF-16 becomes ASCII.
    text = head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return BEGIN.match(text) is not None or (b"multipart/related" in text and SAVED_WHOLE.match(text) is not None)


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the table with most cells. Raises BadDataError for an error page or a login page."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, parsers(path), TYPE_NAME)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to try, in this order."""
    return ("html_parser",)

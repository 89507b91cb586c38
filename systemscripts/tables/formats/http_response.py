"""Opens the body of an HTTP response that was saved with its headers (`curl -i`)."""

from __future__ import annotations

import re
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

BEGIN = re.compile(rb"HTTP/\d(?:\.\d)? \d{3}[ \r\n]")
PACKED_BY = ("http_parser", "HTTP response")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins with the status line of a response."""
    return BEGIN.match(head) is not None


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the body. Raises BadDataError with the words of the server for an error response."""
    from systemscripts.tables.workbooks import unpack

    return unpack.open_unpacked(path, options, *PACKED_BY)

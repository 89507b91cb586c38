"""An answer of a web server saved with its head (`curl -i`): what stands behind the head is opened."""

from __future__ import annotations

import re
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.workbooks import unpack

BEGIN = re.compile(rb"HTTP/\d(?:\.\d)? \d{3}[ \r\n]")
PACKED_BY = ("http_parser", "HTTP answer")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins with the status line of an answer."""
    return BEGIN.match(head) is not None


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the body. Raises BadDataError, with the words of the server, for an answer that is an error."""
    return unpack.open_unpacked(path, options, *PACKED_BY)

"""JSON: an array of objects, {"value": [...]} as OData sends it, or one object per line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.workbooks import spooled_table

BEGIN = re.compile(rb'\s*(?:\[\s*(?:\{\s*["}]|\])|\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}))')
KIND = "JSON"
NAMES = (".json", ".jsonl", ".ndjson")


def recognises(head: bytes, path: Path) -> bool:
    """True when the text begins as an array of objects or an object does; of a file named so, any array or object."""
    text = head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if path.suffix.lower() in NAMES and text.lstrip()[:1] in (b"[", b"{"):
        return True  # what is wrong with it is then said in the terms of JSON
    return BEGIN.match(text) is not None


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the objects as rows. Raises BadDataError when the JSON breaks off or holds no objects."""
    return spooled_table.open_spooled(path, options, parsers(path), KIND)


def parsers(path: Path) -> Sequence[str]:
    """Who is asked."""
    return ("json_parser",)

"""Opens JSON: an array of objects, {"value": [...]} as OData sends it, or one object per line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

BEGIN = re.compile(rb'\s*(?:\[\s*(?:\{\s*["}]|\])|\{\s*(?:"(?:[^"\\]|\\.)*"\s*:|\}))')
TYPE_NAME = "JSON file"
NAMES = (".json", ".jsonl", ".ndjson")


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins like an array of objects or an object; in a file named .json, like any array."""
    text = head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if path.suffix.lower() in NAMES and text.lstrip()[:1] in (b"[", b"{"):
        # The message then says what is wrong with the JSON.
        return True
    return BEGIN.match(text) is not None


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the objects as rows. Raises BadDataError where the JSON is truncated or contains no objects."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, parsers(path), TYPE_NAME)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to try, in this order."""
    return ("json_parser",)

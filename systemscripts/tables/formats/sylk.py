"""Opens SYLK (symbolic link), an old text format of spreadsheets, named .slk or .xls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table

FIRST = re.compile(rb"ID;P[^\r\n]*(?:\r\n|\r|\n)")
RECORD = re.compile(rb"(?:ID|P|F|B|O|C|W|NN|NU|NE|NL);[A-Z]|E\s*$")
# Enough to tell SYLK from a text that begins like it.
MAX_LINES_CHECKED = 20
TYPE_NAME = "SYLK file"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins with an ID record, followed by other records of SYLK."""
    if not FIRST.match(head):
        return False
    # The last line may be incomplete.
    lines = [line for line in head.splitlines()[:-1] if line.strip()][1 : MAX_LINES_CHECKED + 1]
    return bool(lines) and all(map(RECORD.match, lines))


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the sheet. Raises BadDataError where it is truncated."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, parsers(path), TYPE_NAME)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to try, in this order."""
    return ("sylk_parser",)

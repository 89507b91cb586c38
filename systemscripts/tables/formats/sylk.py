"""SYLK (symbolic link), an old text form of a spreadsheet, named .slk or .xls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.model import ReadingOptions, Table
from systemscripts.tables.workbooks import spooled_table

FIRST = re.compile(rb"ID;P[^\r\n]*(?:\r\n|\r|\n)")
RECORD = re.compile(rb"(?:ID|P|F|B|O|C|W|NN|NU|NE|NL);[A-Z]|E\s*$")
LOOKED_AT_LINES = 20
KIND = "SYLK file"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the text begins with an ID record and goes on in records of SYLK."""
    if not FIRST.match(head):
        return False
    # the last line may be cut
    lines = [line for line in head.splitlines()[:-1] if line.strip()][1 : LOOKED_AT_LINES + 1]
    return bool(lines) and all(map(RECORD.match, lines))


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the sheet. Raises BadDataError when it breaks off."""
    return spooled_table.open_spooled(path, options, parsers(path), KIND)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to ask."""
    return ("sylk_parser",)

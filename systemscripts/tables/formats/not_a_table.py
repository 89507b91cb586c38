"""Files that are no table, told by their first bytes so that the message can say what they are."""

from __future__ import annotations

from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions, Table

KINDS = {
    b"%PDF-": "a PDF document",
    b"Rar!": "a RAR archive",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"{\\rtf": "a rich text document",
    b"\x7fELF": "a program",
    b"SQLite format 3\0": "a SQLite database",
}


def recognises(head: bytes, path: Path) -> bool:
    """True for the kinds above."""
    return head.startswith(tuple(KINDS))


def open(path: Path, options: ReadingOptions) -> Table:
    """Raise BadDataError that names the kind."""
    with path.open("rb") as file:
        head = file.read(32)
    kind = next(kind for mark, kind in KINDS.items() if head.startswith(mark))
    raise BadDataError(f"{path.name} is {kind}, not a table", "Ask the sender for a CSV or Excel file.")

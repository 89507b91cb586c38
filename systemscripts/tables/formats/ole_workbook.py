"""Opens legacy workbooks: XLS in an OLE container (MS-CFB), and bare BIFF streams of Excel 2 to 5 (MS-XLS 2.4.21)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from systemscripts.tables.formats import encrypted_office
from systemscripts.tables.model import ReadingOptions, Table

CONTAINER = encrypted_office.CONTAINER
# BOF records: type and size of Excel 2, 3, 4 (a sheet or a workspace) and of a stream of Excel 5 or later.
STREAMS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08\x08\x00", b"\x09\x08\x10\x00")
TYPE_NAME = "Excel workbook"


def recognises(head: bytes, path: Path) -> bool:
    """Return whether the file is an unencrypted OLE container or a BIFF stream; the parser checks what is in it."""
    return head.startswith((CONTAINER, *STREAMS)) and not encrypted_office.recognises(head, path)


def open(path: Path, options: ReadingOptions) -> Table:
    """Open a workbook. Raises BadDataError that names the content of another container."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, parsers(path), TYPE_NAME)


def parsers(path: Path) -> Sequence[str]:
    """Return the parsers to try, in this order."""
    with path.open("rb") as file:
        is_container = file.read(8) == CONTAINER
    first = ("calamine_parser",) if is_container else ()
    return (*first, "xlrd_parser", "calamine_any_parser")

"""Opens XML where the configuration declares the path of its records; other XML is not a table."""

from __future__ import annotations

from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions, Table

TYPE_NAME = "XML document"


def is_like_xml(head: bytes) -> bool:
    """Return whether the first letter of a text is that of XML."""
    # Without its zeros, UTF-16 becomes ASCII.
    return head[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith(b"<")


def open(path: Path, options: ReadingOptions) -> Table:
    """Open the elements at the path as rows."""
    from systemscripts.tables.workbooks import spooled_table

    return spooled_table.open_spooled(path, options, ("xml_record_parser",), TYPE_NAME)


def make_error(path: Path) -> BadDataError:
    """Return the error for a file that has no path to records at all."""
    return BadDataError(
        f"{path.name} is neither JSON nor XML, but the import names the path of its records",
        "Ask the sender, or remove reading.records of the import.",
    )

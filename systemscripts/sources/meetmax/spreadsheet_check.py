"""Check by its content whether a download is a spreadsheet, since MeetMax names every file .xls.

A list is an XLS workbook (BIFF in an OLE container), an XLSX workbook (a zip) with the wrong extension, or an HTML page
with a table. Other pages also have tables, for their layout, but that of a list has a header that the import knows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Set
from pathlib import Path

OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
ZIP_MAGIC = b"PK\x03\x04"
# Excel 2 to 5, without a container
BARE_BIFF = (b"\x09\x08", b"\x09\x04\x06\x00", b"\x09\x02\x06\x00", b"\x09\x00\x04\x00")
WORKBOOK_STREAMS = tuple(name.encode("utf-16-le") for name in ("Workbook", "Book"))
ERROR_TITLE = re.compile(
    r"\b(error|not found|forbidden|denied|unavailable|bad gateway|sign in|log ?in)\b", re.IGNORECASE
)
MAX_HTML_BYTES = 64 * 2**20


def explain_fault(path: Path, key_headers: Set[str] = frozenset()) -> str:
    """Return in a few words why a file is not a spreadsheet, or "" if it is one. Raises OSError.

    `key_headers`: an HTML page must have one of these headers (see `tables.column_aliases`) in a cell; without any,
    every table is accepted.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "empty file"
    if head.startswith(OLE_MAGIC):
        return "" if _contains_any(path, WORKBOOK_STREAMS) else "an OLE file without a workbook"
    if head.startswith(ZIP_MAGIC):
        return _explain_xlsx_fault(path)
    if head.startswith(BARE_BIFF):
        return ""
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "neither a workbook nor HTML"
    return _explain_html_fault(path, key_headers)


def _contains_any(path: Path, needles: tuple[bytes, ...]) -> bool:
    content = path.read_bytes()
    return any(needle in content for needle in needles)


def _explain_xlsx_fault(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as container:
            names = container.namelist()
    except zipfile.BadZipFile:
        return "a damaged zip file"
    return (
        "" if any(re.fullmatch(r"xl/workbook\.(xml|bin)", name) for name in names) else "a zip file without a workbook"
    )


def _explain_html_fault(path: Path, key_headers: Set[str]) -> str:
    """Return why text is not a list, which is a table on a page without an error, or ""."""
    if path.stat().st_size > MAX_HTML_BYTES:
        return f"text of more than {MAX_HTML_BYTES} bytes"
    content = path.read_bytes()
    if not content.strip():
        return "empty file"
    if not re.search(rb"<\0?\s*\0?[a-zA-Z!]", content):
        return "text, but not HTML"
    return _explain_page_fault(content, key_headers)


def _explain_page_fault(content: bytes, key_headers: Set[str]) -> str:
    from parsel import Selector
    from w3lib.encoding import html_to_unicode

    from systemscripts.sources.meetmax import pages
    from systemscripts.tables.column_aliases import name_header

    text = html_to_unicode(None, content)[1]
    if pages.is_invalid_event(text):
        return "Invalid Event ID"
    page = Selector(text=text, type="html")
    title = " ".join((page.xpath("//title").xpath("string()").get() or "").split())
    if ERROR_TITLE.search(title):
        return f"an HTML error page ({title[:80]})"
    if page.xpath("//*[contains(@class, 'alert-danger')]") or page.xpath("//input[@type='password']"):
        return "an HTML error page"
    cells = page.xpath("//table//tr/*[self::td or self::th]")
    if not cells:
        return "an HTML page without a table"
    if key_headers and not any(name_header(cell.xpath("string()").get() or "") in key_headers for cell in cells):
        named = f" ({title[:80]})" if title else ""
        return (
            f"an HTML page{named} whose tables have no column of the key; if it is a list, add an alias to the import"
        )
    return ""

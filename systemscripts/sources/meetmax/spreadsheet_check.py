"""Is this download a spreadsheet? The content decides; MeetMax calls everything .xls.

Three kinds are lists in practice: a workbook of old Excel (BIFF in an OLE container), one of new Excel (a zip) under
the wrong extension, and an HTML page with a table. Pages of every kind have tables, for their layout; that of a list
has a header that the import knows.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Set
from pathlib import Path

OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
ZIP_MAGIC = b"PK\x03\x04"
BARE_BIFF = (b"\x09\x08", b"\x09\x04\x06\x00", b"\x09\x02\x06\x00", b"\x09\x00\x04\x00")  # Excel 2 to 5, no container
WORKBOOK_STREAMS = tuple(name.encode("utf-16-le") for name in ("Workbook", "Book"))
ERROR_TITLE = re.compile(
    r"\b(error|not found|forbidden|denied|unavailable|bad gateway|sign in|log ?in)\b", re.IGNORECASE
)
MOST_HTML = 64 * 1024 * 1024  # bytes


def why_not(path: Path, key_headers: Set[str] = frozenset()) -> str:
    """Return why a file is not a spreadsheet, in a few words, or "" when it is one. Raises OSError.

    key_headers: names (see `tables.names`) of which an HTML page must have one in a cell; without, any table will do.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "empty file"
    if head.startswith(OLE_MAGIC):
        return "" if _holds_any(path, WORKBOOK_STREAMS) else "an OLE file without a workbook"
    if head.startswith(ZIP_MAGIC):
        return _why_not_xlsx(path)
    if head.startswith(BARE_BIFF):
        return ""
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "neither a workbook nor HTML"
    return _why_not_html(path, key_headers)


def _holds_any(path: Path, needles: tuple[bytes, ...]) -> bool:
    content = path.read_bytes()
    return any(needle in content for needle in needles)


def _why_not_xlsx(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as container:
            names = container.namelist()
    except zipfile.BadZipFile:
        return "a damaged zip file"
    return (
        "" if any(re.fullmatch(r"xl/workbook\.(xml|bin)", name) for name in names) else "a zip file without a workbook"
    )


def _why_not_html(path: Path, key_headers: Set[str]) -> str:
    """Judge text: a list is a table, on a page that does not call itself an error."""
    if path.stat().st_size > MOST_HTML:
        return f"text of more than {MOST_HTML} bytes"
    content = path.read_bytes()
    if not content.strip():
        return "empty file"
    if not re.search(rb"<\0?\s*\0?[a-zA-Z!]", content):
        return "text, but not HTML"
    return _judge_page(content, key_headers)


def _judge_page(content: bytes, key_headers: Set[str]) -> str:
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

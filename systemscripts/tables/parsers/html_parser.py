"""HTML tables, which some systems send under the name .xls, by lxml (it mends broken pages as browsers do)."""

from __future__ import annotations

import email
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.parsers import html_encoding
from systemscripts.tables.parsers.workbook import Area, Book, Sheet

LINE_BREAK = "\u2028"  # lxml takes no control characters
MAX_SPAN = 1000  # the limit of HTML itself (HTML Living Standard, 4.9.11 colspan)


def open_book(path: Path) -> Book:
    """Open a page. Raises BadDataError when it holds no table, or asks for a password."""
    text, doubt = html_encoding.decode_page(*_extract_page(path.read_bytes()))
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True)
    page = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    title = " ".join((page.findtext(".//title") or "").split())
    named = f' "{title[:80]}"' if title else ""
    if page.xpath("//input[translate(@type, 'PASWORD', 'pasword')='password']"):
        raise BadDataError(f"{path.name} is a login page{named}, not a table", "Log in again at the source.")
    elements = list(page.iter("table"))
    found = [(_make_sheet(element, number), element) for number, element in enumerate(elements, 1)]
    found = [(table, element) for table, element in found if table.weight]
    if not found:
        raise BadDataError(
            f"{path.name} is an HTML page{named} without a table", "Ask the sender for the list itself, as CSV or XLSX."
        )
    above = {id(table): {id(outer) for outer in element.iterancestors("table")} for table, element in found}
    own = {id(table): id(element) for table, element in found}

    def related(other: Sheet, read: Sheet) -> bool:
        return own[id(other)] in above[id(read)] or own[id(read)] in above[id(other)]

    doubts = [Notice("encoding_guessed", doubt)] if doubt else []
    return Book("html", [table for table, _ in found], lambda sheet: doubts, related)


def _extract_page(content: bytes) -> tuple[bytes, str | None]:
    """The page and its encoding; of a page saved whole (MHTML, RFC 2557) the part with most rows, and what is named."""
    if b"multipart/related" not in content[:4096].lower():
        return content, None
    parts = [part for part in email.message_from_bytes(content).walk() if part.get_content_type() == "text/html"]
    found = [(part.get_payload(decode=True), part.get_content_charset()) for part in parts]
    pages = [(page, charset) for page, charset in found if isinstance(page, bytes)]
    return max(pages, key=lambda page: page[0].lower().count(b"<tr"), default=(b"<html></html>", None))


def _make_sheet(element: Any, number: int) -> Sheet:
    caption = element.findtext("caption") or element.get("id") or f"table {number}"
    areas: list[Area] = []
    rows = list(_read_rows(element, areas))
    filled = sum(bool(cell) for row in rows for cell in row)
    return Sheet(" ".join(caption.split()), lambda: enumerate(rows, 1), weight=filled, merged=lambda: areas)


def _read_rows(table: Any, areas: list[Area]) -> Iterator[list[str]]:
    """Rows of this table, not of tables inside it; a cell that spans others is the first of them, and in `areas`."""
    hanging: dict[int, int] = {}  # column -> how many rows below it still belong to a cell above
    for number, row in enumerate(table.xpath("./tr | ./thead/tr | ./tbody/tr | ./tfoot/tr"), 1):
        cells: list[str] = []
        for cell in row.xpath("./td | ./th"):
            _skip_hanging(cells, hanging)
            across, down = _get_span(cell, "colspan"), _get_span(cell, "rowspan")
            if across * down > 1:
                areas.append((number, len(cells), number + down - 1, len(cells) + across - 1))
            for column in range(len(cells), len(cells) + across):
                hanging[column] = down - 1
            cells.extend([_get_cell_text(cell)] + [""] * (across - 1))
        _skip_hanging(cells, hanging)
        yield cells


def _skip_hanging(cells: list[str], hanging: dict[int, int]) -> None:
    while hanging.get(len(cells), 0) > 0:
        hanging[len(cells)] -= 1
        cells.append("")


def _get_span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), MAX_SPAN) if value.isdecimal() else 1


def _get_cell_text(cell: Any) -> str:
    """The text as a browser shows it: white space runs are one space, <br> is a line break."""
    for line_break in cell.iter("br"):
        line_break.tail = LINE_BREAK + (line_break.tail or "")
    lines = "".join(cell.itertext()).split(LINE_BREAK)
    return "\n".join(" ".join(line.split()) for line in lines).strip()

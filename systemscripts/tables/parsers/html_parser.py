"""Reads HTML tables, which some systems name .xls, with lxml, which repairs broken pages as browsers do."""

from __future__ import annotations

import email
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.parsers import html_charset
from systemscripts.tables.parsers.workbook import Area, Book, Sheet

# lxml accepts no control characters.
LINE_BREAK = "\u2028"
# the limit of the HTML Standard (4.9.11 colspan)
MAX_SPAN = 1000
# A longer title would bury the message.
MAX_TITLE_LETTERS = 80


def open_book(path: Path) -> Book:
    """Open a page. Raises BadDataError where it contains no table or asks for a password."""
    text, doubt = html_charset.decode_page(*_extract_page(path.read_bytes()))
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True)
    page = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    title = " ".join((page.findtext(".//title") or "").split())
    named = f' "{title[:MAX_TITLE_LETTERS]}"' if title else ""
    if page.xpath("//input[translate(@type, 'PASWORD', 'pasword')='password']"):
        raise BadDataError(
            f"{path.name} is a login page{named}, not a table", "Sign in to the source and download the file again."
        )
    elements = list(page.iter("table"))
    tables = [(_make_sheet(element, number), element) for number, element in enumerate(elements, 1)]
    tables = [(table, element) for table, element in tables if table.weight]
    if not tables:
        raise BadDataError(
            f"{path.name} is an HTML page{named} without a table",
            "Ask the sender for the table itself, as CSV or XLSX.",
        )
    above = {id(table): {id(outer) for outer in element.iterancestors("table")} for table, element in tables}
    own = {id(table): id(element) for table, element in tables}

    def is_related(other: Sheet, read: Sheet) -> bool:
        return own[id(other)] in above[id(read)] or own[id(read)] in above[id(other)]

    doubts = [Notice("encoding_guessed", doubt)] if doubt else []
    return Book("html", [table for table, _ in tables], lambda sheet: doubts, is_related)


def _extract_page(content: bytes) -> tuple[bytes, str | None]:
    """Return the page and its declared encoding; of a complete page (MHTML, RFC 2557) the part with most rows."""
    if b"multipart/related" not in content[:4096].lower():
        return content, None
    parts = [part for part in email.message_from_bytes(content).walk() if part.get_content_type() == "text/html"]
    payloads = [(part.get_payload(decode=True), part.get_content_charset()) for part in parts]
    pages = [(page, charset) for page, charset in payloads if isinstance(page, bytes)]
    return max(pages, key=lambda page: page[0].lower().count(b"<tr"), default=(b"<html></html>", None))


def _make_sheet(element: Any, number: int) -> Sheet:
    caption = element.findtext("caption") or element.get("id") or f"table {number}"
    areas: list[Area] = []
    rows = list(_read_rows(element, areas))
    filled = sum(bool(cell) for row in rows for cell in row)
    return Sheet(" ".join(caption.split()), lambda: enumerate(rows, 1), weight=filled, merged=lambda: areas)


def _read_rows(table: Any, areas: list[Area]) -> Iterator[list[str]]:
    """Yield the rows of this table, not of nested ones; a spanning cell is its first cell, and is added to `areas`."""
    # column -> how many rows below still belong to a cell above
    spanned: dict[int, int] = {}
    for number, row in enumerate(table.xpath("./tr | ./thead/tr | ./tbody/tr | ./tfoot/tr"), 1):
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            if spanned:
                _skip_spanned(cells, spanned)
            if cell.attrib:
                across, down = _get_span(cell, "colspan"), _get_span(cell, "rowspan")
                if across * down > 1:
                    areas.append((number, len(cells), number + down - 1, len(cells) + across - 1))
                if spanned or down > 1:
                    spanned.update(dict.fromkeys(range(len(cells), len(cells) + across), down - 1))
            else:
                across = 1
            cells.append(_get_cell_text(cell))
            cells.extend([""] * (across - 1))
        if spanned:
            _skip_spanned(cells, spanned)
        yield cells


def _skip_spanned(cells: list[str], spanned: dict[int, int]) -> None:
    while spanned.get(len(cells), 0) > 0:
        spanned[len(cells)] -= 1
        cells.append("")


def _get_span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "1").strip()
    return min(max(int(value), 1), MAX_SPAN) if value.isdecimal() else 1


def _get_cell_text(cell: Any) -> str:
    """Return the text as a browser shows it: runs of white space are one space, <br> is a line break."""
    text = cell.text or ""
    if not len(cell) and LINE_BREAK not in text:
        # most cells
        return " ".join(text.split())
    for line_break in cell.iter("br"):
        line_break.tail = LINE_BREAK + (line_break.tail or "")
    lines = "".join(cell.itertext()).split(LINE_BREAK)
    return "\n".join(" ".join(line.split()) for line in lines).strip()

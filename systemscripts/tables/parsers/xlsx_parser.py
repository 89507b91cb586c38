"""XLSX read row by row from its XML: the file's own digits and formats, in the memory of its strings.

Only what Excel and its relatives write plainly is read here; at anything unusual an error leaves the file to other parsers.
"""

from __future__ import annotations

import codecs
import html
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from systemscripts.tables.parsers import archive, xlsx_formats
from systemscripts.tables.parsers.book import Book, Row, Sheet
from systemscripts.tables.parsers.xlsx_parts import counted, worksheets

CHUNK_BYTES = 2**20
MOST_COLUMNS = 16384
CELL = re.compile(
    r'<c(?: r="([A-Z]+)\d+")?(?: s="(\d+)")?(?: t="(\w+)")?(?:/>|>'
    r"(<f\b[^>]*/>|<f\b[^>]*>[^<]*</f>)?(?:<v(?: [^>]*)?>([^<]*)</v>|<v ?/>)?(?:<is>(.*?)</is>)?</c>)",
    re.DOTALL,
)
ROW_NUMBER = re.compile(r' r="(\d+)"')
STRING_ITEM = re.compile(r"<si\b[^>]*>(.*?)</si>|<si ?/>", re.DOTALL)
PHONETIC = re.compile(r"<rPh\b.*?</rPh>", re.DOTALL)
TEXT = re.compile(r"<t(?: [^>]*)?>([^<]*)</t>")
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # ECMA-376 part 1, 22.4.2.4 ST_Xstring


class UnusualError(Exception):
    """Not as Excel writes it; another parser may understand it."""


class _Workbook:
    """What all sheets share: strings, formats, and the counts of cells without value."""

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path)
        book = ElementTree.fromstring(self.archive.read("xl/workbook.xml"))
        properties = next((element for element in book if element.tag.endswith("}workbookPr")), None)
        is_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self.converters = _converters(self.archive, is_1904)
        self.strings = _shared_strings(self.archive)
        self.columns: dict[str, int] = {}
        self.errors = self.formulas = 0

    def rows(self, part: str) -> Iterator[tuple[int, Row]]:
        """Yield number and texts of each row that the sheet holds."""
        number = 0
        self.errors = self.formulas = 0
        for piece in _row_pieces(self.archive, part):
            start = piece.rfind("<row")
            opened = piece.find(">", start)
            found = ROW_NUMBER.search(piece, start, opened)
            following = int(found.group(1)) if found else number + 1
            if start < 0 or following <= number:
                raise UnusualError("rows out of order")
            number = following
            yield number, self._texts(piece, opened)

    def _texts(self, piece: str, start: int) -> list[str]:
        cells = CELL.findall(piece, start)
        if len(cells) != piece.count("<c ", start) + piece.count("<c>", start) + piece.count("<c/>", start):
            raise UnusualError("cells written in an unusual way")
        values: list[str] = []
        for letters, style, kind, formula, value, inline in cells:
            column = self._column(letters) if letters else len(values)
            if column > len(values):
                values.extend([""] * (column - len(values)))
            elif column < len(values):
                raise UnusualError("cells out of order")
            if value and kind == "s":
                values.append(self.strings[int(value)])
            elif value and (not kind or kind == "n"):
                values.append(self.converters[int(style) if style else 0](value))
            else:
                values.append(self._other(kind, value, inline, bool(formula)))
        return values

    def _other(self, kind: str, value: str, inline: str, has_formula: bool) -> str:
        if kind == "inlineStr":
            return _joined_text(inline)
        if kind == "e":
            self.errors += 1
            return ""
        self.formulas += has_formula and not value and kind != "str"
        if kind == "b" and value:
            return "true" if value.strip() in ("1", "true") else "false"
        return _unescaped(value)

    def _column(self, letters: str) -> int:
        """Number from 0 of a column: A, B ... Z, AA."""
        column = self.columns.get(letters)
        if column is None:
            column = -1
            for letter in letters:
                column = (column + 1) * 26 + ord(letter) - ord("A")
            if column >= MOST_COLUMNS:
                raise UnusualError(f"column {letters}")
            self.columns[letters] = column
        return column


def open_book(path: Path) -> Book:
    """Open an XLSX. Raises BadDataError when it is no workbook, any other error when it is not plain XLSX."""
    if archive.zip_format(path) != "xlsx":
        raise UnusualError("not XLSX")
    workbook = _Workbook(path)
    sheets = [
        Sheet(name, partial(workbook.rows, part), visible) for name, part, visible in worksheets(workbook.archive)
    ]
    return Book("xlsx", sheets, lambda sheet: counted(workbook.errors, workbook.formulas))


def _row_pieces(archive: zipfile.ZipFile, part: str) -> Iterator[str]:
    """The XML of each row, up to its end tag."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = ""
    seen_rows = False
    with archive.open(part) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            pieces = (rest + decoder.decode(chunk)).split("</row>")
            rest = pieces.pop()
            seen_rows = seen_rows or bool(pieces)
            yield from pieces
    decoder.decode(b"", final=True)
    if not seen_rows and (":sheetData" in rest or "<sheetData" not in rest):
        raise UnusualError("no plain sheet data")


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    name = "xl/sharedStrings.xml"
    if name not in archive.namelist():
        return []
    content = archive.read(name).decode("utf-8-sig")
    if "<!DOCTYPE" in content[:1000] or ("<si" not in content and ":si" in content):
        raise UnusualError("strings written in an unusual way")
    return [_joined_text(item) for item in STRING_ITEM.findall(content)]


def _joined_text(content: str) -> str:
    """The text of a string item: its runs joined, without the reading aids of Japanese."""
    if "<rPh" in content:
        content = PHONETIC.sub("", content)
    return _unescaped("".join(TEXT.findall(content)))


def _unescaped(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # XML 1.0, 2.11: what a parser does to line ends
    if "&" in text:
        text = html.unescape(text)
    if "_x" in text:
        text = ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text)
    return text


def _converters(archive: zipfile.ZipFile, is_1904: bool) -> list[xlsx_formats.Converter]:
    """For each cell style the function that turns its number into text."""
    if "xl/styles.xml" not in archive.namelist():
        return [xlsx_formats.number_text]
    styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    codes: dict[int, str] = {}
    found: list[xlsx_formats.Converter] = []
    for group in styles:
        if group.tag.endswith("}numFmts"):
            codes = {int(item.get("numFmtId", "0")): item.get("formatCode", "") for item in group}
        elif group.tag.endswith("}cellXfs"):
            numbers = [int(item.get("numFmtId", "0")) for item in group]
            found = [xlsx_formats.converter(number, codes.get(number, ""), is_1904) for number in numbers]
    return found or [xlsx_formats.number_text]

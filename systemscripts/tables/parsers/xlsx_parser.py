"""XLSX read row by row from its XML: the file's own digits and formats, in the memory of its strings.

Only what Excel and its relatives write plainly is read here; anything unusual is an error and left to other parsers.
"""

from __future__ import annotations

import codecs
import html
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from systemscripts.tables.parsers import archive, xlsx_formats
from systemscripts.tables.parsers.book import Book, Row, Sheet
from systemscripts.tables.parsers.xlsx_parts import counted, worksheets

CHUNK_BYTES = 2**20
MOST_COLUMNS = 16384
MOST_PLANS = 5000
CELL = re.compile(
    r'<c(?: r="([A-Z]+)\d+")?(?: s="(\d+)")?(?: t="(\w+)")?(?:/>|>'
    r"(<f\b[^>]*/>|<f\b[^>]*>[^<]*</f>)?"
    r"(?:(?:<v(?: [^>]*)?>|<is><t(?: [^>]*)?>)([^<]*)(?:</v>|</t></is>)|<v ?/>|<is>(.*?)</is>|<is ?/>)?</c>)",
    re.DOTALL,
)
ROW_NUMBER = re.compile(r' r="(\d+)"')
STRING_ITEM = re.compile(r"<si ?/>|<si(?: [^>]*)?>(.*?)</si>", re.DOTALL)
PHONETIC = re.compile(r"<rPh\b.*?</rPh>", re.DOTALL)
TEXT = re.compile(r"<t(?: [^>]*)?>([^<]*)</t>")
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # ECMA-376 part 1, 22.4.2.4 ST_Xstring


class UnusualError(Exception):
    """Not as Excel writes it; another parser may understand it."""


@dataclass(frozen=True)
class _Plan:
    """What to do with the cells of rows of one kind; `columns` is None when they stand without gap from the first."""

    converters: list[xlsx_formats.Converter]
    columns: list[int] | None


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
        self.plans: dict[tuple[tuple[str, ...], ...], _Plan] = {}
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
        """The texts of one row. Rows of one kind share a plan, so that nothing is decided cell by cell."""
        cells = CELL.findall(piece, start)
        if len(cells) != piece.count("<c", start):
            raise UnusualError("cells written in an unusual way")
        if not cells:
            return []
        letters, styles, kinds, formulas, values, rich = zip(*cells, strict=True)
        kind_of_row = (letters, styles, kinds)
        plan = self.plans.get(kind_of_row) or self._plan(kind_of_row)
        if any(rich):
            values = tuple(_joined_text(runs) if runs else value for value, runs in zip(values, rich, strict=True))
        if any(formulas):
            found = zip(formulas, values, kinds, strict=True)
            self.formulas += sum(bool(formula) and not value and kind != "str" for formula, value, kind in found)
        texts = [convert(value) if value else "" for convert, value in zip(plan.converters, values, strict=True)]
        return texts if plan.columns is None else _spread(texts, plan.columns)

    def _plan(self, kind_of_row: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]) -> _Plan:
        letters, styles, kinds = kind_of_row
        columns: list[int] = []
        for name in letters:
            column = self._column(name) if name else len(columns) and columns[-1] + 1
            if columns and column <= columns[-1]:
                raise UnusualError("cells out of order")
            columns.append(column)
        converters = [self._converter(style, kind) for style, kind in zip(styles, kinds, strict=True)]
        plan = _Plan(converters, None if columns == list(range(len(columns))) else columns)
        if len(self.plans) >= MOST_PLANS:
            self.plans.clear()
        self.plans[kind_of_row] = plan
        return plan

    def _converter(self, style: str, kind: str) -> xlsx_formats.Converter:
        if kind in ("", "n"):
            return self.converters[int(style or 0)]
        by_kind: dict[str, xlsx_formats.Converter] = {
            "s": lambda value: self.strings[int(value)],
            "b": lambda value: "true" if value in ("1", "true") else "false",
            "e": self._error,
        }
        return by_kind.get(kind, _unescaped)

    def _error(self, value: str) -> str:
        self.errors += 1
        return ""

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


def _spread(texts: list[str], columns: list[int]) -> list[str]:
    row = [""] * (columns[-1] + 1)
    for column, text in zip(columns, texts, strict=True):
        row[column] = text
    return row


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
    items = STRING_ITEM.findall(content)
    if len(items) != content.count("<si>") + content.count("<si ") + content.count("<si/>"):
        raise UnusualError("strings written in an unusual way")  # one missed would shift all after it
    return [_joined_text(item) for item in items]


def _joined_text(content: str) -> str:
    """The text of a string item: its runs joined, without the reading aids of Japanese."""
    if "<rPh" in content:
        content = PHONETIC.sub("", content)
    return _unescaped("".join(TEXT.findall(content)))


def _unescaped(text: str) -> str:
    if "&" not in text and "\r" not in text and "_x" not in text:
        return text
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

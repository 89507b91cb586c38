"""Reads XML Spreadsheet 2003 (XMLSS) by events; date-times and padded numbers follow the format of the cell style."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.parsers import expat

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import xlsx_cell_text, xlsx_events
from systemscripts.tables.parsers.workbook import Area, Book, Row, Sheet, make_warnings

CHUNK_BYTES = 2**20
# Names that may replace a format code (XML Spreadsheet Reference, ss:NumberFormat).
NAMED_FORMATS = {
    "General Date": "yyyy-mm-dd hh:mm",
    "Long Date": "yyyy-mm-dd",
    "Medium Date": "yyyy-mm-dd",
    "Short Date": "yyyy-mm-dd",
    "Long Time": "hh:mm:ss",
    "Medium Time": "hh:mm",
    "Short Time": "hh:mm",
}
MAX_COLUMNS, MAX_ROWS = 16384, 2**20


@dataclass
class _Sheet:
    """What the first pass finds out about a sheet."""

    name: str
    visible: bool = True
    merged: list[Area] = field(default_factory=list)


class _Reader:
    """Parses the whole file; keeps the rows of one sheet, or of none."""

    def __init__(self, sheet_index: int | None) -> None:
        self.sheets: list[_Sheet] = []
        self.done: list[tuple[int, list[str]]] = []
        self.errors = self.formulas = 0
        self._sheet_index = sheet_index
        self._formats: dict[str, xlsx_cell_text.Format] = {}
        self._style = ""
        self._row = self._column = self._across = 0
        self._cells: list[str] = []
        self._text: list[str] = []
        self._kind = ""
        self._in_data = self._in_comment = self._visibility = False
        # whether the cell has a formula and no value yet
        self._has_formula = False
        self._cell_format = xlsx_cell_text.GENERAL
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = xlsx_events.refuse_entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if self._in_comment:
            # A comment has an element Data of its own.
            return
        if tag == "Comment":
            self._in_comment = True
        elif tag == "Worksheet":
            self.sheets.append(_Sheet(local.get("Name", "")))
            self._row = 0
        elif tag == "Style":
            self._style = local.get("ID", "")
            self._formats[self._style] = self._formats.get(local.get("Parent", ""), xlsx_cell_text.GENERAL)
        elif tag == "NumberFormat" and local.get("Format"):
            code = NAMED_FORMATS.get(local["Format"], local["Format"])
            self._formats[self._style] = xlsx_cell_text.find_format(0, code, False)
        elif tag == "Row":
            self._row = int(local.get("Index", self._row + 1))
            self._cells, self._column = [], 0
        elif tag == "Cell":
            self._open_cell(local)
        elif tag == "Data":
            self._kind, self._text, self._in_data = local.get("Type", "String"), [], True
        elif tag == "Visible":
            self._visibility, self._text = True, []

    def _open_cell(self, attributes: dict[str, str]) -> None:
        self._column = int(attributes.get("Index", self._column + 1))
        self._across = int(attributes.get("MergeAcross", 0))
        down = int(attributes.get("MergeDown", 0))
        if not 0 < self._column <= MAX_COLUMNS or self._row > MAX_ROWS:
            raise BadDataError(f"row {self._row}, column {self._column}: beyond the limits of a sheet")
        if self._across or down:
            left = self._column - 1
            self.sheets[-1].merged.append((self._row, left, self._row + down, left + self._across))
        self._has_formula = "Formula" in attributes
        self._cell_format = self._formats.get(attributes.get("StyleID", "Default"), xlsx_cell_text.GENERAL)

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if self._in_comment:
            self._in_comment = tag != "Comment"
        elif tag == "Data":
            self._in_data = False
            self._keep("".join(self._text))
        elif tag == "Cell":
            self.formulas += self._has_formula and self._sheet_index == len(self.sheets) - 1
            self._column += self._across
        elif tag == "Row" and self._sheet_index == len(self.sheets) - 1:
            self.done.append((self._row, self._cells))
        elif tag == "Visible":
            self._visibility = False
            self.sheets[-1].visible = "".join(self._text).strip() in ("", "SheetVisible")

    def _keep(self, text: str) -> None:
        if self._sheet_index != len(self.sheets) - 1 or not text:
            return
        self._has_formula = False
        self._cells.extend([""] * (self._column - len(self._cells)))
        self._cells[self._column - 1] = self._cell_text(text)

    def _cell_text(self, text: str) -> str:
        if self._kind == "Number":
            return self._cell_format.format_number(text.strip())
        if self._kind == "DateTime":
            return _format_moment(text.strip(), self._cell_format)
        if self._kind == "Boolean":
            return "false" if text.strip() in ("0", "False", "false") else "true"
        if self._kind == "Error":
            self.errors += 1
            return ""
        return text

    def _characters(self, text: str) -> None:
        if self._in_data or self._visibility:
            self._text.append(text)


def open_book(path: Path) -> Book:
    """Open a workbook. Raises expat.ExpatError where the XML is truncated."""
    reader = _Reader(None)
    for _ in _parse_file(path, reader):
        pass
    counts: dict[str, tuple[int, int]] = {}
    sheets = [
        Sheet(sheet.name, partial(_read_rows, path, number, counts), sheet.visible, merged=partial(list, sheet.merged))
        for number, sheet in enumerate(reader.sheets)
    ]
    return Book("xml spreadsheet", sheets, lambda sheet: make_warnings(*counts.get(sheet.name, (0, 0))))


def _read_rows(path: Path, number: int, counts: dict[str, tuple[int, int]]) -> Iterator[tuple[int, Row]]:
    reader = _Reader(number)
    yield from _parse_file(path, reader)
    counts[reader.sheets[number].name] = reader.errors, reader.formulas


def _parse_file(path: Path, reader: _Reader) -> Iterator[tuple[int, Row]]:
    with path.open("rb") as file:
        file.seek(_find_begin(file.read(CHUNK_BYTES)))
        while data := file.read(CHUNK_BYTES):
            reader.parser.Parse(data, False)
            yield from reader.done
            reader.done = []
    reader.parser.Parse(b"", True)
    yield from reader.done


def _find_begin(head: bytes) -> int:
    """Return the position of the first "<", after white space that some exports write although XML does not allow it.

    A byte order mark directly before it is included.
    """
    start = head.find(b"<")
    if head.startswith(codecs.BOM_UTF16_BE):
        # the first half of the letter
        start -= 1
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if head[:start].endswith(mark):
            start -= len(mark)
    return max(start, 0)


def _format_moment(text: str, shown: xlsx_cell_text.Format) -> str:
    """Return the text of a date-time, which is always stored with date and time: 1899-12-31T07:05:00.000 is 07:05."""
    day, _, clock = text.partition("T")
    clock = clock.removesuffix(".000")
    if day in ("1899-12-31", "1899-12-30", "1900-01-00") and shown.value_type in ("time", "duration"):
        return clock
    if shown.value_type == "date" and not clock.strip("0:."):
        return day
    return f"{day} {clock}" if clock else day

"""Reads the rows of any well-formed sheet XML by events: prefixes, strict files, cells without reference, any order.

Slower than xlsx_rows.py, which gives up on anything that Excel itself does not write.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from xml.parsers import expat

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import xml_text
from systemscripts.tables.parsers.office_package import inflate
from systemscripts.tables.parsers.workbook import Area

MAX_COLUMNS, MAX_ROWS = 16384, 2**20
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})")
MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z]{1,3})(\d+):([A-Z]{1,3})(\d+)"')
# style, type, value, whether it has a formula -> text
CellText = Callable[[str, str, str, bool], str]


class OutOfOrderError(Exception):
    """A row comes after one that should follow it."""


class SheetReader:
    """Parses sheet XML; `take_rows()` returns the complete rows: number and texts."""

    def __init__(self, text: CellText) -> None:
        self._text = text
        self._done: list[tuple[int, dict[int, str]]] = []
        self._row, self._column = 0, -1
        self._cells: dict[int, str] = {}
        self._style = self._kind = ""
        self._value: list[str] = []
        self._inline: list[str] = []
        self._formula = False
        self._into: list[str] | None = None
        self._phonetic = 0
        self._in_data = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = refuse_entity

    def take_rows(self) -> list[tuple[int, dict[int, str]]]:
        """Return the rows completed since the last call."""
        done, self._done = self._done, []
        return done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "c" and self._in_data:
            self._open_cell(attributes)
        elif tag == "row":
            self._open_row(attributes.get("r", ""))
        elif tag == "v":
            self._into = self._value
        elif tag == "t" and not self._phonetic:
            self._into = self._inline
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":
            self._phonetic += 1
        elif tag == "sheetData":
            self._in_data = True

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        if tag in ("v", "t"):
            self._into = None
        elif tag == "c" and self._in_data:
            self._close_cell()
        elif tag == "row":
            self._done.append((self._row, self._cells))
        elif tag == "rPh":
            self._phonetic -= 1
        elif tag == "sheetData":
            self._in_data = False

    def _characters(self, text: str) -> None:
        if self._into is not None:
            self._into.append(text)

    def _open_row(self, number: str) -> None:
        self._row = int(number) if number.isdecimal() and int(number) else self._row + 1
        if self._row > MAX_ROWS:
            raise ValueError(f"row {self._row}")
        self._cells, self._column = {}, -1

    def _open_cell(self, attributes: dict[str, str]) -> None:
        match = REFERENCE.fullmatch(attributes.get("r", ""))
        self._column = _parse_column(match.group(1)) if match else self._column + 1
        # The reference of the cell counts, as in openpyxl and calamine.
        if match and int(match.group(2)) != self._row:
            self._done.append((self._row, self._cells))
            self._row, self._cells = int(match.group(2)), {}
        if self._column >= MAX_COLUMNS:
            raise ValueError(f"column {self._column}")
        self._style, self._kind = attributes.get("s", ""), attributes.get("t", "n")
        self._value, self._inline, self._formula = [], [], False

    def _close_cell(self) -> None:
        if self._kind == "inlineStr" or (self._inline and not self._value):
            text = self._text("", "inlineStr", "".join(self._inline or self._value), False)
        else:
            text = self._text(self._style, self._kind, "".join(self._value), self._formula)
        if text:
            self._cells[self._column] = text


def read_rows(chunks: Iterator[bytes], text: CellText) -> Iterator[tuple[int, list[str]]]:
    """Yield number and texts of each row in ascending order. Raises OutOfOrderError where they are not in order."""
    last = 0
    for number, cells in _parse_rows(chunks, text):
        if number <= last:
            if not cells:
                continue
            raise OutOfOrderError
        last = number
        yield number, _spread_cells(cells)


def read_sorted_rows(chunks: Iterator[bytes], text: CellText) -> Iterator[tuple[int, list[str]]]:
    """Yield the same for rows in any order, all kept in memory; the last of two cells with one reference counts."""
    rows_by_number: dict[int, dict[int, str]] = {}
    for number, cells in _parse_rows(chunks, text):
        rows_by_number.setdefault(number, {}).update(cells)
    for number in sorted(rows_by_number):
        yield number, _spread_cells(rows_by_number[number])


def _parse_rows(chunks: Iterator[bytes], text: CellText) -> Iterator[tuple[int, dict[int, str]]]:
    reader = SheetReader(text)
    for data in chunks:
        reader.parser.Parse(data, False)
        yield from reader.take_rows()
    reader.parser.Parse(b"", True)
    yield from reader.take_rows()


def _spread_cells(cells: dict[int, str]) -> list[str]:
    row = [""] * (max(cells) + 1 if cells else 0)
    for column, text in cells.items():
        row[column] = text
    return row


def _parse_column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


class StringReader:
    """Parses the XML of shared strings; `done` has the texts of the complete items."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._parts: list[str] | None = None
        self._phonetic = 0
        self._in_text = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = refuse_entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "si":
            self._parts = []
        self._phonetic += tag == "rPh"
        self._in_text = tag == "t" and not self._phonetic

    def _end(self, name: str) -> None:
        tag = name.rpartition(" ")[2]
        self._phonetic -= tag == "rPh"
        self._in_text = False
        if tag == "si":
            self.done.append(xml_text.unescape_letters("".join(self._parts or ())))
            self._parts = None

    def _characters(self, text: str) -> None:
        if self._in_text and self._parts is not None:
            self._parts.append(text)


def read_strings(chunks: Iterator[bytes]) -> Iterator[str]:
    """Yield the shared strings of any well-formed XML."""
    reader = StringReader()
    seen = False
    for data in chunks:
        seen = True
        reader.parser.Parse(data, False)
        yield from reader.done
        reader.done = []
    if seen:
        reader.parser.Parse(b"", True)
        yield from reader.done


def find_merged_areas(archive: zipfile.ZipFile, part: str) -> list[Area]:
    """Return the merged areas of a sheet, which follow its rows (ECMA-376 part 1, 18.3.1.55)."""
    rest = b""
    areas: list[Area] = []
    for data in inflate(archive, part, 2**20):
        data = rest + data
        areas += map(_parse_area, MERGED.findall(data))
        rest = data[data.rfind(b"<") :][-200:]
    return [area for area in areas if area]


def _parse_area(reference: tuple[bytes, ...]) -> Area:
    left, top, right, bottom = reference
    return int(top), _parse_column(left.decode()), int(bottom), _parse_column(right.decode())


def refuse_entity(*declaration: object) -> None:
    """Raise BadDataError, so that no other parser is tried: entities allow a billion-laughs attack, or are lost."""
    raise BadDataError(
        "the file has a document type, which may declare XML entities; spreadsheet programs do not write one",
        "Ask the sender for a CSV file.",
    )

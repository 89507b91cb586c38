"""Rows of any well-formed sheet XML, one event at a time: prefixes, strict files, cells without reference, any order.

Slower than xlsx_rows.py, which gives up on all that Excel does not write plainly.
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
CellText = Callable[[str, str, str, bool], str]  # style, type, value, formula? -> text


class OutOfOrderError(Exception):
    """A row or cell stands after one that should follow it."""


class SheetReader:
    """Feeds on XML; `take()` gives the rows that are complete: number and texts."""

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

    def take(self) -> list[tuple[int, dict[int, str]]]:
        """The rows that are complete, since they were last taken."""
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
        if match and int(match.group(2)) != self._row:  # the reference counts: openpyxl and calamine agree
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
    """Yield number and texts of each row in ascending order, or raise OutOfOrderError."""
    last = 0
    for number, cells in _parse_rows(chunks, text):
        if number <= last:
            if not cells:
                continue
            raise OutOfOrderError
        last = number
        yield number, _spread_cells(cells)


def read_sorted_rows(chunks: Iterator[bytes], text: CellText) -> Iterator[tuple[int, list[str]]]:
    """The same for rows in any order, all kept in memory; the last of two cells in one place counts."""
    found: dict[int, dict[int, str]] = {}
    for number, cells in _parse_rows(chunks, text):
        found.setdefault(number, {}).update(cells)
    for number in sorted(found):
        yield number, _spread_cells(found[number])


def _parse_rows(chunks: Iterator[bytes], text: CellText) -> Iterator[tuple[int, dict[int, str]]]:
    reader = SheetReader(text)
    for data in chunks:
        reader.parser.Parse(data, False)
        yield from reader.take()
    reader.parser.Parse(b"", True)
    yield from reader.take()


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
    """Feeds on the XML of shared strings; `done` are the texts of the items that are complete."""

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
    """The shared strings, however they are written."""
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
    """The merged cells of a sheet; they stand below its rows (ECMA-376 part 1, 18.3.1.55)."""
    rest = b""
    found: list[Area] = []
    for data in inflate(archive, part, 2**20):
        data = rest + data
        found += map(_parse_area, MERGED.findall(data))
        rest = data[data.rfind(b"<") :][-200:]
    return [area for area in found if area]


def _parse_area(reference: tuple[bytes, ...]) -> Area:
    left, top, right, bottom = reference
    return int(top), _parse_column(left.decode()), int(bottom), _parse_column(right.decode())


def refuse_entity(*declaration: object) -> None:
    """Raise BadDataError, so that no other parser is asked: entities make a billion laughs of a page, or are lost."""
    raise BadDataError(
        "the file has a document type, which declares XML entities; workbooks that spreadsheet programs write do not",
        "Ask the sender for a CSV file.",
    )

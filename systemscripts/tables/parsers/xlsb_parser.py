"""XLSB read from its records: padded codes, midnights and durations as their formats show them.

Rules: MS-XLSB 2.1.7 (parts) and 2.5.9 (cells). What is unusual is left to calamine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import container_check, xlsb_records, xlsx_formats
from systemscripts.tables.parsers.office_package import Package, inflate, refuse_damaged
from systemscripts.tables.parsers.workbook import (
    MACROS_WEIGHT,
    NO_STRING,
    Area,
    Book,
    CellCount,
    Row,
    Sheet,
    make_warnings,
)
from systemscripts.tables.parsers.xlsx_formats import GENERAL, Format
from systemscripts.tables.parsers.xlsx_strings import UnusualError

CHUNK_BYTES = 2**20
MAX_ROWS, MAX_COLUMNS = 2**20, 2**14  # of a sheet (Excel's limits)
WEIGHTS = {"worksheet": 0, "xlMacrosheet": MACROS_WEIGHT}


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError when it is none, zip and record errors otherwise."""
    if container_check.detect_zip_format(path) != "xlsb":
        raise UnusualError("not XLSB")
    file = _File(Package(path))
    sheets = [
        Sheet(table.name, table.rows, table.visible, WEIGHTS[table.kind], merged=table.merged) for table in file.tables
    ]
    errors = {table.name: table for table in file.tables}
    return Book("xlsb", sheets, lambda sheet: make_warnings(errors[sheet.name].errors, 0, errors[sheet.name].lost))


class _File:
    """What all sheets share: strings and formats."""

    def __init__(self, package: Package) -> None:
        self.package, self.tables = package, list[_Table]()
        self._strings: list[str] | None = None
        is_1904 = False
        relations = package.relations(package.workbook)
        for kind, content in self.records(package.workbook):
            if kind == xlsb_records.PROPERTIES:
                is_1904 = bool(content[0] & 1)
            elif kind == xlsb_records.SHEET:
                identity, end = xlsb_records.decode_string(content, 8)
                what, target = relations.get(identity, ("", ""))
                part = package.find(target)
                if part and what in WEIGHTS:
                    name, visible = xlsb_records.decode_string(content, end)[0], content[:4] == b"\0\0\0\0"
                    self.tables.append(_Table(self, name, visible, part, what))
        if not self.tables:
            raise UnusualError("no sheet")
        self.formats = self._formats(is_1904)

    def records(self, part: str) -> Iterator[xlsb_records.Record]:
        """The records of a part. Raises BadDataError when its checksum is wrong."""
        refuse_damaged(self.package.archive, part, CHUNK_BYTES)
        return xlsb_records.read_records(inflate(self.package.archive, part, CHUNK_BYTES))

    def strings(self) -> list[str]:
        """The shared strings; what follows a text (its fonts, its phonetic reading) is left out."""
        if self._strings is None:
            part = self.package.related("sharedStrings", "xl/sharedStrings.bin")
            found = self.records(part) if part else ()
            self._strings = [
                xlsb_records.decode_string(item, 1)[0] for kind, item in found if kind == xlsb_records.SHARED_ITEM
            ]
        return self._strings

    def _formats(self, is_1904: bool) -> list[Format]:
        part = self.package.related("styles", "xl/styles.bin")
        codes: dict[int, str] = {}
        found: list[Format] = []
        within = False
        for kind, content in self.records(part) if part else ():
            if kind == xlsb_records.FORMAT:
                codes[int.from_bytes(content[:2], "little")] = xlsb_records.decode_string(content, 2)[0]
            elif kind in (xlsb_records.BEGIN_STYLES, xlsb_records.END_STYLES):
                within = kind == xlsb_records.BEGIN_STYLES
            elif kind == xlsb_records.STYLE and within:
                number = int.from_bytes(content[2:4], "little")
                found.append(xlsx_formats.find_format(number, codes.get(number, ""), is_1904))
        return found


@dataclass(eq=False)
class _Table:
    """One sheet, read from the file each time its rows are asked for."""

    file: _File
    name: str
    visible: bool
    part: str
    kind: str
    errors: int = 0
    lost: CellCount = field(default_factory=CellCount)
    _areas: list[Area] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Number and cells of each row that holds anything."""
        self.errors, self.lost, number, cells = 0, CellCount(), 0, list[object]()
        for kind, content in self.file.records(self.part):
            if kind == xlsb_records.ROW:
                if cells:
                    yield number, cells
                number, cells = int.from_bytes(content[:4], "little") + 1, []
            elif kind == xlsb_records.END_OF_ROWS:
                break
            elif xlsb_records.BLANK < kind <= xlsb_records.FORMULA_ERROR or kind == xlsb_records.RICH_TEXT:
                place = int.from_bytes(content[:4], "little")
                if not len(cells) <= place < MAX_COLUMNS or number > MAX_ROWS:
                    raise BadDataError(
                        f"the workbook is damaged: {self.part} has a cell in row {number}, column {place + 1}"
                    )
                value = self._value(kind, content)
                if value is None:
                    self.lost.add(number, place)
                cells += [""] * (place - len(cells)) + ["" if value is None else value]
        if cells:
            yield number, cells

    def merged(self) -> list[Area]:
        """The merged cells: first and last row, first and last column."""
        parts = (content for kind, content in self.file.records(self.part) if kind == xlsb_records.MERGED)
        areas = ([int.from_bytes(content[at : at + 4], "little") for at in (0, 4, 8, 12)] for content in parts)
        return [(top + 1, left, bottom + 1, right) for top, bottom, left, right in areas]

    def _value(self, kind: int, content: bytes) -> object:
        """The value of a cell; None where it names a shared string that there is not."""
        value = content[8:]
        if kind == xlsb_records.SHARED:
            index, strings = int.from_bytes(value[:4], "little", signed=True), self.file.strings()
            return "" if index == NO_STRING else strings[index] if 0 <= index < len(strings) else None
        if kind in (xlsb_records.TEXT, xlsb_records.FORMULA_TEXT):
            return xlsb_records.decode_string(value)[0]
        if kind == xlsb_records.RICH_TEXT:
            return xlsb_records.decode_string(value, 1)[0]
        if kind in (xlsb_records.BOOL, xlsb_records.FORMULA_BOOL):
            return bool(value[0])
        if kind in (xlsb_records.ERROR, xlsb_records.FORMULA_ERROR):
            self.errors += 1
            return ""
        number = xlsb_records.decode_rk(value[:4]) if kind == xlsb_records.RK else xlsb_records.decode_double(value)
        style = int.from_bytes(content[4:7], "little")
        shown = self.file.formats[style] if style < len(self.file.formats) else GENERAL
        return number if shown.is_plain else shown.number(repr(number))

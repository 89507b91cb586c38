"""Reads XLSB from its records: padded codes, midnights and durations as their formats show them.

Rules: MS-XLSB 2.1.7 (parts) and 2.5.9 (cells). Unusual files are left to calamine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import container_check, xlsb_records, xlsb_rows, xlsx_cell_text
from systemscripts.tables.parsers.office_package import Package, inflate, inflate_ahead, refuse_damaged
from systemscripts.tables.parsers.row_chunk import Chunk
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
from systemscripts.tables.parsers.xlsx_cell_text import GENERAL, Format
from systemscripts.tables.parsers.xlsx_strings import UnusualError

CHUNK_BYTES, FIRST_BYTES = 2**20, 2**16
# the limits of Excel
MAX_ROWS, MAX_COLUMNS = 2**20, 2**14
WEIGHTS = {"worksheet": 0, "xlMacrosheet": MACROS_WEIGHT}


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError where the file is not a workbook, else zip and record errors."""
    if container_check.detect_zip_format(path) != "xlsb":
        raise UnusualError("not XLSB")
    file = _File(Package(path))
    sheets = [
        Sheet(
            table.name, table.read_rows, table.visible, WEIGHTS[table.type], table.read_chunks, merged=table.list_merged
        )
        for table in file.tables
    ]
    errors = {table.name: table for table in file.tables}
    return Book("xlsb", sheets, lambda sheet: make_warnings(errors[sheet.name].errors, 0, errors[sheet.name].lost))


class _File:
    """What all sheets share: strings and formats."""

    def __init__(self, package: Package) -> None:
        self.package, self.tables = package, list[_Table]()
        # parts whose checksums are right
        self._sound: set[str] = set()
        self._strings: list[str] | None = None
        is_1904 = False
        relations = package.read_relations(package.workbook)
        for record_type, content in self.read_records(package.workbook):
            if record_type == xlsb_records.PROPERTIES:
                is_1904 = bool(content[0] & 1)
            elif record_type == xlsb_records.SHEET:
                identity, end = xlsb_records.decode_string(content, 8)
                sheet_type, target = relations.get(identity, ("", ""))
                part = package.find_part(target)
                if part and sheet_type in WEIGHTS:
                    name, visible = xlsb_records.decode_string(content, end)[0], content[:4] == b"\0\0\0\0"
                    self.tables.append(_Table(self, name, visible, part, sheet_type))
        if not self.tables:
            raise UnusualError("no sheet")
        self.formats = self._read_formats(is_1904)

    def read_records(self, part: str) -> Iterator[xlsb_records.Record]:
        """Return the records of a part. Raises BadDataError where its checksum is wrong."""
        if part not in self._sound:
            refuse_damaged(self.package.archive, part, CHUNK_BYTES)
            self._sound.add(part)
        return xlsb_records.read_records(inflate(self.package.archive, part, CHUNK_BYTES))

    def load_strings(self) -> list[str]:
        """Return the shared strings, without the fonts and phonetic readings that follow a text."""
        if self._strings is None:
            part = self.package.find_related("sharedStrings", "xl/sharedStrings.bin")
            records = self.read_records(part) if part else ()
            self._strings = [
                xlsb_records.decode_string(item, 1)[0]
                for record_type, item in records
                if record_type == xlsb_records.SHARED_ITEM
            ]
        return self._strings

    def _read_formats(self, is_1904: bool) -> list[Format]:
        part = self.package.find_related("styles", "xl/styles.bin")
        codes: dict[int, str] = {}
        formats: list[Format] = []
        within = False
        for record_type, content in self.read_records(part) if part else ():
            if record_type == xlsb_records.FORMAT:
                codes[int.from_bytes(content[:2], "little")] = xlsb_records.decode_string(content, 2)[0]
            elif record_type in (xlsb_records.BEGIN_STYLES, xlsb_records.END_STYLES):
                within = record_type == xlsb_records.BEGIN_STYLES
            elif record_type == xlsb_records.STYLE and within:
                number = int.from_bytes(content[2:4], "little")
                formats.append(xlsx_cell_text.find_format(number, codes.get(number, ""), is_1904))
        return formats


@dataclass(eq=False)
class _Table:
    """One sheet, read from the file each time its rows are requested."""

    file: _File
    name: str
    visible: bool
    part: str
    type: str
    errors: int = 0
    lost: CellCount = field(default_factory=CellCount)
    _areas: list[Area] = field(default_factory=list)
    _pattern: xlsb_rows.RowPattern = field(default_factory=xlsb_rows.RowPattern)

    def read_rows(self) -> Iterator[tuple[int, Row]]:
        """Yield number and cells of each row with values."""
        self.errors, self.lost, number = 0, CellCount(), 0
        records: list[xlsb_records.Record] = []
        for record in self.file.read_records(self.part):
            if record[0] in (xlsb_records.ROW, xlsb_records.END_OF_ROWS):
                if cells := self._read_cells(number, records):
                    yield number, cells
                records.clear()
                if record[0] == xlsb_records.END_OF_ROWS:
                    return
                number = int.from_bytes(record[1][:4], "little") + 1
            else:
                records.append(record)
        if cells := self._read_cells(number, records):
            yield number, cells

    def read_chunks(self) -> Iterator[Chunk]:
        """Yield the same rows, faster.

        Raises UnusualError where the part is written in an unusual way, BadZipFile at its end where its checksum is
        wrong: read_rows() then says so.
        """
        self.errors, self.lost = 0, CellCount()
        content = inflate_ahead(self.file.package.archive, self.part, CHUNK_BYTES, FIRST_BYTES)
        reader = xlsb_rows.RowReader(
            self._read_cells,
            self._value,
            lambda head: self._find_format(head).is_plain,
            self.file.load_strings,
            self._pattern,
        )
        yield from reader.read(content)
        # below the rows too, as only the last bytes are followed by the check of all
        for _ in content:
            pass

    def _read_cells(self, number: int, records: Iterable[xlsb_records.Record]) -> list[object]:
        """Return the values of one row."""
        cells: list[object] = []
        for record_type, content in records:
            is_formula_or_value = xlsb_records.BLANK < record_type <= xlsb_records.FORMULA_ERROR
            if is_formula_or_value or record_type == xlsb_records.RICH_TEXT:
                column = int.from_bytes(content[:4], "little")
                if not len(cells) <= column < MAX_COLUMNS or number > MAX_ROWS:
                    raise BadDataError(
                        f"the workbook is damaged: {self.part} has a cell in row {number}, column {column + 1}"
                    )
                value = self._value(record_type, content)
                if value is None:
                    self.lost.add(number, column)
                cells += [""] * (column - len(cells)) + ["" if value is None else value]
        return cells

    def list_merged(self) -> list[Area]:
        """Return the merged areas."""
        parts = (
            content for record_type, content in self.file.read_records(self.part) if record_type == xlsb_records.MERGED
        )
        areas = ([int.from_bytes(content[at : at + 4], "little") for at in (0, 4, 8, 12)] for content in parts)
        return [(top + 1, left, bottom + 1, right) for top, bottom, left, right in areas]

    def _value(self, record_type: int, content: bytes) -> object:
        """Return the value of a cell; None where its shared string does not exist."""
        value = content[8:]
        if record_type == xlsb_records.SHARED:
            index, strings = int.from_bytes(value[:4], "little", signed=True), self.file.load_strings()
            return "" if index == NO_STRING else strings[index] if 0 <= index < len(strings) else None
        if record_type in (xlsb_records.TEXT, xlsb_records.FORMULA_TEXT):
            return xlsb_records.decode_string(value)[0]
        if record_type == xlsb_records.RICH_TEXT:
            return xlsb_records.decode_string(value, 1)[0]
        if record_type in (xlsb_records.BOOL, xlsb_records.FORMULA_BOOL):
            return bool(value[0])
        if record_type in (xlsb_records.ERROR, xlsb_records.FORMULA_ERROR):
            self.errors += 1
            return ""
        number = (
            xlsb_records.decode_rk(value[:4]) if record_type == xlsb_records.RK else xlsb_records.decode_double(value)
        )
        shown = self._find_format(content)
        return number if shown.is_plain else shown.format_number(repr(number))

    def _find_format(self, content: bytes) -> Format:
        style = int.from_bytes(content[4:7], "little")
        return self.file.formats[style] if style < len(self.file.formats) else GENERAL

"""Reads XLSX and XLSM from their XML: the digits and formats of the file, in little more memory than its strings.

Each sheet has two readers: `chunks()`, very fast, for XML as Excel and similar programs write it, and `rows()` for any
well-formed XML. The child process uses the second where the first gives up. docs/architecture.md says why it exists.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from systemscripts.tables.parsers import (
    column_fields,
    container_check,
    xlsx_cell_text,
    xlsx_events,
    xlsx_parallel,
    xlsx_rows,
    xlsx_strings,
    xml_text,
)
from systemscripts.tables.parsers.office_package import Package, SheetPart, inflate, inflate_ahead
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows
from systemscripts.tables.parsers.workbook import (
    MACROS_WEIGHT,
    NO_STRING,
    Book,
    CellCount,
    ReadAgainError,
    Row,
    Sheet,
    make_warnings,
)
from systemscripts.tables.parsers.xlsx_strings import UnusualError

CHUNK_BYTES, FIRST_BYTES = 2**20, 2**16
NO_NUMBER = re.compile(rb"<row(?:>| (?!r=)(?![^>]* r=))")
# marks a cell whose shared string is missing: no text in XML contains a NUL
LOST = "\0"
# Sheets with cells; charts and dialogs have none.
WORKSHEETS = ("worksheet", "xlMacrosheet", "macrosheet", "xlIntlMacrosheet")


class Workbook:
    """What all sheets share: strings, formats, and the counts of cells without a value."""

    def __init__(self, package: Package, is_1904: bool) -> None:
        self.package = package
        self.formats = xlsx_cell_text.read_styles(_read_styles(package), is_1904)
        self.strings_part = package.find_related("sharedStrings", "xl/sharedStrings.xml")
        self.errors = self.formulas = 0
        self.lost = CellCount()
        self._fields: list[bytes] | None = None
        self._texts: list[str] | None = None
        # parts of the sheets whose rows must be sorted first
        self._unordered: set[str] = set()
        # what was learned of the rows of each sheet, which are read several times
        self._patterns: dict[str, xlsx_rows.RowPattern] = defaultdict(xlsx_rows.RowPattern)

    def load_fields(self) -> list[bytes]:
        """Return the shared strings as CSV fields."""
        if self._fields is None:
            self._fields = xlsx_strings.read_fields(self.package.archive, self.strings_part)
        return self._fields

    def load_texts(self) -> list[str]:
        """Return the shared strings as texts, from any well-formed XML."""
        if self._texts is None:
            self._fields = None
            self._texts = list(xlsx_events.read_strings(self._chunks(self.strings_part)))
        return self._texts

    def read_chunks(self, part: str) -> Iterator[Chunk]:
        """Yield the rows of a sheet as Excel writes it. Raises UnusualError for other XML."""
        self.errors = self.formulas = 0
        pattern, converters, last_row = self._patterns[part], _Converters(self), 0
        for body in xlsx_rows.split_pieces(inflate_ahead(self.package.archive, part, CHUNK_BYTES, FIRST_BYTES)):
            for chunk in xlsx_rows.read_piece(body, pattern, converters, last_row):
                last_row = chunk.rows[-1]
                yield chunk

    def read_csv(self, part: str, left: int, right: int) -> Iterator[CsvRows]:
        """Yield the same rows as CSV of these columns, by two processes."""
        self.errors = self.formulas = last_row = 0
        pattern, converters = self._patterns[part], _Converters(self)

        def prepare(body: bytes) -> list[CsvRows]:
            if NO_NUMBER.search(body):
                raise UnusualError("a row without a number, which depends on the row before it")
            return [chunk.to_csv(left, right) for chunk in xlsx_rows.read_piece(body, pattern, converters, 0)]

        def add_counts(errors: int, formulas: int) -> None:
            self.errors += errors
            self.formulas += formulas

        pieces = xlsx_rows.split_pieces(inflate(self.package.archive, part, CHUNK_BYTES))
        for rows in xlsx_parallel.share_pieces(pieces, prepare, lambda: (self.errors, self.formulas), add_counts):
            if rows.first <= last_row:
                raise UnusualError("rows out of order")
            last_row = rows.last
            yield rows

    def read_rows(self, part: str) -> Iterator[tuple[int, Row]]:
        """Yield the rows of any well-formed sheet."""
        self.errors, self.formulas, self.lost = 0, 0, CellCount()
        if part in self._unordered:
            yield from self._without_lost(xlsx_events.read_sorted_rows(self._chunks(part), self._text))
            return
        try:
            yield from self._without_lost(xlsx_events.read_rows(self._chunks(part), self._text))
        except xlsx_events.OutOfOrderError as error:
            self._unordered.add(part)
            raise ReadAgainError from error

    def _without_lost(self, rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, Row]]:
        """Yield the rows with blanks for the cells whose shared string is missing, and count those."""
        for number, cells in rows:
            for column in [index for index, text in enumerate(cells) if text == LOST]:
                self.lost.add(number, column)
                cells[column] = ""
            yield number, cells

    def _chunks(self, part: str | None) -> Iterator[bytes]:
        return inflate(self.package.archive, part, CHUNK_BYTES) if part else iter(())

    def _text(self, style: str, cell_type: str, value: str, formula: bool) -> str:
        """Return the text of one cell."""
        if not value:
            self.formulas += formula and cell_type != "str"
            return ""
        if cell_type == "s":
            number = int(value)
            if number == NO_STRING:
                return ""
            return self.load_texts()[number] if 0 <= number < len(self.load_texts()) else LOST
        if cell_type == "e":
            self.errors += 1
            return ""
        if cell_type == "b":
            return "false" if value.strip() in ("0", "false") else "true"
        if cell_type == "n":
            return self.find_format(style).format_number(value.strip())
        return self.find_format(style).format_iso(value) if cell_type == "d" else xml_text.unescape_letters(value)

    def find_format(self, style: str) -> xlsx_cell_text.Format:
        """Return the number format of a cell style."""
        number = int(style) if style.isdecimal() else 0
        return self.formats[number] if number < len(self.formats) else xlsx_cell_text.GENERAL

    def count_error(self, values: Sequence[bytes]) -> list[bytes]:
        """Count error cells; return blanks."""
        self.errors += sum(map(bool, values))
        return [b""] * len(values)

    def count_formula(self, values: Sequence[bytes]) -> list[bytes]:
        """Count formulas without a stored value; return blanks."""
        self.formulas += sum(map(bool, values))
        return [b""] * len(values)


class _Converters(dict[xlsx_rows.Shape, Callable[[Sequence[bytes]], list[bytes]]]):
    """Shape of a cell -> the function that turns a column of such cells into CSV fields."""

    def __init__(self, workbook: Workbook) -> None:
        super().__init__()
        self._workbook = workbook
        self._by_style: dict[tuple[str, str], Callable[[Sequence[bytes]], list[bytes]]] = {}

    def __missing__(self, shape: xlsx_rows.Shape) -> Callable[[Sequence[bytes]], list[bytes]]:
        attributes = dict(xlsx_rows.ATTRIBUTE.findall(shape.attributes.decode()))
        key = attributes.get("t", "n"), attributes.get("s", "")
        if shape.content == "unsaved" and key[0] != "str":
            self[shape] = self._workbook.count_formula
        elif shape.content == "unsaved":
            self[shape] = _make_blanks
        else:
            self[shape] = self._by_style.get(key) or self._by_style.setdefault(key, self._find_converter(*key))
        return self[shape]

    def _find_converter(self, cell_type: str, style: str) -> Callable[[Sequence[bytes]], list[bytes]]:
        workbook = self._workbook
        if cell_type == "s":
            return column_fields.make_string_lookup(workbook.load_fields())
        if cell_type == "n":
            number_format = workbook.find_format(style)
            if number_format.value_type == "moment":
                return column_fields.DateTimeConverter(number_format).convert
            return (
                column_fields.format_numbers
                if number_format.is_plain
                else column_fields.CachedConverter(number_format.format_number).convert
            )
        if cell_type == "d":
            return column_fields.CachedConverter(workbook.find_format(style).format_iso).convert
        usual = {"b": column_fields.format_booleans, "e": workbook.count_error}
        return usual.get(cell_type, column_fields.format_texts)


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError where the file is not a workbook, any other error for malformed XML."""
    if container_check.detect_zip_format(path) != "xlsx":
        raise UnusualError("not XLSX")
    package = Package(path)
    parts, is_1904 = package.list_sheets()
    workbook = Workbook(package, is_1904)
    sheets = [_make_sheet(workbook, part) for part in parts if part.type in WORKSHEETS]
    return Book("xlsx", sheets, lambda sheet: make_warnings(workbook.errors, workbook.formulas, workbook.lost))


def _make_sheet(workbook: Workbook, sheet: SheetPart) -> Sheet:
    if not sheet.part:
        return Sheet(sheet.name, tuple, sheet.visible)
    size = workbook.package.archive.getinfo(sheet.part).file_size
    return Sheet(
        sheet.name,
        partial(workbook.read_rows, sheet.part),
        sheet.visible,
        0 if sheet.type == "worksheet" else MACROS_WEIGHT,
        chunks=partial(workbook.read_chunks, sheet.part),
        csv_rows=partial(workbook.read_csv, sheet.part) if xlsx_parallel.is_worthwhile(size) else None,
        merged=partial(xlsx_events.find_merged_areas, workbook.package.archive, sheet.part),
    )


def _read_styles(package: Package) -> ElementTree.Element | None:
    part = package.find_related("styles", "xl/styles.xml")
    return package.parse_part(part) if part else None


def _make_blanks(values: Sequence[bytes]) -> list[bytes]:
    return [b""] * len(values)

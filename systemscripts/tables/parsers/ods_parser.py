"""Reads ODS from its XML: each value as the file stores it, formatted as the style of the cell shows it.

Rules: OpenDocument 1.3 part 3, 9 (tables) and 19.385 (office:value-type).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.parsers import container_check, ods_rows, xlsx_parallel
from systemscripts.tables.parsers.ods_pattern import RowPattern
from systemscripts.tables.parsers.ods_styles import Styles
from systemscripts.tables.parsers.office_package import DECLARATION, MAX_PART_BYTES, get_local_name
from systemscripts.tables.parsers.python_value_text import format_duration
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows
from systemscripts.tables.parsers.workbook import Area, Book, CellCount, Row, Sheet, make_warnings
from systemscripts.tables.parsers.xlsx_cell_text import Format, format_number
from systemscripts.tables.parsers.xlsx_strings import UnusualError

CONTENT, STYLES = "content.xml", "styles.xml"
# Entities are declared before the first element.
HEAD_BYTES = 2**20
# the limit of LibreOffice
MAX_COLUMNS = 16_384
# A longer run of spaces does not fit into a cell of Excel.
MAX_SPACES = 2**15
NUMBERS = ("float", "percentage", "currency")
ERROR = re.compile(r"#(?:N/A|DIV/0!|NAME\?|NULL!|NUM!|REF!|VALUE!)|Err:\d+")
TIME = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?")


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError where it is protected or declares entities, else XML and zip errors."""
    if container_check.detect_zip_format(path) != "ods":
        raise UnusualError("not ODS")
    file = _File(path)
    tables = {table.name: table for table in file.list_tables()}
    is_shared = len(tables) == 1 and xlsx_parallel.is_worthwhile(file.archive.getinfo(CONTENT).file_size)
    sheets = [
        Sheet(
            table.name,
            table.read_rows,
            table.visible,
            chunks=table.read_chunks,
            csv_rows=table.read_csv if is_shared else None,
            merged=table.list_merged,
        )
        for table in tables.values()
    ]

    def warnings(sheet: Sheet) -> list[Notice]:
        table = tables[sheet.name]
        return make_warnings(table.errors, table.formulas_without_value, covered=table.covered)

    return Book("ods", sheets, warnings)


class _File:
    def __init__(self, path: Path) -> None:
        self.archive, self.styles = zipfile.ZipFile(path), Styles()
        if b"encryption-data" in self._small("META-INF/manifest.xml"):
            raise BadDataError(
                f"{path.name} is protected by a password", "Ask the sender for a file without a password."
            )
        for part in (STYLES, CONTENT):
            self._read_styles(part)

    def list_tables(self) -> list[_Table]:
        """Return the sheets in their order."""
        with suppress(UnusualError), self.open(CONTENT) as stream:
            return [
                _Table(self, number, name, style not in self.styles.hidden)
                for number, (name, style) in enumerate(ods_rows.list_tables(stream))
            ]
        tables: list[_Table] = []
        depth = 0
        for event, element in self.read_elements():
            if get_local_name(element.tag) == "table":
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    visible = _get_attribute(element, "style-name") not in self.styles.hidden
                    tables.append(_Table(self, len(tables), _get_attribute(element, "name"), visible))
            if event == "end":
                element.clear()
        return tables

    def read_elements(self) -> Iterator[tuple[str, ElementTree.Element]]:
        """Yield the elements of the content, each as it starts and as it ends."""
        with self.open(CONTENT) as stream:
            yield from ElementTree.iterparse(stream, events=("start", "end"))

    def _read_styles(self, part: str) -> None:
        if part not in self.archive.namelist():
            return
        with self.open(part) as stream:
            for event, element in ElementTree.iterparse(stream, events=("start", "end")):
                tag = get_local_name(element.tag)
                if event == "end" and tag in ("styles", "automatic-styles"):
                    self.styles.add(element)
                elif event == "start" and tag == "body":
                    return

    def open(self, part: str) -> IO[bytes]:
        """Open a part. Raises BadDataError where it declares entities."""
        with self.archive.open(part) as head:
            if DECLARATION.search(head.read(HEAD_BYTES).replace(b"\0", b"")):
                raise BadDataError(
                    f"{part} declares entities; workbooks that spreadsheet programs write do not",
                    "Ask the sender for a CSV file.",
                )
        return self.archive.open(part)

    def _small(self, part: str) -> bytes:
        small = part in self.archive.namelist() and self.archive.getinfo(part).file_size < MAX_PART_BYTES
        return self.archive.read(part) if small else b""


@dataclass(eq=False)
class _Table:
    """One sheet, read from the file each time its rows are requested."""

    file: _File
    number: int
    name: str
    visible: bool
    errors: int = 0
    formulas_without_value: int = 0
    covered: CellCount = field(default_factory=CellCount)
    _areas: list[Area] = field(default_factory=list)
    _pattern: RowPattern = field(default_factory=RowPattern)

    def read_rows(self) -> Iterator[tuple[int, Row]]:
        """Yield number and cells of each row with values; a repeated row is yielded as often as it is repeated."""
        self.errors, self.formulas_without_value, self.covered = 0, 0, CellCount()
        self._areas, line, columns = [], 1, list[str]()
        for tag, element in self._read_parts():
            if tag == "table-column":
                columns += [_get_attribute(element, "default-cell-style-name")] * min(
                    _count_repeats(element, "columns"), MAX_COLUMNS
                )
                continue
            times, cells = _count_repeats(element, "rows"), self.read_cells(element, line, columns)
            if cells:
                for row in range(line, line + times):
                    yield row, cells
            line += times

    def read_chunks(self) -> Iterator[Chunk]:
        """Yield the same rows, faster. Raises UnusualError where the file is written in an unusual way."""
        self.errors, self.formulas_without_value, self.covered = 0, 0, CellCount()
        with self.file.open(CONTENT) as stream:
            yield from ods_rows.RowReader(self, self.number, self._pattern).read(stream)

    def read_csv(self, left: int, right: int) -> Iterator[CsvRows]:
        """Yield the same rows as CSV of these columns, by two processes."""
        self.errors, self.formulas_without_value, self.covered = 0, 0, CellCount()

        def count() -> tuple[int, int]:
            if self.covered.count:
                raise UnusualError("hidden values, whose places are not known in a piece")
            return self.errors, self.formulas_without_value

        def add_counts(errors: int, formulas: int) -> None:
            self.errors += errors
            self.formulas_without_value += formulas

        with self.file.open(CONTENT) as stream:
            reader = ods_rows.RowReader(self, self.number, self._pattern)
            yield from reader.read_csv(stream, left, right, count, add_counts)
        count()

    def list_merged(self) -> list[Area]:
        """Return the merged areas."""
        for _ in self.read_rows():
            pass
        return self._areas

    def _read_parts(self) -> Iterator[tuple[str, ElementTree.Element]]:
        """Yield the columns and rows of this table, without those of nested tables."""
        seen, depth = -1, 0
        for event, element in self.file.read_elements():
            tag = get_local_name(element.tag)
            if tag == "table":
                depth += 1 if event == "start" else -1
                seen += event == "start" and depth == 1
            elif event == "end" and tag in ("table-row", "table-column") and depth == 1:
                if seen == self.number:
                    yield tag, element
                element.clear()
            if seen > self.number:
                return

    def read_cells(self, row: ElementTree.Element, line: int, columns: list[str]) -> list[str]:
        """Return the texts of one row; `columns`: the style of each column."""
        cells: list[str] = []
        column = 0
        style_of_row = _get_attribute(row, "default-cell-style-name")
        for cell in row:
            tag = get_local_name(cell.tag)
            if tag not in ("table-cell", "covered-table-cell"):
                continue
            values = {get_local_name(key): value for key, value in cell.items()}
            repeated = values.get("number-columns-repeated", "")
            times = min(int(repeated) if repeated.isdecimal() else 1, MAX_COLUMNS - column)
            style = values.get("style-name") or style_of_row
            default = columns[column] if column < len(columns) else ""
            text = self._text(cell, values, style or default)
            # the value of merged cells is that of the first
            if text and tag == "covered-table-cell":
                self.covered.add(line, column)
                text = ""
            if text:
                cells += [""] * (column - len(cells)) + [text] * times
                if times > 1 and not style:
                    # each column in which it is repeated may have another style
                    styles = [columns[at] if at < len(columns) else "" for at in range(column, column + times)]
                    texts = {each: self._text(cell, values, each) for each in set(styles)}
                    cells[column:] = map(texts.__getitem__, styles)
            self._note_area(values, line, column)
            column += times
        return cells

    def _note_area(self, values: dict[str, str], line: int, column: int) -> None:
        wide = int(values.get("number-columns-spanned") or 1)
        deep = int(values.get("number-rows-spanned") or 1)
        if wide > 1 or deep > 1:
            self._areas.append((line, column, line + deep - 1, column + wide - 1))

    def _text(self, cell: ElementTree.Element, values: dict[str, str], style: str) -> str:
        shown = "\n".join(_get_paragraph_text(part) for part in cell if get_local_name(part.tag) == "p")
        value_type = values.get("value-type", "")
        if "formula" in values and (value_type == "error" or ERROR.fullmatch(shown)):
            self.errors += 1
            return ""
        if "formula" in values and not value_type and not shown:
            self.formulas_without_value += 1
        return self.format_value(values, shown, style)

    def is_number(self, values: dict[str, str], style: str) -> bool:
        """Return whether a cell is shown as a number without zeros before it."""
        known = self.file.styles.types.get(style, "")
        return values.get("value-type") in NUMBERS and known[:1] != "0"

    def format_value(self, values: dict[str, str], shown: str, style: str) -> str:
        """Return the text of a cell by its attributes, its text and its style."""
        value_type = values.get("value-type", "")
        known = Format(self.file.styles.types.get(style, ""))
        if value_type in NUMBERS and "value" in values:
            padded = known if known.value_type[:1] == "0" else Format()
            return padded.format_number(values["value"]) if padded.value_type else format_number(values["value"])
        if value_type == "date" and "date-value" in values:
            return (
                known.format_iso(values["date-value"])
                if known.value_type != "time"
                else values["date-value"].replace("T", " ")
            )
        if value_type == "time" and (match := TIME.fullmatch(values.get("time-value", ""))):
            return _format_time(match)
        return (
            values["boolean-value"]
            if value_type == "boolean" and "boolean-value" in values
            else (values.get("string-value", shown))
        )


def _format_time(match: re.Match[str]) -> str:
    days, hours, minutes, seconds = (int(match[number] or 0) for number in range(2, 6))
    thousandths = int(((match[6] or "") + "000")[:3])
    whole = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + thousandths
    return format_duration(-whole if match[1] else whole)


def _get_paragraph_text(element: ElementTree.Element) -> str:
    """Return the text of a paragraph: spaces, tabs and line breaks are elements; annotations are left out."""
    parts = [element.text or ""]
    for part in element:
        tag = get_local_name(part.tag)
        if tag == "s":
            parts.append(" " * min(int(_get_attribute(part, "c") or 1), MAX_SPACES))
        elif tag in ("tab", "line-break"):
            parts.append("\t" if tag == "tab" else "\n")
        elif tag not in ("annotation", "note"):
            parts.append(_get_paragraph_text(part))
        parts.append(part.tail or "")
    return "".join(parts)


def _count_repeats(element: ElementTree.Element, direction: str) -> int:
    value = _get_attribute(element, f"number-{direction}-repeated")
    return int(value) if value.isdecimal() else 1


def _get_attribute(element: ElementTree.Element, name: str) -> str:
    return next((value for key, value in element.items() if get_local_name(key) == name), "")

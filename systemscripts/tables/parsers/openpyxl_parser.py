"""XLSX by openpyxl: the second opinion, slower, for files that calamine refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import openpyxl

from systemscripts.tables.parsers import archive, xlsx_parts
from systemscripts.tables.parsers.book import Book, Row, Sheet

ERRORS = frozenset({"#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"})


def open_book(path: Path) -> Book:
    """Open a workbook; raises BadDataError when it is none, openpyxl's own errors otherwise."""
    format_name = archive.zip_format(path)
    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    sheets = [Sheet(sheet.title, _rows(sheet), sheet.sheet_state == "visible") for sheet in workbook.worksheets]
    return Book(format_name, sheets, lambda sheet: xlsx_parts.warnings(path, sheet.name))


def _rows(sheet: Any) -> Callable[[], Iterable[Row]]:
    """Rows of equal width, however wide the file claims to be: its dimension may lie."""
    sheet.reset_dimensions()
    width: list[int] = []

    def rows() -> Iterator[Row]:
        if not width:
            width.append(max((_reach(row) for row in sheet.iter_rows()), default=0))
        for cells in sheet.iter_rows():
            values = [_value(cell) for cell in cells[: width[0]]]
            yield values + [""] * (width[0] - len(values))

    return rows


def _value(cell: Any) -> object:
    value = cell.value
    return "" if value is None or (cell.data_type == "e" and value in ERRORS) else value


def _reach(cells: tuple[Any, ...]) -> int:
    return max((number for number, cell in enumerate(cells, 1) if cell.value is not None), default=0)

"""Reads XLSX with openpyxl: slower, for files that the other parsers cannot read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openpyxl

from systemscripts.tables.parsers import container_check
from systemscripts.tables.parsers.workbook import Book, Row, Sheet

ERRORS = frozenset({"#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!"})


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError where the file is not a workbook, else openpyxl's own errors."""
    format_name = container_check.detect_zip_format(path)
    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    sheets = [
        Sheet(sheet.title, _make_row_reader(sheet), sheet.sheet_state == "visible") for sheet in workbook.worksheets
    ]
    return Book(format_name, sheets)


def _make_row_reader(sheet: Any) -> Callable[[], Iterator[tuple[int, Row]]]:
    # The declared size of the sheet may be wrong.
    sheet.reset_dimensions()

    def rows() -> Iterator[tuple[int, Row]]:
        for number, cells in enumerate(sheet.iter_rows(), 1):
            yield number, [_convert_cell(cell) for cell in cells]

    return rows


def _convert_cell(cell: Any) -> object:
    value = cell.value
    return "" if value is None or (cell.data_type == "e" and value in ERRORS) else value

"""Reads legacy XLS with xlrd, for files that calamine cannot read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import xlrd

from systemscripts.summary import Notice
from systemscripts.tables.parsers import container_check, xlsx_cell_text
from systemscripts.tables.parsers.workbook import Book, Row, Sheet, make_warnings


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError where the file is not a workbook, else xlrd's own errors."""
    format_name = container_check.detect_ole_format(path)
    workbook = xlrd.open_workbook(path, formatting_info=True, ragged_rows=True, logfile=container_check.NullLog())
    sheets = [
        Sheet(sheet.name, _make_row_reader(sheet, workbook), sheet.visibility == 0) for sheet in workbook.sheets()
    ]
    return Book(format_name, sheets, lambda sheet: _count_errors(workbook.sheet_by_name(sheet.name)))


def _make_row_reader(sheet: Any, workbook: Any) -> Callable[[], Iterator[tuple[int, Row]]]:
    def rows() -> Iterator[tuple[int, Row]]:
        for number, cells in enumerate(sheet.get_rows(), 1):
            yield number, [_convert_cell(cell, workbook) for cell in cells]

    return rows


def _convert_cell(cell: Any, workbook: Any) -> object:
    if cell.ctype in (xlrd.XL_CELL_DATE, xlrd.XL_CELL_NUMBER):
        return _convert_number(cell, workbook)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    return "" if cell.ctype == xlrd.XL_CELL_ERROR else cell.value


def _convert_number(cell: Any, workbook: Any) -> object:
    """Return a number, or the date-time or padded code that its format shows; xlrd's own value for unknown formats."""
    try:
        key = workbook.xf_list[cell.xf_index].format_key
        shown = xlsx_cell_text.find_format(key, workbook.format_map[key].format_str, bool(workbook.datemode))
        if not shown.is_plain or cell.ctype == xlrd.XL_CELL_NUMBER:
            return cell.value if shown.is_plain else shown.format_number(repr(cell.value))
        return xlrd.xldate_as_datetime(cell.value, workbook.datemode)
    except (AttributeError, IndexError, KeyError, TypeError, xlrd.xldate.XLDateError, OverflowError, ValueError):
        return cell.value


def _count_errors(sheet: Any) -> list[Notice]:
    types = (cell_type for row in range(sheet.nrows) for cell_type in sheet.row_types(row))
    return make_warnings(sum(cell_type == xlrd.XL_CELL_ERROR for cell_type in types), 0)

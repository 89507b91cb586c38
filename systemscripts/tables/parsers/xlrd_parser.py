"""Legacy XLS by xlrd: the second opinion for files that calamine refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import xlrd

from systemscripts.summary import Notice
from systemscripts.tables.parsers import container_check, xlsx_formats
from systemscripts.tables.parsers.workbook import Book, Row, Sheet, make_warnings


def open_book(path: Path) -> Book:
    """Open a workbook; raises BadDataError when it is none, xlrd's own errors otherwise."""
    format_name = container_check.detect_ole_format(path)
    workbook = xlrd.open_workbook(path, formatting_info=True, ragged_rows=True, logfile=_Silence())
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
    """A number, or the moment or padded code that its format shows; xlrd's own opinion where formats are unknown."""
    try:
        key = workbook.xf_list[cell.xf_index].format_key
        shown = xlsx_formats.find_format(key, workbook.format_map[key].format_str, bool(workbook.datemode))
        if not shown.is_plain or cell.ctype == xlrd.XL_CELL_NUMBER:
            return cell.value if shown.is_plain else shown.number(repr(cell.value))
        return xlrd.xldate_as_datetime(cell.value, workbook.datemode)
    except (AttributeError, IndexError, KeyError, TypeError, xlrd.xldate.XLDateError, OverflowError, ValueError):
        return cell.value


def _count_errors(sheet: Any) -> list[Notice]:
    types = (kind for row in range(sheet.nrows) for kind in sheet.row_types(row))
    return make_warnings(sum(kind == xlrd.XL_CELL_ERROR for kind in types), 0)


class _Silence:
    """xlrd writes its doubts to a stream."""

    def write(self, text: str) -> None:
        """Forget it."""

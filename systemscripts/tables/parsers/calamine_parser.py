"""XLSX, XLSM, XLSB, XLS and ODS by calamine, the fast one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import python_calamine

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import archive, xlsx_parts
from systemscripts.tables.parsers.book import Book, Row, Sheet

OLE = b"\xd0\xcf\x11\xe0"


def open_book(path: Path) -> Book:
    """Open a workbook. Raises BadDataError when it is none or protected; calamine's own errors and panics otherwise."""
    format_name = container_format(path)
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    except python_calamine.PasswordError as error:
        raise BadDataError(f"{path.name} is protected by a password", "Ask the sender for one without.") from error
    sheets = [
        _sheet(workbook, sheet.name, sheet.visible == python_calamine.SheetVisibleEnum.Visible)
        for sheet in workbook.sheets_metadata
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    if format_name != "xlsx":
        return Book(format_name, sheets)
    return Book(format_name, sheets, lambda sheet: xlsx_parts.warnings(path, sheet.name))


def container_format(path: Path) -> str:
    """xlsx, xlsb, ods or xls; raises BadDataError for what is no workbook at all."""
    with path.open("rb") as file:
        is_ole = file.read(4) == OLE
    return archive.ole_format(path) if is_ole else archive.zip_format(path)


def _sheet(workbook: Any, name: str, visible: bool) -> Sheet:
    loaded: list[Any] = []

    def rows() -> Iterable[tuple[int, Row]]:
        if not loaded:
            loaded.append(workbook.get_sheet_by_name(name))
        return enumerate(loaded[0].iter_rows() if loaded[0].start else (), 1)

    return Sheet(name, rows, visible)

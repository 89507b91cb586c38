"""Writes a company list in the three formats that MeetMax calls .xls, with the same bytes every time."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from html import escape
from typing import Any

import openpyxl
import xlwt

from demo.events import BIFF, HTML, XLSX

CREATED_AT = datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001 - workbooks have no time zones
ZIP_TIME = (2026, 1, 5, 9, 30, 0)
Rows = Sequence[Sequence[Any]]


def write_biff(headers: Sequence[str], rows: Rows, title_rows: Sequence[str]) -> bytes:
    """Return an Excel 97 workbook."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Company List")
    dates = xlwt.easyxf(num_format_str="D-MMM-YY")
    for row_number, row in enumerate(_join_rows(headers, rows, title_rows)):
        for column, value in enumerate(row):
            if isinstance(value, date):
                sheet.write(row_number, column, value, dates)
            elif value not in (None, ""):
                sheet.write(row_number, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def write_xlsx(headers: Sequence[str], rows: Rows, title_rows: Sequence[str]) -> bytes:
    """Return an XLSX workbook; the times that openpyxl writes into it are replaced."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Company List"
    for row in _join_rows(headers, rows, title_rows):
        sheet.append([None if value == "" else value for value in row])
    book.properties.created = CREATED_AT
    buffer = io.BytesIO()
    book.save(buffer)
    return _fix_times(buffer.getvalue())


def write_html(headers: Sequence[str], rows: Rows, title_rows: Sequence[str]) -> bytes:
    """Return an HTML page with a table, as some sites send it under the name of a workbook."""
    lines = [f"<tr><td colspan={len(headers)}>{escape(title)}</td></tr>" for title in title_rows]
    lines.append("<tr>" + "".join(f"<th>{escape(header)}</th>" for header in headers) + "</tr>")
    lines += ["<tr>" + "".join(f"<td>{_escape_html(value)}</td>" for value in row) + "</tr>" for row in rows]
    table = "\n".join(lines)
    page = f"<html><head><meta charset='utf-8'></head><body>\n<table border=1>\n{table}\n</table>\n</body></html>\n"
    return page.encode()


WRITERS: dict[str, Callable[[Sequence[str], Rows, Sequence[str]], bytes]] = {
    BIFF: write_biff,
    XLSX: write_xlsx,
    HTML: write_html,
}


def _join_rows(headers: Sequence[str], rows: Rows, title_rows: Sequence[str]) -> Rows:
    return [*([title] for title in title_rows), headers, *rows]


def _escape_html(value: Any) -> str:
    return "" if value is None else escape(str(value)).replace("\n", "<br>")


def _fix_times(workbook: bytes) -> bytes:
    """Repack a workbook with one fixed time for all members and in its properties."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(
                    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", CREATED_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode(), content
                )
            member = zipfile.ZipInfo(name, ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, content)
    return buffer.getvalue()

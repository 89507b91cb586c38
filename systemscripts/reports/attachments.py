"""Files made from the rows of a query: CSV and XLSX, in which no text can become a formula."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from systemscripts import settings

logger = logging.getLogger(__name__)

# What a spreadsheet takes for a formula, or for the way around its beginning (OWASP, "CSV Injection")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
TYPES = {"csv": ("text", "csv"), "xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")}


@dataclass(frozen=True)
class File:
    """One file to attach; `content` is empty where it was too large, and `note` then says so."""

    name: str
    content: bytes
    note: str = ""

    @property
    def kind(self) -> tuple[str, str]:
        """Its media type, in two parts."""
        return TYPES[self.name.rpartition(".")[2]]

    @property
    def parameters(self) -> dict[str, str]:
        """What its media type needs besides."""
        return {"charset": "utf-8"} if self.name.endswith(".csv") else {}


def make(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> File:
    """One file of the kind that its name ends with; larger than REPORT_ATTACHMENT_MB, it is left out and said so."""
    content = _xlsx(columns, rows) if name.endswith(".xlsx") else _csv(columns, rows)
    limit = settings.current().report_attachment_mb
    if len(content) > limit * 1e6:
        note = f"{name} is not attached: {len(content) / 1e6:.1f} MB, more than {limit:g} MB ({len(rows):,} rows)"
        logger.warning("%s", note, extra={"code": "attachment_left_out"})
        return File(name, b"", note)
    return File(name, content)


def neutral(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS) else value


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")  # RFC 4180
    writer.writerow([neutral(name) for name in columns])
    writer.writerows([["" if value is None else neutral(value) for value in row] for row in rows])
    return stream.getvalue().encode("utf-8-sig")  # Excel takes the byte order mark as a sign of UTF-8


def _xlsx(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet: Any = book.create_sheet("Report")
    for row in [columns, *rows]:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=_for_excel(neutral(value)))
            if isinstance(value, str):
                cell.data_type = "s"  # openpyxl makes a formula of whatever begins with =
            cells.append(cell)
        sheet.append(cells)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _for_excel(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)  # workbooks know no time zones
    if value is None or isinstance(value, str | int | float | bool | Decimal | date):
        return _printable(value) if isinstance(value, str) else value
    return str(value)


def _printable(text: str) -> str:
    """Without the control characters that a workbook cannot hold (openpyxl refuses them)."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    return ILLEGAL_CHARACTERS_RE.sub("", text)

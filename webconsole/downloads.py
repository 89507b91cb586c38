"""Tables as files: streamed, and safe to open in a spreadsheet program."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from typing import IO, Any

import psycopg2

from systemscripts import db_utils
from systemscripts.errors import UsageError
from systemscripts.journey.sending_back import harmless
from webconsole import database
from webconsole.reading import tables

BLOCK = 2000  # rows fetched at once
SHEET_ROWS = 1_048_576  # of XLSX (ECMA-376)
DOWNLOAD_MINUTES = 30
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # not allowed in XML 1.0


def neutral(text: str | None) -> str:
    """The text of a cell, with an apostrophe before what would run as a formula. A number stays one."""
    return str(harmless(text)) if text else ""


def csv_lines(header: list[str], rows: Iterator[tuple[str | None, ...]]) -> Iterator[bytes]:
    """CSV (RFC 4180, UTF-8 with a mark, so that Excel reads it as such) in blocks."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow([neutral(name) for name in header])
    for number, row in enumerate(rows, start=1):
        writer.writerow([neutral(cell) for cell in row])
        if number % BLOCK == 0:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue()
    text.seek(0)
    text.truncate()
    return content.encode()


def xlsx_file(header: list[str], rows: Iterator[tuple[str | None, ...]], numeric: list[bool]) -> IO[bytes]:
    """An XLSX workbook in a temporary file, written row by row; raises UsageError where a sheet cannot hold it."""
    import openpyxl

    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("data")
    sheet.append([_sheet_text(name) for name in header])
    for number, row in enumerate(rows, start=2):
        if number > SHEET_ROWS:
            raise UsageError(f"a sheet holds at most {SHEET_ROWS:,} rows", "Download CSV, or filter it.")
        sheet.append([_sheet_cell(cell, is_number) for cell, is_number in zip(row, numeric, strict=True)])
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    workbook.save(stream)
    stream.seek(0)
    return stream


def _sheet_cell(text: str | None, is_number: bool) -> str | int | float:
    if is_number and text and len(text) <= 15:  # a double holds 15 digits; longer numbers stay exact as text
        try:
            return float(text) if "." in text or "e" in text.lower() else int(text)
        except ValueError:  # NaN, Infinity
            return text
    return _sheet_text(text)


def _sheet_text(text: str | None) -> str:
    return _UNPRINTABLE.sub("\ufffd", neutral(text))[:32_767]


def table_rows(asked: tables.View, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Every row that was asked for, through a connection of its own, so that nothing else waits for a slow reader."""
    with closing(db_utils.connect("reader", purpose="console download")) as connection:
        connection.set_session(readonly=True)
        with connection.cursor() as plain:
            plain.execute(f"set statement_timeout = '{DOWNLOAD_MINUTES}min'")
            plain.execute("select set_config('TimeZone', %s, false)", (asked.wanted.zone,))
        with connection.cursor("download") as cursor:
            cursor.itersize = BLOCK
            try:
                cursor.execute(tables.whole(asked, columns))
                yield from cursor
            except psycopg2.Error as error:
                raise database.misfit(error) or error from None

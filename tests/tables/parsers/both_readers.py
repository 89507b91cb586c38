"""Compares the quick reader of a sheet with the careful one, as the child process sends their rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.workbook import Book, Sheet
from systemscripts.tables.workbooks import protocol
from systemscripts.tables.workbooks.sheet_writer import SheetWriter

Sent = tuple[list[tuple[int, list[str]]], list[str]]


def send(book: Book, sheet: Sheet) -> Sent | str:
    """Return the rows that the child process sends and the warnings, or the message of the error."""
    output = io.BytesIO()
    try:
        notices = SheetWriter(output, most_cells=10**7, most_bytes=10**8).send(book, sheet, fill_merged=False)
    except BadDataError as error:
        return error.message
    # the next parser is asked
    except Exception as error:
        return type(error).__name__
    protocol.write_frame(output, protocol.END)
    output.seek(0)
    rows: list[tuple[int, list[str]]] = []
    for frame_type, payload in protocol.read_frames(output):
        if frame_type == protocol.RESTART:
            rows = []
        elif frame_type == protocol.ROWS:
            first, count, content = protocol.parse_rows(payload)
            read = list(csv.reader(io.StringIO(bytes(content).decode(), newline="")))
            assert len(read) == count
            rows += enumerate(read, first)
    return rows, [notice.text for notice in notices]


def read_both(open_book: Callable[[Path], Book], path: Path) -> tuple[list[Sent | str], list[Sent | str]]:
    """Return what the quick and the careful reader send of each sheet."""
    quick, careful = open_book(path), open_book(path)
    return (
        [send(quick, sheet) for sheet in quick.sheets],
        [send(careful, replace(sheet, chunks=None)) for sheet in careful.sheets],
    )

"""XLS of any age by calamine: the last one asked, after xlrd could not read an old one either."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.parsers import calamine_parser
from systemscripts.tables.parsers.workbook import Book


def open_book(path: Path) -> Book:
    """Open a workbook, as calamine_parser does for newer ones."""
    return calamine_parser.open_book(path, any_version=True)

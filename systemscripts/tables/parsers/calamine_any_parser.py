"""Reads XLS of any version with calamine: the last resort, after xlrd failed too."""

from __future__ import annotations

from pathlib import Path

from systemscripts.tables.parsers import calamine_parser
from systemscripts.tables.parsers.workbook import Book


def open_book(path: Path) -> Book:
    """Open a workbook as calamine_parser does, but of any version."""
    return calamine_parser.open_book(path, any_version=True)

"""Selects one of several tables of a sheet: by its cells, or by the title above it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers.workbook import Row, Sheet, fill_merged_rows

REGION = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6}):([A-Z]{1,3})([1-9][0-9]{0,6})?")
HINT = "Correct region or title under reading of the import, or ask the sender."


@dataclass(frozen=True)
class Area:
    """Where the table is: cells such as B4:F30 (B4:F to the last row), or a title, in which * is any text."""

    region: str = ""
    title: str = ""

    def select(self, sheets: Sequence[Sheet], fill_merged: bool) -> list[Sheet]:
        """Return the sheets that have the area, with its cells only. Raises BadDataError if none has."""
        areas = [
            replace(sheet, rows=partial(self._read_rows, sheet, fill_merged), chunks=None, csv_rows=None, merged=list)
            for sheet in sheets
        ]
        filled = [area for area in areas if next(iter(area.rows()), None) is not None]
        if not filled:
            names = ", ".join(sheet.name for sheet in sheets)
            area_text = f"in the cells {self.region}" if self.region else f"below the title {self.title!r}"
            raise BadDataError(f"there is nothing {area_text} in the sheets: {names}", HINT)
        return filled

    def _read_rows(self, sheet: Sheet, fill_merged: bool) -> Iterator[tuple[int, Row]]:
        rows = iter(fill_merged_rows(sheet) if fill_merged else sheet.rows())
        return _select_region(rows, self.region) if self.region else _select_below(rows, self.title)


def _select_region(rows: Iterator[tuple[int, Row]], region: str) -> Iterator[tuple[int, Row]]:
    match = REGION.fullmatch(region)
    assert match is not None
    left, right = _find_column(match[1]), _find_column(match[3])
    first, last = int(match[2]), int(match[4]) if match[4] else None
    for number, row in rows:
        if number >= first and (last is None or number <= last):
            cells = row[left : right + 1]
            if not _is_blank(cells):
                yield number, cells


def _select_below(rows: Iterator[tuple[int, Row]], title: str) -> Iterator[tuple[int, Row]]:
    """Yield the rows below a title, as far as its header is wide, up to the first blank row."""
    column, edges, before = -1, (0, 0), 0
    for number, row in rows:
        if column < 0:
            column = _find_title(row, title)
            continue
        if edges == (0, 0):
            edges = _find_edges(row, column)
            before = number
        cells = row[edges[0] : edges[1]]
        if edges == (0, 0):
            continue
        # readers leave out blank rows
        if _is_blank(cells) or number > before + 1:
            return
        yield number, cells
        before = number


def _find_title(row: Row, title: str) -> int:
    pattern = title.strip().casefold()
    texts = (str(cell).strip().casefold() if cell is not None else "" for cell in row)
    return next((index for index, text in enumerate(texts) if text and fnmatch.fnmatchcase(text, pattern)), -1)


def _find_edges(row: Row, column: int) -> tuple[int, int]:
    """Return where the filled cells around a column begin and end; the next ones to the right where it is blank."""
    filled = [cell not in ("", None) for cell in row]
    start = next((index for index in range(column, len(row)) if filled[index]), -1)
    if start < 0:
        return 0, 0
    end = next((index for index in range(start, len(row)) if not filled[index]), len(row))
    while start > 0 and filled[start - 1]:
        start -= 1
    return start, end


def _find_column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _is_blank(cells: Row) -> bool:
    return all(cell in ("", None) for cell in cells)

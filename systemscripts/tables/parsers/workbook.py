"""The workbook that a parser returns: sheets of rows of Python values."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows

# top row from 1, left column from 0, bottom row, right column
Area = tuple[int, int, int, int]
# A sheet of Excel 4 macros is chosen last.
MACROS_WEIGHT = -1
# the index of a shared string that some programs write for an empty text
NO_STRING = -1
# Some senders merge a whole row of the sheet.
MAX_FILL_COLUMNS = 1000
# str, int, float, bool, date, datetime, time, timedelta; "" or None where empty
Row = Sequence[object]


class ReadAgainError(Exception):
    """The rows so far must not be used; the next call of rows() reads them in another way."""


@dataclass(frozen=True)
class Sheet:
    """One sheet; `rows()` yields number (from 1) and cells of each row, of any width, and may be called again.

    Where several sheets have values, the one with the greatest `weight` is read, the first of equals.
    """

    name: str
    rows: Callable[[], Iterable[tuple[int, Row]]]
    visible: bool = True
    weight: int = 0
    # the same rows, faster; may raise where rows() does not
    chunks: Callable[[], Iterable[Chunk | CsvRows]] | None = None
    # the same rows as CSV of these columns, by two processes
    csv_rows: Callable[[int, int], Iterable[CsvRows]] | None = None
    # merged areas
    merged: Callable[[], list[Area]] = list


@dataclass
class Book:
    """An open workbook; `warnings(sheet)` is called after the rows of the sheet were read."""

    format: str
    sheets: list[Sheet]
    warnings: Callable[[Sheet], list[Notice]] = field(default=lambda sheet: [])
    # whether one sheet is, contains or is contained in another
    is_related: Callable[[Sheet, Sheet], bool] = field(default=lambda other, read: False)
    # the first row of each sheet certainly names its columns
    header_known: bool = False
    # header -> how its column would be declared, where the file has types
    column_types: dict[str, dict[str, Any]] = field(default_factory=dict)


ALL = "all"


def choose_sheets(book: Book, requested: str | int | None) -> list[Sheet]:
    """Return the requested sheet (exact name, pattern with *, index from 0), else the first visible one with values.

    The list is empty where no sheet has values. "all" means each visible sheet with values, unless a sheet is named so.
    Raises BadDataError, which lists the sheets, where none matches or a pattern matches several.
    """
    if requested is None or (requested == ALL and all(sheet.name != ALL for sheet in book.sheets)):
        visible = sorted((sheet for sheet in book.sheets if sheet.visible), key=lambda sheet: -sheet.weight)
        if [sheet.name for sheet in visible] == [""]:
            # a file without sheets is one table, even where it holds nothing
            return visible
        holding = (sheet for sheet in visible if holds_anything(sheet))
        return list(holding if requested else islice(holding, 1))
    matching = _find_matching(book.sheets, requested)
    names = ", ".join(sheet.name for sheet in book.sheets) or "none"
    if not matching:
        raise BadDataError(
            f"there is no sheet {requested!r}; the sheets are: {names}", "Correct sheet under reading in the import."
        )
    if len(matching) > 1:
        names = ", ".join(sheet.name for sheet in matching)
        raise BadDataError(f"several sheets match {requested!r}: {names}", "Name one of them, or set sheet to all.")
    return matching


def holds_anything(sheet: Sheet) -> bool:
    """Return whether any cell has a value."""
    if sheet.chunks:
        # rows() may succeed; if not, it raises the reason.
        with suppress(Exception):
            return any(chunk.extent() != (0, 0) for chunk in sheet.chunks())
    return any(not is_blank(row) for _, row in sheet.rows())


def fill_merged_rows(sheet: Sheet) -> Iterator[tuple[int, Row]]:
    """Yield the rows with merged cells filled with their top-left value, in rows that have other values."""
    areas = sorted(sheet.merged())
    open_areas: list[tuple[Area, object]] = []
    for number, row in sheet.rows():
        cells = list(row)
        filled = not is_blank(row)
        open_areas = [(area, value) for area, value in open_areas if area[2] >= number]
        while areas and areas[0][0] <= number:
            area = areas.pop(0)
            if area[0] == number and area[1] < len(cells) and cells[area[1]] not in ("", None):
                open_areas.append((area, cells[area[1]]))
        for (_, left, _, right), value in open_areas if filled else ():
            cells += [""] * (min(right, left + MAX_FILL_COLUMNS) + 1 - len(cells))
            for column in range(left, min(right, left + MAX_FILL_COLUMNS) + 1):
                if cells[column] in ("", None):
                    cells[column] = value
        yield number, cells


def is_blank(row: Row) -> bool:
    """Return whether no cell has a value; 0 and false are values."""
    if any(row):
        return False
    blanks = row.count("")
    return blanks == len(row) or blanks + row.count(None) == len(row)


def _find_matching(sheets: list[Sheet], requested: str | int) -> list[Sheet]:
    if isinstance(requested, int):
        return sheets[requested : requested + 1] if requested >= 0 else []
    exact = [sheet for sheet in sheets if sheet.name == requested]
    pattern = requested.strip().casefold()
    loosely = [sheet for sheet in sheets if sheet.name.strip().casefold() == pattern]
    by_pattern = [sheet for sheet in sheets if fnmatch.fnmatchcase(sheet.name.strip().casefold(), pattern)]
    return exact[:1] or loosely[:1] or [sheet for sheet in by_pattern if sheet.visible] or by_pattern[:1]


@dataclass
class CellCount:
    """How many cells a warning is about, and where the first one is."""

    count: int = 0
    first: str = ""

    def add(self, row: int, column: int) -> None:
        """Count the cell in this row (from 1) and column (from 0)."""
        self.first = self.first or format_cell_name(row, column)
        self.count += 1


def format_cell_name(row: int, column: int) -> str:
    """Return the name of a cell, such as AB12, by its row (from 1) and column (from 0)."""
    letters, column = "", column + 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row}"


def make_warnings(
    errors: int, formulas: int, lost: CellCount | None = None, covered: CellCount | None = None
) -> list[Notice]:
    """Return the warnings about error cells, formulas without a value, and texts that are missing or hidden."""
    notices = []
    if lost and lost.count:
        text = (
            f"{lost.count} cells refer to a text that is missing from the file and are empty; the first is {lost.first}"
        )
        notices.append(Notice("cells_with_errors", text))
    if covered and covered.count:
        text = f"{covered.count} values hidden under merged cells are left out; the first is {covered.first}"
        notices.append(Notice("cells_left_out", text))
    if errors:
        text = f"{errors} cells contain an error (such as #N/A) and are empty"
        notices.append(Notice("cells_with_errors", text))
    if formulas:
        text = f"{formulas} formulas were saved without a value and are empty"
        notices.append(Notice("formulas_without_values", text))
    return notices

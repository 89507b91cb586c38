"""What a parser hands to the child process: sheets of rows of Python values."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from systemscripts.errors import BadDataError
from systemscripts.summary import Notice
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows

Area = tuple[int, int, int, int]  # top row from 1, left column from 0, bottom row, right column
MACROS_WEIGHT = -1  # weight of a sheet of Excel 4 macros: the last one meant
NO_STRING = -1  # the number of a shared string that some writers give to an empty text
MAX_FILL_COLUMNS = 1000  # columns; some merge a whole row of the sheet
Row = Sequence[object]  # str, int, float, bool, date, datetime, time, timedelta; "" or None where empty


class ReadAgainError(Exception):
    """The rows so far are not to be used; when asked again, rows() reads them in another way."""


@dataclass(frozen=True)
class Sheet:
    """One sheet; `rows()` may be called again and yields number (from 1) and cells of each row, of any width.

    Where several hold something, the one of the greatest `weight` is meant, the first of equals.
    """

    name: str
    rows: Callable[[], Iterable[tuple[int, Row]]]
    visible: bool = True
    weight: int = 0
    chunks: Callable[[], Iterable[Chunk]] | None = None  # the same rows, faster; may raise where rows() does not
    ready: Callable[[int, int], Iterable[CsvRows]] | None = None  # the same as CSV of these columns, by two processes
    merged: Callable[[], list[Area]] = list  # merged cells


@dataclass
class Book:
    """An open workbook; `warnings(sheet)` is asked after its rows were read."""

    format: str
    sheets: list[Sheet]
    warnings: Callable[[Sheet], list[Notice]] = field(default=lambda sheet: [])
    # whether another sheet is, or holds, what is read as this one
    related: Callable[[Sheet, Sheet], bool] = field(default=lambda other, read: False)
    header_known: bool = False  # the first row of each sheet names its columns, for sure


ALL = "all"


def choose_sheets(book: Book, wanted: str | int | None) -> list[Sheet]:
    """The sheet that is wanted (exact name, pattern with *, index from 0), else the first visible one with values.

    None at all when no sheet holds anything. "all" means each visible sheet that does, unless a sheet has that name.
    Raises BadDataError, listing what is there, when none is found or a pattern fits several.
    """
    if wanted is None or (wanted == ALL and all(sheet.name != ALL for sheet in book.sheets)):
        visible = sorted((sheet for sheet in book.sheets if sheet.visible), key=lambda sheet: -sheet.weight)
        holding = (sheet for sheet in visible if holds_anything(sheet))
        return list(holding if wanted else islice(holding, 1))
    found = _find_matching(book.sheets, wanted)
    names = ", ".join(sheet.name for sheet in book.sheets) or "none"
    if not found:
        raise BadDataError(
            f"there is no sheet {wanted!r}; the sheets are: {names}", "Correct sheet under reading in the import."
        )
    if len(found) > 1:
        fitting = ", ".join(sheet.name for sheet in found)
        raise BadDataError(f"several sheets fit {wanted!r}: {fitting}", "Name one of them, or set sheet to all.")
    return found


def holds_anything(sheet: Sheet) -> bool:
    """True when any cell has a value."""
    if sheet.chunks:
        with suppress(Exception):  # rows() may do better; if not, it says why
            return any(chunk.extent() != (0, 0) for chunk in sheet.chunks())
    return any(not is_blank(row) for _, row in sheet.rows())


def fill_merged_rows(sheet: Sheet) -> Iterator[tuple[int, Row]]:
    """The rows with merged cells filled by their top-left value, where a row holds anything else."""
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
    """True when no cell has a value; 0 and false are values."""
    if any(row):
        return False
    blanks = row.count("")
    return blanks == len(row) or blanks + row.count(None) == len(row)


def _find_matching(sheets: list[Sheet], wanted: str | int) -> list[Sheet]:
    if isinstance(wanted, int):
        return sheets[wanted : wanted + 1] if wanted >= 0 else []
    exact = [sheet for sheet in sheets if sheet.name == wanted]
    pattern = wanted.strip().casefold()
    loosely = [sheet for sheet in sheets if sheet.name.strip().casefold() == pattern]
    by_pattern = [sheet for sheet in sheets if fnmatch.fnmatchcase(sheet.name.strip().casefold(), pattern)]
    return exact[:1] or loosely[:1] or [sheet for sheet in by_pattern if sheet.visible] or by_pattern[:1]


@dataclass
class CellCount:
    """Cells that something is to be said about: how many, and where the first one is."""

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
    """Return the warnings for so many error cells, formulas without value, and texts that are missing or hidden."""
    found = []
    if lost and lost.count:
        text = f"{lost.count} cells name a text that the file does not hold, and are empty; the first is {lost.first}"
        found.append(Notice("cells_with_errors", text))
    if covered and covered.count:
        text = (
            f"{covered.count} values below merged cells, which no one sees, are left out; the first is {covered.first}"
        )
        found.append(Notice("cells_left_out", text))
    if errors:
        text = f"{errors} cells hold an error (such as #N/A) and are empty"
        found.append(Notice("cells_with_errors", text))
    if formulas:
        text = f"{formulas} formulas were saved without a value and are empty"
        found.append(Notice("formulas_without_values", text))
    return found

"""What a parser hands to the child process: sheets of rows of Python values."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from systemscripts.errors import BadDataError

Row = Sequence[object]  # str, int, float, bool, date, datetime, time, timedelta; "" or None where empty


@dataclass(frozen=True)
class Sheet:
    """One sheet; `rows()` may be called again and yields number (from 1) and cells of each row, of any width.

    Where several hold something, the one of the greatest `weight` is meant, the first of equals.
    """

    name: str
    rows: Callable[[], Iterable[tuple[int, Row]]]
    visible: bool = True
    weight: int = 0


@dataclass
class Book:
    """An open workbook; `warnings(sheet)` is asked after its rows were read."""

    format: str
    sheets: list[Sheet]
    warnings: Callable[[Sheet], list[str]] = field(default=lambda sheet: [])


def choose(book: Book, wanted: str | int | None) -> Sheet | None:
    """The sheet that is wanted, else the first visible one that holds anything; None when none does.

    Raises BadDataError, listing what is there, when the wanted one is not.
    """
    if wanted is None:
        visible = sorted((sheet for sheet in book.sheets if sheet.visible), key=lambda sheet: -sheet.weight)
        return next((sheet for sheet in visible if holds_anything(sheet)), None)
    found = next(_matching(book.sheets, wanted), None)
    if found is None:
        names = ", ".join(sheet.name for sheet in book.sheets) or "none"
        raise BadDataError(f"there is no sheet {wanted!r}; the sheets are: {names}")
    return found


def holds_anything(sheet: Sheet) -> bool:
    """True when any cell has a value."""
    return any(not is_blank(row) for _, row in sheet.rows())


def is_blank(row: Row) -> bool:
    """True when no cell has a value; 0 and false are values."""
    return row.count("") + row.count(None) == len(row)


def _matching(sheets: list[Sheet], wanted: str | int) -> Iterator[Sheet]:
    if isinstance(wanted, int):
        yield from sheets[wanted : wanted + 1] if wanted >= 0 else ()
        return
    yield from (sheet for sheet in sheets if sheet.name == wanted)
    yield from (sheet for sheet in sheets if fnmatch.fnmatch(sheet.name.strip().casefold(), wanted.strip().casefold()))

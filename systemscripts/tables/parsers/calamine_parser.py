"""Reads XLSX, XLSM, XLSB, XLS and ODS with calamine, a fast library."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import python_calamine

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import container_check, parallel_halves, value_columns, xls_formats
from systemscripts.tables.parsers.row_chunk import Chunk, CsvRows
from systemscripts.tables.parsers.workbook import MACROS_WEIGHT, Area, Book, Row, Sheet, make_warnings
from systemscripts.tables.parsers.xlsx_strings import UnusualError

ZIP = b"PK"
WORKSHEET = python_calamine.SheetTypeEnum.WorkSheet
# Few at first: often it only matters whether the sheet has any values.
FIRST_ROWS = 200
MAX_CHUNK_ROWS, MAX_CHUNK_CELLS = 5000, 2**18
DAY = timedelta(days=1)
# calamine rounds to seconds or finer.
TOLERANCE_DAYS = 1e-5
# Days of 1900 and 1904; before March 1900 Excel counts one day more.
EPOCHS = (datetime(1899, 12, 30), datetime(1904, 1, 1), datetime(1899, 12, 31))  # noqa: DTZ001 - sheets know no zones


def open_book(path: Path, any_version: bool = False) -> Book:
    """Open a workbook.

    Raises BadDataError where the file is not a workbook or is protected, else calamine's own errors and panics.
    """
    # An XLS is read in a thread, while this one reads what calamine omits; a zip is checked first.
    reading = None if _is_zip(path) else _BackgroundRead(path)
    details = _read_details(path) if reading else None
    # Where the workbook stream was found, its container needs no further check.
    format_name = "xls" if details and details.stream else detect_format(path)
    if details and not any_version:
        if not details.is_biff8:
            raise UnusualError("Excel 5 or older: xlrd knows its code pages")
        if xls_formats.is_sparse(details):
            raise UnusualError("mostly blank: calamine would expand every blank cell")
    lookup = xls_formats.BackgroundLookup(details) if details else None
    try:
        workbook = (reading or _BackgroundRead(path)).wait()
    except python_calamine.PasswordError as error:
        raise BadDataError(
            f"{path.name} is protected by a password", "Ask the sender for a file without a password."
        ) from error
    names = [
        (sheet.name, sheet.visible == python_calamine.SheetVisibleEnum.Visible, sheet.typ == WORKSHEET)
        for sheet in workbook.sheets_metadata
        if sheet.typ in (WORKSHEET, python_calamine.SheetTypeEnum.MacroSheet)
    ]
    if format_name != "xls":
        return Book(
            format_name, [_make_sheet(workbook, name, None, visible, is_usual) for name, visible, is_usual in names]
        )
    sheets = [_make_sheet(workbook, name, lookup, visible, is_usual) for name, visible, is_usual in names]
    return Book(format_name, sheets, lambda sheet: make_warnings(lookup.count_errors(sheet.name) if lookup else 0, 0))


class _BackgroundRead:
    """calamine reading in a thread; it releases the interpreter lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._workbook: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self) -> Any:
        """Return the workbook; raises calamine's errors and panics."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._workbook

    def _run(self) -> None:
        try:
            self._workbook = python_calamine.CalamineWorkbook.from_path(str(self._path))
        # A panic in Rust is a BaseException, not an Exception.
        except BaseException as error:
            self._error = error


def _read_details(path: Path) -> xls_formats.Globals | None:
    """Return what calamine omits; None where the file is too unusual for that."""
    with suppress(Exception):
        return xls_formats.read_globals(path)
    return None


def detect_format(path: Path) -> str:
    """Return xlsx, xlsb, ods or xls; raises BadDataError for a file that is not a workbook."""
    return container_check.detect_zip_format(path) if _is_zip(path) else container_check.detect_ole_format(path)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == ZIP


def _make_sheet(
    workbook: Any, name: str, lookup: xls_formats.BackgroundLookup | None, visible: bool, is_usual: bool
) -> Sheet:
    loaded: list[Any] = []
    shown: list[xls_formats.Shown] = []

    def load() -> Any:
        if not loaded:
            sheet = workbook.get_sheet_by_name(name)
            shown.append(lookup.find_shown_texts(name) if lookup else {})
            loaded.append(sheet)
        return loaded[0]

    def rows() -> Iterable[tuple[int, Row]]:
        numbered = enumerate(load().iter_rows() if load().start else (), 1)
        return (
            ((number, _restore_shown_texts(number, row, shown[0])) for number, row in numbered)
            if load() and shown[0]
            else numbered
        )

    def chunks(begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        sheet_rows, first = islice(load().iter_rows() if load().start else (), begin, end), begin + 1
        most = max(min(MAX_CHUNK_ROWS, MAX_CHUNK_CELLS // max(load().total_width, 1)), 1)
        count = min(FIRST_ROWS, most)
        while some := list(islice(sheet_rows, count)):
            count = most
            numbers = range(first, first + len(some))
            for number in shown[0].keys() & set(range(first - 1, first - 1 + len(some))) if shown[0] else ():
                some[number + 1 - first] = _restore_shown_texts(number + 1, some[number + 1 - first], shown[0])
            yield Chunk(numbers, dict(enumerate(map(value_columns.format_column, zip(*some, strict=True)))))
            first += len(some)

    def read_csv(left: int, right: int) -> Iterator[CsvRows]:
        height = load().total_height if load().start else 0
        if not parallel_halves.is_worthwhile(height * load().total_width):
            return (chunk.to_csv(left, right) for chunk in chunks())
        # A bit more than half: the other process must skip these rows first.
        half = height * 11 // 20
        return parallel_halves.read_halves(
            (chunk.to_csv(left, right) for chunk in chunks(0, half)),
            (chunk.to_csv(left, right) for chunk in chunks(half)),
        )

    def list_merged() -> list[Area]:
        ranges = load().merged_cell_ranges or ()
        return [(top + 1, left, bottom + 1, right) for (top, left), (bottom, right) in ranges]

    return Sheet(
        name,
        rows,
        visible,
        weight=0 if is_usual else MACROS_WEIGHT,
        chunks=chunks,
        csv_rows=read_csv,
        merged=list_merged,
    )


def _restore_shown_texts(number: int, row: Row, shown: xls_formats.Shown) -> Row:
    """Return a row with date-times and padded numbers as Excel shows them, where calamine has the same value."""
    texts = shown.get(number - 1)
    if not texts:
        return row
    cells = list(row)
    for column, (stored, text) in texts.items():
        if text and column < len(cells) and _is_same(cells[column], stored):
            cells[column] = text
    return cells


def _is_same(value: object, stored: float) -> bool:
    """Return whether a value from calamine is this stored number, or the date-time it means (from 1900 or 1904)."""
    if isinstance(value, (bool, str)) or value is None:
        return False
    if isinstance(value, (int, float)):
        return abs(value - stored) <= 1e-9 * max(abs(stored), 1)
    if isinstance(value, time):
        value = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    if isinstance(value, timedelta):
        return abs(value / DAY - stored) < TOLERANCE_DAYS
    if isinstance(value, date):
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        return any(abs((moment - epoch) / DAY - stored) < TOLERANCE_DAYS for epoch in EPOCHS)
    return False

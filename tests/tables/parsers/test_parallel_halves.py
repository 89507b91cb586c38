"""A large XLS is read by two processes; the result is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlwt

from systemscripts.tables import forked_process
from systemscripts.tables.parsers import calamine_parser, parallel_halves
from systemscripts.tables.parsers.row_chunk import CsvRows
from systemscripts.tables.parsers.xlsx_strings import UnusualError

ROWS = 301


def test_two_processes_read_what_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not forked_process.is_possible():
        pytest.skip("one processor")
    path = tmp_path / "sheet.xls"
    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    for row in range(ROWS):
        if row % 50 != 7:  # some rows are blank
            for column, value in enumerate((row, f"{row:05}", row / 7, 'a, "b"')):
                sheet.write(row, column, value)
    book.save(str(path))
    one = _lines(path)
    monkeypatch.setattr(parallel_halves, "MIN_CELLS", 0)
    assert _lines(path) == one
    assert len(one) == ROWS - len(range(7, ROWS, 50))


def test_what_the_second_process_meets_is_met_by_the_first() -> None:
    def fail() -> list[CsvRows]:
        raise ValueError("odd")

    first = [CsvRows(1, 1, 0, 1, [(1, 1, b"a\n")])]
    with pytest.raises(UnusualError, match="ValueError: odd"):
        list(parallel_halves.read_halves(first, (ready for rows in [fail] for ready in rows())))


def _lines(path: Path) -> list[tuple[int, bytes]]:
    sheet = calamine_parser.open_book(path).sheets[0]
    assert sheet.csv_rows is not None
    rows = []
    for ready in sheet.csv_rows(0, 4):
        for first, count, content in ready.runs(0, 4):
            lines = content.removesuffix(b"\n").split(b"\n")
            assert len(lines) == count
            rows += list(enumerate(lines, first))
    return rows

"""Rows of XLSB that are read many at once have the values and warnings of those that are read record by record."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.tables.parsers import xlsb_parser
from systemscripts.tables.parsers.value_columns import MAX_CHUNK_ROWS
from systemscripts.tables.parsers.xlsx_strings import UnusualError
from tests.tables.parsers import both_readers
from tests.tables.parsers.test_xlsb import cell, make_shared_cell, record, sheet, wide, xlsb

VALUES = [
    1, -5, 0, 1.5, 0.1, -0.0, 1e-7, 1e300, 46027.0, 46027.5, float("nan"), float("inf"), True, False, "", "a", "x,y",
    'say "x"', "two\nlines", "Zürich", "😀", "y" * 57, "y" * 58, "z" * 300, "#N/A",
]  # fmt: skip


def make_cell(column: int, value: object, style: int) -> bytes:
    """A cell of any type: also shared texts, packed hundredths, formulas, blanks, rich texts and unknown records."""
    head = struct.pack("<II", column, style)
    others = {
        "shared": make_shared_cell(column, 1),
        "missing": make_shared_cell(column, 9),
        "none": record(7, head + b"\xff" * 4),
        "packed": record(2, head + struct.pack("<i", 12345 << 2 | 3)),
        "half": record(2, head + struct.pack("<I", 0x3FF80000)),
        "formula": record(9, head + struct.pack("<d", 2.5) + bytes(9)),
        "long formula": record(9, head + bytes(8) + bytes(30)),
        "flag": record(10, head + b"\1" + bytes(9)),
        "text formula": record(8, head + wide("f") + bytes(9)),
        "failed": record(11, head + b"\x2a" + bytes(9)),
        "blank": record(1, head),
        "rich": record(62, head + b"\0" + wide("r")),
        "unknown": record(37, b"\x01\x02"),
    }
    return others[value] if isinstance(value, str) and value in others else cell(column, value, style)


NAMES = [
    "shared", "missing", "none", "packed", "half", "formula", "long formula", "flag", "text formula", "failed",
    "blank", "rich", "unknown",
]  # fmt: skip
CELLS = st.tuples(st.sampled_from([*VALUES, *NAMES]), st.integers(0, 5), st.booleans())
ROWS = st.lists(CELLS, max_size=5).map(
    lambda cells: [make_cell(column, value, style) for column, (value, style, used) in enumerate(cells) if used]
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=4), st.lists(ROWS, max_size=3))
def test_both_readers_return_the_same(tmp_path: Path, known: list[list[bytes]], last: list[list[bytes]]) -> None:
    path = xlsb(tmp_path / "list.xlsb", {"One": sheet([*known * 5, *last, *known]), "Two": sheet(last)}, ("s", "t,u"))
    quick, careful = both_readers.read_both(xlsb_parser.open_book, path)
    assert quick == careful


def test_rows_that_are_written_alike_are_read_at_once(tmp_path: Path) -> None:
    rows = [
        [cell(0, number), cell(1, number / 4), cell(2, 40000.0, 2), cell(3, "x" * (number % 50))]
        for number in range(9000)
    ]
    book = xlsb_parser.open_book(xlsb(tmp_path / "list.xlsb", {"One": sheet(rows)}))
    assert book.sheets[0].chunks is not None
    chunks = list(book.sheets[0].chunks())
    assert max(len(chunk.rows) for chunk in chunks) > MAX_CHUNK_ROWS
    records = [record.decode() for chunk in chunks for _, run in chunk.records(0, 4) for record in run]
    assert records == [f"{number},{number / 4:g},2009-07-06,{'x' * (number % 50)}" for number in range(9000)]


def test_rows_that_are_not_alike_are_left_to_the_reader_of_all_files(tmp_path: Path) -> None:
    rows = [[cell(0, number), make_cell(1, "text formula", 0)] for number in range(500)]
    book = xlsb_parser.open_book(xlsb(tmp_path / "list.xlsb", {"One": sheet(rows)}))
    assert book.sheets[0].chunks is not None
    with pytest.raises(UnusualError, match="not alike"):
        list(book.sheets[0].chunks())
    quick, careful = both_readers.read_both(xlsb_parser.open_book, tmp_path / "list.xlsb")
    assert quick == careful

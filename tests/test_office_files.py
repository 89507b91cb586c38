"""CSV and XLSX files: what a spreadsheet would run is escaped, everything else is read back unchanged."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from systemscripts import office_files
from systemscripts.errors import UsageError
from systemscripts.tables.open_table import open_table

pytestmark = pytest.mark.fast

FORMULAS = [
    "=1+1", " =1+1", "\t=1+1", "\r\n=1+1", "\u00a0=1+1", "\ufeff=1+1", "\u200b=1+1", "\u3000 =1+1", '"=x', "'=x",
    ' "\'=x',
    "＝1+1", "＋1+1", "－1+1",
    "＠sum(a)", " ＝1", "﹦1", "+1+1", "-1+1", "@sum(a)", "|cmd", "%0A=1", "-", "--5", "+49 30",
    "=cmd|' /C calc'!A0", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+9)*cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://x\")", "=DDE(\"cmd\";\"/C calc\";\"x\")", "\tplain", "-5;=1", "-5\n=1", "-1e3x", "-٥",
]  # fmt: skip
PLAIN = [
    "", "a", "a=1", "1", "-5", "+1.5", "-1,234.50", "-1.234,50", "-1 234 567,5", "-1\u00a0234", "-1'234.50",
    "-5 %", "-5%",
    "1e-3", "-1E+10", "-.5", " -5", "- 5", "5-3", "é", "(5)", "  x", '"x"', "‑5", "*", "0123", "-1,23,456.50",
]  # fmt: skip
# letters with a meaning here, among any others
TELLING = "=+-@|%＝＋－＠'\" \t\r\n\u00a0\ufeff\u200b0159.,eE;x_&<>"
TEXTS = st.text(st.one_of(st.sampled_from(TELLING), st.characters(exclude_categories=("Cs",))), max_size=12)


def write_and_read_csv(rows: list[list[Any]], header: list[str] | None = None) -> list[list[str]]:
    stream = io.BytesIO()
    office_files.write_csv(stream, header or [f"c{number}" for number in range(len(rows[0]))], rows)
    return list(csv.reader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline="")))


def write_and_read_sheet(rows: list[list[Any]], header: list[str]) -> Any:
    stream = io.BytesIO()
    office_files.write_xlsx(stream, header, rows, 'one & "two"')
    package = zipfile.ZipFile(stream)
    assert b"<f" not in package.read("xl/worksheets/sheet1.xml")
    return openpyxl.load_workbook(stream).active


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe_in_csv_and_stays_text_in_a_workbook(text: str) -> None:
    assert write_and_read_csv([[text]], [text]) == [[f"'{text}"], [f"'{text}"]]
    cell = write_and_read_sheet([[text]], ["a"])["A2"]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_number_or_text_stays_itself(text: str) -> None:
    assert write_and_read_csv([[text]])[1] == [text]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_and_none_begins_like_a_formula(text: str) -> None:
    result = write_and_read_csv([["x", text]])[1][1]
    assert result.removeprefix("'") == text if office_files.looks_like_formula(text) else result == text
    visible = result.lstrip(' \t\r\n\u00a0\ufeff\u200b"')
    is_number = result.strip(" \t\r\n\u00a0%+-").replace(",", "").replace(".", "").replace("e", "").isalnum()
    assert visible[:1] not in tuple("=@|%＝＋－＠") and (visible[:1] not in tuple("+-") or is_number)


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_workbook_comes_back_through_another_reader(rows: list[list[str]]) -> None:
    stream = io.BytesIO()
    office_files.write_xlsx(stream, ["a", "b"], [["first", "row"], *rows])
    result = openpyxl.load_workbook(stream).active
    kept = "".maketrans({chr(code): "\ufffd" for code in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)})
    cells = [row[1] or "" for row in result.iter_rows(min_row=3, values_only=True)]  # type: ignore[union-attr]
    written = [row[1].translate(kept).replace("\r", "_x000D_") for row in rows]
    assert [str(cell).replace("_x005F_", "_") for cell in cells] == written


def test_numbers_dates_and_truths_are_such_in_a_workbook_and_nothing_loses_a_digit() -> None:
    row = [1, -2.5, Decimal("10.50"), True, date(2026, 1, 5), datetime(2026, 1, 5, 7, 30, tzinfo=UTC), None, "x"]
    exact = [10**15, Decimal("0.1234567890123456"), Decimal("NaN"), float("inf"), date(1850, 1, 1), [1], "", "_x0041_"]
    sheet = write_and_read_sheet([row, exact], [f"column {number}" for number in range(8)])
    assert [cell.value for cell in sheet[2]] == [
        1, -2.5, 10.5, True, datetime(2026, 1, 5), datetime(2026, 1, 5, 7, 30), None, "x",
    ]  # fmt: skip
    assert [cell.value for cell in sheet[3]] == [
        "1000000000000000", "0.1234567890123456", "NaN", "inf", "1850-01-01", "[1]", None, "_x005F_x0041_",
    ]  # fmt: skip
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet["A1"].font.b) == ("A2", "A1:H3", True)
    assert sheet.title == 'one & "two"' and sheet.column_dimensions["A"].width > 8


def test_our_own_reader_takes_a_workbook_and_a_csv_as_written(tmp_path: Path) -> None:
    header, rows = ["id", "text"], [["1", "a_x000D_b"], ["2", 'é;"<&>'], ["3", "=1+1"]]
    for suffix in ("csv", "xlsx"):
        path = tmp_path / f"file.{suffix}"
        with path.open("wb") as stream:
            getattr(office_files, f"write_{suffix}")(stream, header, rows)
        with open_table(path) as table:
            assert table.columns == header
            result = [table.parse(record) for block in table.blocks() for record in block.records]
        escaped = "'=1+1" if suffix == "csv" else "=1+1"
        assert result == [*rows[:2], ["3", escaped]]


def test_a_sheet_says_what_it_cannot_hold_and_a_long_cell_that_it_was_cut() -> None:
    with pytest.raises(UsageError, match="at most 16,384 columns"):
        office_files.write_xlsx(io.BytesIO(), ["a"] * 16_385, [])
    with pytest.raises(UsageError, match="at most 1,048,576 rows"):
        office_files.write_xlsx(io.BytesIO(), [], ([] for _ in range(1_048_576)))
    cell = write_and_read_sheet([["x" * 40_000]], ["a"])["A2"].value
    assert len(cell) == 32_767 and cell.endswith("x…")

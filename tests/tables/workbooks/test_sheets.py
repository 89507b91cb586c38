"""Sheets: by name, pattern and index, all of them as one table, each by itself; merged cells filled when asked."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.parsers import xlsx_parallel, xlsx_parser
from systemscripts.tables.workbooks.sheets import list_sheet_names, open_sheets
from tests.tables.conftest import Read

Reader = Callable[..., Read]
HEADER = ["Name", "Town"]


def book(path: Path, sheets: dict[str, list[list[object]]], hidden: str = "") -> Path:
    workbook = openpyxl.Workbook()
    del workbook[workbook.sheetnames[0]]
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
    workbook.save(path)
    return path


def teams(tmp_path: Path) -> Path:
    sheets = {f"Team {n}": [HEADER, [f"Anna {n}", "Bern"], ["Ben", "Chur, GR"]] for n in (1, 2)}
    return book(tmp_path / "teams.xlsx", {**sheets, "Blank": [], "Old": [HEADER, ["x", "y"]]}, hidden="Old")


def test_all_sheets_are_one_table_that_names_each(tmp_path: Path, read: Reader) -> None:
    columns, records, rows = read(teams(tmp_path), ReadingOptions(sheet="all"))
    assert columns == ["source_sheet", *HEADER]
    assert records[:3] == [["Team 1", "Anna 1", "Bern"], ["Team 1", "Ben", "Chur, GR"], ["Team 2", "Anna 2", "Bern"]]
    assert rows == [2, 3, 2, 3]


def test_one_sheet_alone_has_the_same_columns(tmp_path: Path, read: Reader) -> None:
    path = book(tmp_path / "team.xlsx", {"Team 1": [HEADER, ["Anna", "Bern"]]})
    columns, records, _ = read(path, ReadingOptions(sheet="all"))
    assert (columns, records) == (["source_sheet", *HEADER], [["Team 1", "Anna", "Bern"]])


def test_the_columns_of_a_sheet_may_stand_in_another_order(tmp_path: Path, read: Reader) -> None:
    sheets = {"A": [HEADER, ["Anna", "Bern"]], "B": [HEADER[::-1], ['Chur, "GR"', "Ben"], ["Thun", None]]}
    columns, records, _ = read(book(tmp_path / "mixed.xlsx", sheets), ReadingOptions(sheet="all"))
    assert columns == ["source_sheet", *HEADER]
    assert records == [["A", "Anna", "Bern"], ["B", "Ben", 'Chur, "GR"'], ["B", "", "Thun"]]


def test_sheets_whose_columns_stand_in_another_order_need_names_to_tell_them(tmp_path: Path) -> None:
    path = book(tmp_path / "twins.xlsx", {"A": [["x", "x", "y"], [1, 2, 3]], "B": [["y", "x", "x"], [1, 2, 3]]})
    with pytest.raises(BadDataError, match="in another order"):
        open_table(path, ReadingOptions(sheet="all"))


def test_sheets_with_other_columns_are_named(tmp_path: Path) -> None:
    path = book(tmp_path / "mixed.xlsx", {"A": [HEADER, ["x", "y"]], "B": [["Name", "Age"], ["x", 1]]})
    with pytest.raises(BadDataError, match="sheet B has different columns from sheet A: without Town and with Age"):
        open_table(path, ReadingOptions(sheet="all"))


def test_each_sheet_can_be_opened_by_itself(tmp_path: Path) -> None:
    path = teams(tmp_path)
    assert list_sheet_names(path) == ["Team 1", "Team 2", "Blank", "Old"]
    tables = open_sheets(path)
    assert [table.detected.sheet for table in tables] == ["Team 1", "Team 2"]
    for table in tables:
        table.close()


def test_sheets_within_a_gzip_are_found(tmp_path: Path) -> None:
    path = tmp_path / "teams.xlsx.gz"
    path.write_bytes(gzip.compress(teams(tmp_path).read_bytes()))
    assert list_sheet_names(path)[:2] == ["Team 1", "Team 2"]
    with contextlib.ExitStack() as stack:
        assert len([stack.enter_context(table) for table in open_sheets(path)]) == 2


def test_a_text_file_is_its_only_table(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a,b\n1,2\n")
    (table,) = open_sheets(path)
    assert (list_sheet_names(path), table.columns) == ([], ["a", "b"])


def test_a_pattern_that_fits_several_sheets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"several sheets match 'team\*': Team 1, Team 2"):
        open_table(teams(tmp_path), ReadingOptions(sheet="team*"))


def test_a_hidden_sheet_is_read_when_named(tmp_path: Path, read: Reader) -> None:
    assert read(teams(tmp_path), ReadingOptions(sheet="Old"))[1] == [["x", "y"]]


@pytest.mark.parametrize(("fill", "texts"), [(False, ["", "Bern"]), (True, ["Bern", "Bern"])])
def test_merged_cells_are_filled_when_asked(tmp_path: Path, read: Reader, fill: bool, texts: list[str]) -> None:
    path = book(tmp_path / "merged.xlsx", {"A": [HEADER, ["a", "Bern"], ["b", None], ["c", "Bern"]]})
    workbook = openpyxl.load_workbook(path)
    workbook["A"].merge_cells("B2:B3")
    workbook.save(path)
    assert [row[1] for row in read(path, ReadingOptions(fill_merged=fill))[1][1:]] == texts


def test_two_processes_read_the_same(tmp_path: Path, read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["n", "text", "half"], *([n, f"t, {n}", n / 2 if n % 3 else None] for n in range(30_000))]
    path = book(tmp_path / "large.xlsx", {"A": rows})
    sheet = xlsx_parser.open_book(path).sheets[0]
    assert sheet.chunks is not None
    alone = b"".join(run[2] for chunk in sheet.chunks() for run in chunk.runs(0, 3))
    monkeypatch.setattr(xlsx_parallel, "MIN_XML_BYTES", 0)
    monkeypatch.setattr(xlsx_parser, "CHUNK_BYTES", 2**16)
    csv_rows = xlsx_parser.open_book(path).sheets[0].csv_rows
    if csv_rows is None:
        pytest.skip("one processor only")
    assert b"".join(run[2] for part in csv_rows(0, 3) for run in part.runs(0, 3)) == alone

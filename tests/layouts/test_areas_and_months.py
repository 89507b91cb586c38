"""One of several tables of a sheet, and columns that become rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from tests.ingest.test_identity_rules import Office, states
from tests.tables.conftest import read

__all__ = ["read"]

# two tables side by side, one below them, notes
CELLS = [
    ["Report of 5 January"],
    [],
    ["", "Sales by region", "", "", "Staff 2026"],
    [],
    ["", "region", "amount", "", "name", "desk"],
    ["", "north", 1.5, "", "Ann", "007"],
    ["", "south", 2, "", "Ben", ""],
    ["", "", "", "", "Cy", "3"],
    [],
    ["", "Returns"],
    ["", "sku", "n", "why"],
    ["", "a", 1, "broken"],
]
TABLES: dict[str, tuple[list[str], list[list[str]], list[int]]] = {
    "sales by *": (["region", "amount"], [["north", "1.5"], ["south", "2"]], [6, 7]),
    "Staff 2026": (["name", "desk"], [["Ann", "007"], ["Ben", ""], ["Cy", "3"]], [6, 7, 8]),
    "RETURNS": (["sku", "n", "why"], [["a", "1", "broken"]], [12]),
    "B5:C7": (["region", "amount"], [["north", "1.5"], ["south", "2"]], [6, 7]),
    "B11:D": (["sku", "n", "why"], [["a", "1", "broken"]], [12]),
}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    written = openpyxl.Workbook()
    sheet = written.create_sheet("Figures")
    written["Sheet"].append(["a cover"])
    for row in CELLS:
        sheet.append(row)
    written.save(tmp_path / "book.xlsx")
    return tmp_path / "book.xlsx"


@pytest.mark.parametrize("name", TABLES)
def test_one_of_several_tables_of_a_sheet_is_read_by_its_title_or_its_cells(book: Path, read: Any, name: str) -> None:
    options = ReadingOptions(region=name, sheet="Figures") if ":" in name else ReadingOptions(title=name)
    assert read(book, options) == TABLES[name]


@pytest.mark.parametrize(("options", "words"), [
    (ReadingOptions(title="Costs"), "there is nothing below the title 'Costs' in the sheets: Sheet, Figures"),
    (ReadingOptions(region="Z1:Z9"), "there is nothing in the cells Z1:Z9 in the sheets: Sheet, Figures"),
])  # fmt: skip
def test_an_area_that_is_not_there_refuses_the_file(book: Path, options: ReadingOptions, words: str) -> None:
    with pytest.raises(BadDataError) as caught:
        open_table(book, options)
    assert words in str(caught.value)


def test_the_tables_of_one_title_on_all_sheets_are_joined(book: Path, read: Any) -> None:
    written = openpyxl.load_workbook(book)
    written.copy_worksheet(written["Figures"]).title = "North"
    written.save(book)
    _, records, _ = read(book, ReadingOptions(title="Returns", sheet="all"))
    assert records == [["Figures", "a", "1", "broken"], ["North", "a", "1", "broken"]]


def test_an_area_is_for_workbooks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadDataError, match="region and title are for workbooks"):
        open_table(tmp_path / "a.csv", ReadingOptions(title="Costs"))


MONTHS = 'region;Jan;Feb;M\u00e4r;note\nnorth;1,5;2;;"x;y"\nsouth;3;oops;4;\nwest;5;6\nT;3;22,5\n'


def test_columns_become_rows_and_a_damaged_record_is_one_reject(office: Office) -> None:
    reading = {"unpivot": {"columns": "jan..M\u00e4r", "name": "month", "value": "amount"}}
    office.here.configure(
        "things", reading=reading, schema={"amount": {"type": "numeric", "decimal": ","}}, max_reject_rate=0.9,
        control={"rows": "trailer.2"},
    )  # fmt: skip
    assert states(office.load("things_1.csv", MONTHS)) == ["loaded"]
    rows = office.here.sql(
        "select region, note, month, amount::text, source_row from public.things order by source_row, month"
    )
    assert rows == [
        ("north", "x;y", "Feb", "2", 2), ("north", "x;y", "Jan", "1.5", 2), ("north", "x;y", "M\u00e4r", None, 2),
        ("south", None, "Jan", "3", 3), ("south", None, "M\u00e4r", "4", 3),
    ]  # fmt: skip
    rejects = office.here.sql("select source_row, value from dba.trejectedrow order by source_row")
    assert rejects == [(3, "oops"), (4, None)]
    few = office.load("things_2.csv", MONTHS.replace("T;3", "T;4"))
    assert "trailer.2 says 4 rows, the file has 3" in "\n".join(map(str, few.problems))


def test_a_file_without_one_of_the_months_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("region,Jan,Feb\nnorth,1,2\n")
    with pytest.raises(BadDataError, match="there is no column 'Dec'; the columns are: region, Jan, Feb"):
        open_table(tmp_path / "a.csv", ReadingOptions(unpivot=("Jan..Dec",)))

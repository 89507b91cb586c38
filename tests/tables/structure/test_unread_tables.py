"""Tables of a file that are not read are reported: in a warning if one of them may be meant, else in a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl
import pytest

from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks import parser_process, protocol

pytestmark = pytest.mark.fast

Rows = Sequence[Sequence[object]]
ORDERS: Rows = [["id", "amount"], [1, 5], [2, 6], [3, 7]]
NOTES: Rows = [["about"], ["made by hand"]]


def write_workbook(path: Path, **sheets: Rows) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def write_page(path: Path, *tables: Rows) -> Path:
    text = ""
    for rows in tables:
        cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
        text += f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    path.write_text(f"<html><body>{text}</body></html>")
    return path


def read_notices(path: Path, options: ReadingOptions = ReadingOptions()) -> tuple[list[str], list[str], list[str]]:
    """Return columns, and warnings and notes about other tables."""
    with open_table(path, options) as table:
        warnings = [notice.text for notice in table.warnings if notice.code == "tables_left_out"]
        return table.columns, warnings, [note for note in table.detected.notes if "not read: " in note]


def test_a_second_sheet_of_the_same_columns_is_a_warning_with_its_size(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", January=ORDERS, February=[["id", "amount"], [4, 8]])
    [warning] = read_notices(path)[1]
    assert "sheet February has the same columns (2 rows) and was not read" in warning
    assert read_notices(path, ReadingOptions(sheet="January"))[1:] == ([], [])
    assert read_notices(path, ReadingOptions(sheet="all"))[1:] == ([], [])


def test_a_second_sheet_with_more_rows_is_a_warning_unless_the_import_knows_the_first(tmp_path: Path) -> None:
    path = write_workbook(
        tmp_path / "a.xlsx", Orders=ORDERS, Towns=[["code", "town"], *([n, "Bonn"] for n in range(9))]
    )
    [warning] = read_notices(path)[1]
    assert "sheet Towns has more rows than the sheet that was read" in warning
    columns, warnings, notes = read_notices(path, ReadingOptions(known_columns=frozenset({"id", "amount"})))
    assert (columns, warnings) == (["id", "amount"], [])
    assert notes == ["other sheets of the file, not read: Towns (10 rows or more)"]


@pytest.mark.parametrize("others", [{"Notes": NOTES}, {"Codes": [["a", "b"], [1, 2]]}, {"Prose": [["a text"]] * 50}])
def test_another_sheet_that_is_surely_not_meant_is_only_a_note(others: dict[str, Rows], tmp_path: Path) -> None:
    _, warnings, notes = read_notices(write_workbook(tmp_path / "a.xlsx", Orders=ORDERS, **others))
    assert (warnings, len(notes)) == ([], 1)
    assert next(iter(others)) in notes[0]


def test_a_workbook_of_one_sheet_says_nothing(tmp_path: Path) -> None:
    assert read_notices(write_workbook(tmp_path / "a.xlsx", Orders=ORDERS, Empty=[]))[1:] == ([], [])


def test_the_header_that_the_import_knows_tells_the_sheet(tmp_path: Path) -> None:
    known = ReadingOptions(known_columns=frozenset({"id", "amount", "town"}))
    path = write_workbook(
        tmp_path / "a.xlsx", Cover=[["Report"], ["2026"]], Towns=[["code", "town"], [1, "x"]], Orders=ORDERS
    )
    assert read_notices(path)[0] != ["id", "amount"]
    assert read_notices(path, known)[0] == ["id", "amount"]


def test_a_second_sheet_that_breaks_off_the_reader_does_not_cost_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_workbook(tmp_path / "a.xlsx", Orders=ORDERS, Second=[["a", "b"]] * 3)
    sent = parser_process.ParseRequest.frames

    def broken_off(self: parser_process.ParseRequest, parser: str, deadline: float) -> Iterator[tuple[bytes, bytes]]:
        for frame_type, payload in sent(self, parser, deadline):
            if frame_type == protocol.OTHERS:
                raise parser_process.NextParserError("out of memory")
            yield frame_type, payload

    monkeypatch.setattr(parser_process.ParseRequest, "frames", broken_off)
    assert read_notices(path) == (["id", "amount"], [], [])


def test_other_tables_of_a_page_are_said_and_known_ones_preferred(tmp_path: Path) -> None:
    towns = [["code", "town"], *([n, "Bonn"] for n in range(9))]
    path = write_page(tmp_path / "a.xls", ORDERS, towns, ORDERS[:3])
    columns, warnings, notes = read_notices(path)
    assert (columns, warnings) == (["code", "town"], [])
    assert notes == ["other tables of the file, not read: table 1 (4 rows), table 3 (3 rows)"]
    columns, warnings, _ = read_notices(path, ReadingOptions(known_columns=frozenset({"id", "amount"})))
    assert columns == ["id", "amount"]
    assert ["table 3 has the same columns (3 rows)" in text for text in warnings] == [True]


def test_a_table_around_or_within_the_one_that_is_read_is_not_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    inner = write_page(tmp_path / "b.xls", ORDERS).read_text().replace("<html><body>", "").replace("</body></html>", "")
    path.write_text(f"<html><body><table><tr><td>Menu</td><td>{inner}</td></tr></table></body></html>")
    assert read_notices(path) == (["id", "amount"], [], [])


def test_a_list_within_the_only_object_of_a_json_file_is_said_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"id": 7, "orders": [{"n": 1, "m": 2}, {"n": 3, "m": null}, {"n": null, "m": null}]}')
    columns, [warning], _ = read_notices(path)
    assert columns == ["id", "orders"]
    assert "list orders has more rows than the list that was read" in warning
    assert read_notices(path, ReadingOptions(known_columns=frozenset({"n", "m"})))[0] == ["n", "m"]
    assert read_notices(path, ReadingOptions(known_columns=frozenset({"id", "orders"})))[1] == []
    with open_table(path, ReadingOptions(sheet="orders")) as table:
        assert [table.parse(r) for block in table.blocks() for r in block.records] == [["1", "2"], ["3", ""], ["", ""]]


def test_an_object_that_only_wraps_a_list_is_read_as_that_list(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"orders": [{"n": 1}, {"n": 2}]}')
    assert read_notices(path) == (["n"], [], [])

"""What a workbook holds and does not become a value of the table is said, with how often and where."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from tests.tables.conftest import Read
from tests.tables.parsers.test_ods import cell, ods, row, text
from tests.tables.parsers.test_xlsx_parser import workbook

Reader = Callable[..., Read]
SAMPLES = Path(__file__).parents[2] / "samples"
BOOK = (SAMPLES / "xml_comment_in_cell.xls").read_text()
STRINGS = "<si><t>name</t></si><si><t>alice</t></si>"


def one_row(row_number: int, *strings: str) -> str:
    cells = (f'<c r="{letter}{row_number}" t="s"><v>{n}</v></c>' for letter, n in zip("ABC", strings, strict=False))
    return f'<row r="{row_number}">{"".join(cells)}</row>'


def test_a_text_that_the_workbook_does_not_hold_is_said_with_its_place() -> None:
    with open_table(SAMPLES / "string_beyond_the_last.xlsx") as table:
        list(table.blocks())
        assert [notice.code for notice in table.warnings] == ["cells_with_errors"]
        assert "1 cells refer to a text that is missing from the file" in table.warnings[0].text
        assert "the first is A4" in table.warnings[0].text


def test_minus_one_is_an_empty_text_and_not_the_last_one(tmp_path: Path, read: Reader) -> None:
    path = workbook(tmp_path / "a.xlsx", one_row(1, "0", "0") + one_row(2, "1", "-1") + one_row(3, "-1", "1"), STRINGS)
    assert read(path)[1] == [["alice", ""], ["", "alice"]]
    with open_table(path) as table:
        assert table.warnings == []


def test_any_other_number_below_zero_is_said(tmp_path: Path, read: Reader) -> None:
    path = workbook(tmp_path / "a.xlsx", one_row(1, "0", "0") + one_row(2, "1", "-2") + one_row(3, "1", "2"), STRINGS)
    assert read(path)[1] == [["alice", ""], ["alice", ""]]
    with open_table(path) as table:
        assert "2 cells" in table.warnings[0].text
        assert "B2" in table.warnings[0].text


def test_a_value_below_merged_cells_is_said(tmp_path: Path, read: Reader) -> None:
    wide = cell("string", "both", more=' table:number-columns-spanned="2"')
    hidden = cell("float", "7").replace("table-cell", "covered-table-cell")
    path = ods(tmp_path / "a.ods", "Sheet1||" + row(text("a", "b")) + row(wide + hidden) + row(text("x", "y")))
    assert read(path)[1] == [["both", ""], ["x", "y"]]
    with open_table(path) as table:
        assert [(notice.code, "B2" in notice.text) for notice in table.warnings] == [("cells_left_out", True)]


def test_a_formula_of_an_xml_spreadsheet_without_value_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_text(BOOK.replace('<Cell><Data ss:Type="Number">7</Data></Cell>', '<Cell ss:Formula="=1+1"/>'))
    with open_table(path) as table:
        assert [notice.code for notice in table.warnings] == ["formulas_without_values"]


@pytest.mark.parametrize("before", ["\t\t\n", "\n\ufeff", "\ufeff \r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_white_space_or_a_mark_before_the_declaration_of_xml_is_no_matter(
    before: str, encoding: str, tmp_path: Path, read: Reader
) -> None:
    path = tmp_path / "a.xls"
    content = BOOK.replace('version="1.0"', f'version="1.0" encoding="{encoding[:6]}"')
    if encoding == "utf-8":
        path.write_bytes((before + content).encode())
    else:
        path.write_bytes(("\ufeff" * (encoding == "utf-16-be") + before.strip("\ufeff") + content).encode(encoding))
    assert read(path)[:2] == (["id", "amount"], [["1", "12.5"], ["2", "7"]])


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!-- padding -->' * 400 + '<!DOCTYPE x [<!ENTITY b "bbbb">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
    ids=["laughs", "below a long comment", "elsewhere"],
)  # fmt: skip
def test_entities_in_any_part_refuse_the_workbook_and_no_second_reader_is_asked(declared: str, tmp_path: Path) -> None:
    rows = one_row(1, "0") + '<row r="2"><c r="A2" t="inlineStr"><is><t>x&b;y</t></is></c></row>'
    path = workbook(tmp_path / "a.xlsx", rows, STRINGS)
    replace_part(path, "xl/worksheets/sheet1.xml", declared)
    with pytest.raises(BadDataError, match="entities"):
        open_table(path)
    path = workbook(tmp_path / "b.xlsx", one_row(1, "0") + one_row(2, "1"), STRINGS.replace("alice", "x&b;y"))
    replace_part(path, "xl/sharedStrings.xml", declared)
    with pytest.raises(BadDataError, match="entities"):
        open_table(path)


def replace_part(path: Path, part: str, declared: str) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts[part] = parts[part].replace("?>", f"?>{declared}", 1)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


SYLK = "ID;PWXL;N;E\nP;PGeneral\nP;Pyyyy\\-mm\\-dd\nP;P00000\nF;P1;C3\n" + "".join(
    ["C;Y1;X1;K\"name\"\nC;X2;K\"zip\"\nC;X3;K\"day\"\nC;Y2;X1;K\"M\x1bNHuller;; \x1b :b\"\nF;P2;FG0G;X2\nC;K7\n",
     "C;X3;K45000\nC;Y3;X3;K45001\nC;X1;K#N/A\nC;X2;ESUM(R1)\n"]
)  # fmt: skip


def test_symbolic_links_keep_dates_padded_codes_accents_and_order(tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "export.xls"
    path.write_text(SYLK + "E\n")
    columns, records, _ = read(path)
    assert columns == ["name", "zip", "day"]
    assert records == [["Müller; \nb", "00007", "2023-03-15"], ["", "", "2023-03-16"]]
    with open_table(path) as table:
        assert [notice.code for notice in table.warnings] == ["cells_with_errors", "formulas_without_values"]


def test_a_symbolic_link_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.slk"
    path.write_text(SYLK)
    with pytest.raises(BadDataError, match="truncated"):
        open_table(path)


def test_a_table_whose_first_name_is_id_is_not_a_symbolic_link(tmp_path: Path, read: Reader) -> None:
    path = tmp_path / "a.csv"
    path.write_text("ID;Price;Class\nA;12;C\nC;Y;X\n")
    assert read(path)[1] == [["A", "12", "C"], ["C", "Y", "X"]]

"""XLSX as Excel and others write it, cell by cell; what is unusual goes to the next parser."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts import settings as etl_settings
from systemscripts.tables.open_table import open_table
from systemscripts.tables.parsers import calamine_parser, openpyxl_parser, xlsx_parser
from systemscripts.tables.parsers.python_value_text import format_row
from systemscripts.tables.parsers.workbook import is_blank
from systemscripts.tables.parsers.xlsx_cell_text import find_format
from tests.conftest import Installation
from tests.tables.conftest import Read

Reader = Callable[..., Read]
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = ["General", "00000", "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "hh:mm", "[h]:mm:ss", "0.00%"]


def workbook(path: Path, rows: str, strings: str = "", properties: str = "") -> Path:
    """An XLSX of one sheet with this XML between its sheetData tags; style N has the format STYLES[N]."""
    formats = "".join(f'<numFmt numFmtId="{164 + n}" formatCode="{code}"/>' for n, code in enumerate(STYLES))
    styles = "".join(f'<xf numFmtId="{164 + n}"/>' for n in range(len(STYLES)))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Override PartName="/xl/workbook.xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}">{properties}'
        '<sheets><sheet name="List" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/styles.xml": f"<styleSheet {MAIN}><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f"<sst {MAIN}>{strings}</sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, '<?xml version="1.0"?>' + content)
    return path


def slowly(path: Path) -> list[tuple[int, list[str]]]:
    rows = xlsx_parser.open_book(path).sheets[0].rows()
    return [(number, [str(text) for text in row]) for number, row in rows if any(row)]


def quickly(path: Path) -> list[tuple[int, list[str]]]:
    """The same by the fast reader, its columns turned into rows."""
    read = xlsx_parser.open_book(path).sheets[0].chunks
    assert read is not None
    rows = []
    for chunk in read():
        width = max(chunk.columns, default=-1) + 1
        for index, number in enumerate(chunk.rows):
            fields = [chunk.columns[column][index] if column in chunk.columns else b"" for column in range(width)]
            rows.append((number, _trim([_unquote(field) for field in fields])))
    return [(number, row) for number, row in rows if row]


def _unquote(field: bytes) -> str:
    return next(csv.reader(io.StringIO(field.decode() + ",", newline="")))[0]


def _trim(row: list[str]) -> list[str]:
    return row[: max((position for position, text in enumerate(row, 1) if text), default=0)]


def cells(path: Path) -> list[tuple[int, list[str]]]:
    """What both readers agree on."""
    fast, general = quickly(path), [(number, _trim(row)) for number, row in slowly(path)]
    assert fast == general
    return fast


def one_row(path: Path, xml: str, **more: str) -> list[str]:
    numbered = cells(workbook(path, f'<row r="1">{xml}</row>', **more))
    return numbered[0][1] if numbered else [""]


def test_shared_strings_of_every_kind(tmp_path: Path) -> None:
    strings = (
        "<si><t>plain</t></si><si><r><t>two </t></r><r><rPr/><t xml:space='preserve'>runs</t></r></si><si/>"
        "<si><t>漢字</t><rPh sb='0' eb='1'><t>かんじ</t></rPh></si>"
        "<si><t>a &amp;lt; b&#10;c_x000D_ _x005F_x0041_</t></si>"
    )
    xml = "".join(f'<c r="{letter}1" t="s"><v>{n}</v></c>' for n, letter in enumerate("ABCDE"))
    expected = ["plain", "two runs", "", "漢字", "a &lt; b\nc\r _x0041_"]
    assert one_row(tmp_path / "x.xlsx", xml, strings=strings) == expected


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ('<c r="A1"><v>12</v></c>', "12"),
        ('<c r="A1"><v>12.0</v></c>', "12"),
        ('<c r="A1"><v>0.30000000000000004</v></c>', "0.30000000000000004"),
        ('<c r="A1"><v>0.10000000000000001</v></c>', "0.1"),
        ('<c r="A1"><v>9007199254740993</v></c>', "9007199254740993"),
        ('<c r="A1"><v>1E-3</v></c>', "0.001"),
        ('<c r="A1" s="1"><v>42</v></c>', "00042"),
        ('<c r="A1" s="6"><v>0.25</v></c>', "0.25"),
        ('<c r="A1" s="2"><v>45413</v></c>', "2024-05-01"),
        ('<c r="A1" s="3"><v>45413</v></c>', "2024-05-01 00:00:00"),
        ('<c r="A1" s="3"><v>45413.5624999999</v></c>', "2024-05-01 13:30:00"),
        ('<c r="A1" s="2"><v>1</v></c>', "1900-01-01"),
        ('<c r="A1" s="2"><v>59</v></c>', "1900-02-28"),
        ('<c r="A1" s="2"><v>60</v></c>', "1900-02-29"),
        ('<c r="A1" s="3"><v>60.5</v></c>', "1900-02-29 12:00:00"),
        ('<c r="A1" s="2"><v>61</v></c>', "1900-03-01"),
        ('<c r="A1" s="4"><v>0</v></c>', "00:00:00"),
        ('<c r="A1" s="4"><v>0.5</v></c>', "12:00:00"),
        ('<c r="A1" s="5"><v>1.25</v></c>', "30:00:00"),
        ('<c r="A1" t="b"><v>1</v></c>', "true"),
        ('<c r="A1" t="str"><f>A2&amp;"x"</f><v>&lt;x&gt;</v></c>', "<x>"),
        ('<c r="A1" t="inlineStr"><is><t>in</t></is></c>', "in"),
        ('<c r="A1" t="inlineStr"><is><r><t>in </t></r><r><t>runs</t></r></is></c>', "in runs"),
        ('<c r="A1" t="d"><v>2024-05-01</v></c>', "2024-05-01"),
        ('<c r="A1" t="e"><v>#REF!</v></c>', ""),
    ],
)
def test_a_cell_becomes_text(tmp_path: Path, xml: str, text: str) -> None:
    assert one_row(tmp_path / "x.xlsx", xml) == [text]


def test_a_cell_without_reference_follows_the_one_before(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", '<row><c r="B1"><v>7</v></c><c><v>8</v></c></row>')
    assert slowly(path) == [(1, ["", "7", "8"])]


def test_dates_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    xml = '<c r="A1" s="2"><v>43951</v></c>'
    assert one_row(tmp_path / "x.xlsx", xml, properties='<workbookPr date1904="1"/>') == ["2024-05-01"]


def test_gaps_between_cells_and_rows_are_kept(tmp_path: Path) -> None:
    rows = (
        '<row r="2"><c r="B2"><v>1</v></c><c r="D2" s="1"/></row><row r="3"/><row r="7"><c r="AA7"><v>2</v></c></row>'
    )
    assert cells(workbook(tmp_path / "x.xlsx", rows)) == [(2, ["", "1"]), (7, [""] * 26 + ["2"])]


@pytest.mark.parametrize("xml", ["<c r='A1'><v>1</v></c>", '<c r="B1"><v>1</v></c><c r="A1"><v>2</v></c>'])
def test_unusual_cells_are_left_to_the_general_reader(tmp_path: Path, xml: str) -> None:
    path = workbook(tmp_path / "x.xlsx", f'<row r="1">{xml}</row><row r="2"><c r="A2"><v>3</v></c></row>')
    with pytest.raises(xlsx_parser.UnusualError):
        quickly(path)
    with open_table(path) as table:
        assert not any("read by" in note for note in table.detected.notes)
        assert slowly(path)[-1] == (2, ["3"])


@pytest.mark.parametrize(
    ("code", "text"),
    [("mmm-yy", "2024-05-01"), ('"Day "0', "45413"), ("[$-409]d\\-mmm\\-yy;@", "2024-05-01"), ("[Red]0.00", "45413")],
)
def test_only_letters_that_show_make_a_date(code: str, text: str) -> None:
    assert find_format(164, code, False).format_number("45413") == text


VALUES = st.one_of(
    st.integers(-(2**50), 2**50),
    st.floats(-1e9, 1e9).map(lambda number: round(number, 6)),
    st.booleans(),
    st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"), min_size=1, max_size=12).filter(
        lambda text: text[0] not in "=#"
    ),
    st.datetimes(dt.datetime(1950, 1, 1, 0, 0, 1), dt.datetime(2100, 1, 1)).map(
        lambda t: t.replace(microsecond=0, second=1)
    ),
    st.none(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(VALUES, min_size=3, max_size=3), min_size=1, max_size=8))
def test_all_parsers_agree(tmp_path: Path, rows: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    for row in [["a", "b", "c"], *rows]:
        book.worksheets[0].append(row)
    path = tmp_path / "x.xlsx"
    book.save(path)
    seen = []
    for parser in (xlsx_parser, calamine_parser, openpyxl_parser):
        sheet = parser.open_book(path).sheets[0]
        filled = [(number, format_row(row)) for number, row in sheet.rows() if not is_blank(row)]
        seen.append([(number, fields + [""] * (3 - len(fields))) for number, fields in filled])
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize(("setting", "code"), [("true", "00042"), ("false", "42")])
def test_a_setting_lets_calamine_read_xlsx_first_at_the_price_of_leading_zeros(
    here: Installation, tmp_path: Path, read: Reader, setting: str, code: str
) -> None:
    here.write_settings(OWN_XLSX_READER=setting)
    etl_settings.reset()
    rows = '<row r="1"><c r="A1" t="str"><v>code</v></c></row><row r="2"><c r="A2" s="1"><v>42</v></c></row>'
    assert read(workbook(tmp_path / "codes.xlsx", rows))[:2] == (["code"], [[code]])

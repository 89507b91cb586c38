"""ODS: values as the file holds them, shown as their styles show them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks.sheets import list_sheet_names
from tests.tables.conftest import Read

Reader = Callable[..., Read]
NAMESPACES = (
    " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{path}:1.0"'
        for name, path in {
            "office": "office",
            "table": "table",
            "text": "text",
            "style": "style",
            "number": "datastyle",
        }.items()
    )
    + ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
STYLES = """
<number:number-style style:name="N5">
<number:number number:min-integer-digits="5" number:decimal-places="0"/></number:number-style>
<number:date-style style:name="ND"><number:year/><number:month/><number:day/></number:date-style>
<number:date-style style:name="NM"><number:year/><number:month/><number:day/><number:hours/></number:date-style>
<number:time-style style:name="NT"><number:hours/><number:minutes/></number:time-style>
<number:time-style style:name="NU" number:truncate-on-overflow="false"><number:hours/></number:time-style>
<style:style style:name="hidden" style:family="table"><style:table-properties table:display="false"/></style:style>
""" + "".join(
    f'<style:style style:name="{name}" style:family="table-cell" style:data-style-name="N{name}"/>' for name in "5DMTU"
)
ATTRIBUTES = {
    "float": "value",
    "percentage": "value",
    "date": "date-value",
    "time": "time-value",
    "boolean": "boolean-value",
}


def cell(value_type: str, value: str, style: str = "", more: str = "") -> str:
    stored = f' office:{ATTRIBUTES[value_type]}="{value}"' if value_type in ATTRIBUTES else ""
    styled = f' table:style-name="{style}"' if style else ""
    attributes = f'office:value-type="{value_type}"{stored}{styled}{more}'
    return f"<table:table-cell {attributes}><text:p>{value}</text:p></table:table-cell>"


def text(*values: str) -> str:
    return "".join(cell("string", value) for value in values)


def ods(path: Path, *tables: str, before: str = "", manifest: str = "<manifest/>") -> Path:
    """An ODS file of tables, each `name|style|rows`."""
    parts = (table.split("|", 2) for table in tables)
    body = "".join(f'<table:table table:name="{n}" table:style-name="{s}">{rows}</table:table>' for n, s, rows in parts)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr(
            "content.xml",
            f"{before}<office:document-content {NAMESPACES}><office:automatic-styles>{STYLES}</office:automatic-styles>"
            f"<office:body><office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>",
        )
    return path


def row(cells: str, more: str = "") -> str:
    return f"<table:table-row{more}>{cells}</table:table-row>"


def test_values_read_as_they_are_shown(tmp_path: Path, read: Reader) -> None:
    first = (
        cell("float", "812", "5") + cell("date", "2026-01-05", "D") + cell("date", "2026-01-05", "M")
        + cell("time", "PT06H30M00S", "T") + cell("time", "PT25H30M00.5S", "U") + cell("boolean", "true")
        + cell("percentage", "0.25") + cell("float", "9007199254740993") + cell("float", "12")
    )  # fmt: skip
    names = ["code", "day", "moment", "clock", "length", "flag", "share", "long", "whole"]
    columns, records, rows = read(ods(tmp_path / "a.ods", "Sheet1||" + row(text(*names)) + row(first)))
    assert (columns, rows) == (names, [2])
    assert records == [
        [
            "00812",
            "2026-01-05",
            "2026-01-05 00:00:00",
            "06:30:00",
            "25:30:00.500",
            "true",
            "0.25",
            "9007199254740993",
            "12",
        ]
    ]


def test_what_is_repeated_hidden_merged_or_of_several_lines(tmp_path: Path, read: Reader) -> None:
    lines = cell("string", 'one<text:s text:c="2"/>two</text:p><text:p>three')
    merged = cell("string", "both", more=' table:number-columns-spanned="2"') + "<table:covered-table-cell/>"
    rows = (
        row(text("a", "b", "c")) + row(text("x"), ' table:number-rows-repeated="2"')
        + row('<table:table-cell table:number-columns-repeated="16384"/>', ' table:number-rows-repeated="1000"')
        + row(merged + lines) + row(cell("string", "y", more=' table:number-columns-repeated="3"'))
        + row("<table:table-cell/>", ' table:number-rows-repeated="1040000"')
    )  # fmt: skip
    path = ods(tmp_path / "a.ods", "Secret|hidden|" + row(text("no")), "Shown||" + rows)
    columns, records, numbers = read(path)
    assert (columns, numbers) == (["a", "b", "c"], [2, 3, 1004, 1005])
    assert records == [["x", "", ""]] * 2 + [["both", "", "one  two\nthree"], ["y", "y", "y"]]
    assert read(path, ReadingOptions(fill_merged=True))[1][2][:2] == ["both", "both"]
    assert list_sheet_names(path) == ["Secret", "Shown"]


def test_errors_and_formulas_without_value_are_empty_and_counted(tmp_path: Path) -> None:
    formula = ' table:formula="of:=1/0"'
    error = cell("string", "#DIV/0!", more=f' calcext:value-type="error"{formula}')
    rows = row(text("a", "b")) + row(error + text("x")) + row(f"<table:table-cell{formula}/>" + text("#N/A"))
    with open_table(ods(tmp_path / "a.ods", "Sheet1||" + rows)) as table:
        records = [record for block in table.blocks() for record in block.records]
        assert records == [b",x", b",#N/A"]  # what a user typed stays
        assert len(table.warnings) == 2


@pytest.mark.parametrize(
    ("before", "manifest", "said"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]>', "<manifest/>", "declares entities"),
        ("", "<manifest><encryption-data/></manifest>", "protected by a password"),
    ],
)
def test_traps_and_protected_files_are_refused(tmp_path: Path, before: str, manifest: str, said: str) -> None:
    path = ods(tmp_path / "a.ods", "Sheet1||" + row(text("a")), before=before, manifest=manifest)
    with pytest.raises(BadDataError, match=said):
        open_table(path)

"""Rows of ODS that are read many at once have the values, numbers and warnings of those that are parsed as XML."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.tables.open_table import open_table
from systemscripts.tables.parsers import ods_parser, ods_rows, xlsx_parallel
from systemscripts.tables.parsers.value_columns import MAX_CHUNK_ROWS
from systemscripts.tables.parsers.xlsx_strings import UnusualError
from tests.tables.parsers import both_readers
from tests.tables.parsers.test_ods import cell, ods, row, text

REPEATED = ' table:number-columns-repeated="{}"'
CELLS = [
    *(cell("float", value, style) for value in ("1", "007", "1.50", "1E5", "-0", "0.1") for style in ("", "5")),
    *(cell("date", "2024-05-01", style) for style in ("", "D", "M")), cell("date", "2024-05-01T10:30:00", "M"),
    cell("date", "2024-05-01T00:00:00", "D"), cell("date", "2024-05-01T10:30:00", "T"),
    cell("time", "PT10H30M00S", "T"), cell("time", "PT100H", "U"), cell("time", "PT10:30", "U"),
    cell("boolean", "true"), cell("percentage", "0.5"),
    text("Zürich"), text("a, &amp;lt; &quot;b&quot;"), text("_x0041_"), text("&#252;"), text("two\nlines"), text(""),
    text("cr\rhere"), text("a<text:s text:c='3'/>b"), text("a</text:p><text:p>b"), text("<text:span>x</text:span>"),
    "<table:table-cell/>", '<table:table-cell table:style-name="D"/>', f"<table:table-cell{REPEATED.format(3)}/>",
    cell("float", "5", "", REPEATED.format(2)), cell("float", "5", "", ' table:formula="of:=[.A1]&gt;1"'),
    cell("string", "#N/A", "", ' table:formula="of:=1/0"'), cell("string", "Err:508", "", ' table:formula="of:=("'),
    cell("error", "x", "", ' table:formula="of:=1"'), '<table:table-cell table:formula="of:=1"/>',
    cell("float", "5", "", ' table:number-columns-spanned="2"') + "<table:covered-table-cell/>",
    "<table:covered-table-cell><text:p>hidden</text:p></table:covered-table-cell>",
    '<table:table-cell office:value-type="string" office:string-value="stored"><text:p>x</text:p></table:table-cell>',
    '<table:table-cell office:value-type="float" office:value="2.0" calcext:value-type="float"/>',
    '<table:table-cell office:value-type="float"><text:p>7.0</text:p></table:table-cell>',
    '<table:table-cell><text:p text:style-name="P1">plain</text:p></table:table-cell>',
]  # fmt: skip
ROWS = st.lists(st.sampled_from(CELLS), max_size=5).map("".join).map(row)
ODD = [
    "<table:table-row/>", '<table:table-row table:number-rows-repeated="3">' + text("again") + "</table:table-row>",
    '<table:table-row table:style-name="ro1">' + text("styled") + "</table:table-row>",
    '<table:table-row table:default-cell-style-name="5">' + cell("float", "7") + "</table:table-row>",
    "<!-- a remark -->", '<table:table-column table:default-cell-style-name="5"/>', "<table:shapes/>",
    row("<table:table-cell><table:table><table:table-row/></table:table></table:table-cell>"),
]  # fmt: skip
LAST = st.lists(ROWS | st.sampled_from(ODD), max_size=3)
COLUMNS = [
    "",
    '<table:table-column table:number-columns-repeated="2" table:default-cell-style-name="5"/><table:table-column/>',
    '<table:table-column table:default-cell-style-name="D"></table:table-column>',
]  # fmt: skip


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(ROWS, min_size=1, max_size=4), st.lists(ROWS | st.sampled_from(ODD), max_size=3), st.sampled_from(COLUMNS)
)
def test_both_readers_return_the_same(tmp_path: Path, known: list[str], last: list[str], columns: str) -> None:
    rows = "".join(known) * (2 * ods_rows.HEAD_BYTES // (len("".join(known)) + 1))
    path = ods(tmp_path / "list.ods", f"One||{columns}{rows}{''.join(last)}{''.join(known)}", f"Two||{rows}")
    quick, careful = both_readers.read_both(ods_parser.open_book, path)
    assert quick == careful


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(ROWS, min_size=1, max_size=4), st.lists(ROWS | st.sampled_from(ODD), max_size=3), st.sampled_from(COLUMNS)
)
def test_two_processes_return_the_same(tmp_path: Path, known: list[str], odd: list[str], columns: str) -> None:
    rows = "".join(known) * (ods_rows.HEAD_BYTES // (len("".join(known)) + 1))
    path = ods(tmp_path / "list.ods", f"One||{columns}{(rows + ''.join(odd)) * 3}{''.join(known)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx_parallel, "MIN_XML_BYTES", 0)
        patch.setattr(ods_rows, "PIECE_BYTES", 5000)
        patch.setattr(ods_rows, "MAX_CHUNK_ROWS", 50)
        quick, careful = both_readers.read_both(ods_parser.open_book, path)
    assert quick == careful


@pytest.mark.parametrize("count", [1, 2000])
def test_a_repeated_cell_has_the_style_of_each_of_its_columns(tmp_path: Path, count: int) -> None:
    repeated = row(cell("float", "1") + cell("float", "5", "", REPEATED.format(2)))
    path = ods(tmp_path / "list.ods", f"One||{COLUMNS[1]}{repeated * count}")
    quick, careful = both_readers.read_both(ods_parser.open_book, path)
    assert quick == careful == [([(line, ["00001", "00005", "5"]) for line in range(1, count + 1)], [])]


def test_a_second_process_reads_half_of_a_single_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_parallel, "MIN_XML_BYTES", 0)
    rows = "".join(row(cell("float", f"{number}.5") + text("ü", "b")) for number in range(30_000))
    blank = '<table:table-row table:number-rows-repeated="70000"/>'
    book = ods_parser.open_book(ods(tmp_path / "list.ods", f"One||{rows}{blank}{rows}"))
    assert book.sheets[0].csv_rows is not None
    parts = list(book.sheets[0].csv_rows(0, 3))
    assert len(parts) > 4
    starts = [first for part in parts for first, _, _ in part.csv_runs]
    assert (starts == sorted(starts), starts[0]) == (True, 1)
    assert b"".join(content for part in parts for _, _, content in part.csv_runs).count(b"\n") == 60_000
    assert (parts[-1].last, max(start for start in starts if start <= 100_001)) == (130_000, 100_001)


def test_rows_that_are_written_alike_are_read_at_once(tmp_path: Path) -> None:
    rows = [
        row(cell("float", f"{number}.5") + cell("date", "2024-05-01", "D") + text(f"&quot;{number}&quot; &amp; ü"))
        for number in range(20_000)
    ]
    book = ods_parser.open_book(ods(tmp_path / "list.ods", "One||" + "".join(rows)))
    assert book.sheets[0].chunks is not None
    chunks = list(book.sheets[0].chunks())
    assert max(len(chunk.rows) for chunk in chunks) > MAX_CHUNK_ROWS
    records = [record for chunk in chunks for _, run in chunk.records(0, 3) for record in run]
    assert records == [f'{number}.5,2024-05-01,"""{number}"" & ü"'.encode() for number in range(20_000)]


def test_another_sheet_that_only_the_careful_reader_reads_is_not_passed_over(tmp_path: Path) -> None:
    columns = '<table:table-column table:default-cell-style-name="D"/>'
    rows = row(text("a", "b")) + row(text("c", "d"))
    path = ods(tmp_path / "list.ods", f"One||{rows}", f"Two||{rows}{columns}{rows * 9}")
    with open_table(path) as table:
        assert "sheet Two has the same columns (20 rows" in " ".join(table.detected.notes)


@pytest.mark.parametrize("cut", [b"</office:document-content>", b"</table:table>", b"</table:table-row></table:table>"])
def test_what_is_cut_off_is_left_to_the_careful_reader(cut: bytes, tmp_path: Path) -> None:
    path = ods(tmp_path / "list.ods", "One||" + row(text("a", "b")) * 1000)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml")
    head = content[: content.index(cut)]
    with pytest.raises(UnusualError):
        ods_rows.list_tables(io.BytesIO(head))

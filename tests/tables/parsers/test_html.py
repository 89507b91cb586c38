"""HTML: tables named .xls are read, pages that are none are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.open_table import open_table
from tests.tables.conftest import Read

Reader = Callable[..., Read]
TABLE = """<html><head><title>List</title></head><body>
<table id="menu"><tr><td>Home</td><td>Help</td></tr></table>
<TABLE border=1><tr><th>Name</th><th>Town</th><th>Note</th></tr>
<tr><td> M&uuml;ller,
  Anna </td><td>Z&#252;rich</td><td>one<br>two</td></tr>
<tr><td>007<td>&nbsp;<td><b>bold</b> text</tr>
<tr><td colspan=2>wide</td><td rowspan=2>tall</td></tr><tr><td>x</td><td>y</td></tr></table></body></html>"""
ROWS = [["Müller, Anna", "Zürich", "one\ntwo"], ["007", "", "bold text"], ["wide", "", "tall"], ["x", "y", ""]]


def page(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "list.xls"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_table_that_holds_most_is_read(tmp_path: Path, read: Reader) -> None:
    assert read(page(tmp_path, TABLE)) == (["Name", "Town", "Note"], ROWS, [2, 3, 4, 5])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_of_a_page_is_found(tmp_path: Path, read: Reader, encoding: str) -> None:
    content = "<table><tr><td>Name</td><td>Ort</td></tr><tr><td>Jürg</td><td>Genève</td></tr></table>"
    assert read(page(tmp_path, content.encode(encoding)))[1] == [["Jürg", "Genève"]]


def test_a_declared_encoding_is_obeyed(tmp_path: Path, read: Reader) -> None:
    content = '<meta charset="iso-8859-2"><table><tr><td>Name</td></tr><tr><td>Łódź</td></tr></table>'
    assert read(page(tmp_path, content.encode("iso-8859-2")))[1] == [["Łódź"]]


PAGE = "<html><head>{head}</head><body><table><tr><td>Name</td></tr><tr><td>{name}</td></tr></table></body></html>"


@pytest.mark.parametrize(
    ("head", "name", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "50 €, “Łódź”".replace("Łódź", "Jürg"), "cp1252"),
        ("<meta charset=latin5>", "Işık “Ğ”", "cp1254"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=shift_jis">', "髙橋①", "cp932"),
        ('<META HTTP-EQUIV=content-type CONTENT="text/html; charset=gb2312">', "镕", "gb18030"),
        ('<meta charset="utf-16">', "Zürich", "utf-8"),
        ('<!-- <meta charset="koi8-r"> --><meta charset="windows-1250">', "Łódź", "cp1250"),
        ("<style>" + "x" * 3000 + '</style><meta charset="windows-1250">', "Łódź", "cp1250"),
        ('<meta charset="no-such-thing">', "Zürich", "utf-8"),
        ("", "50 €", "cp1252"),
        ("<title>charset=koi8-r</title>", "Zürich", "utf-8"),
    ],
)
def test_the_encoding_is_that_of_browsers(head: str, name: str, encoding: str, tmp_path: Path, read: Reader) -> None:
    path = page(tmp_path, PAGE.format(head=head, name=name).encode(encoding))
    assert read(path)[1] == [[name]]
    with open_table(path) as table:
        assert table.warnings == []


def test_a_mark_wins_over_a_declaration(tmp_path: Path, read: Reader) -> None:
    content = PAGE.format(head='<meta charset="koi8-r">', name="Zürich")
    assert read(page(tmp_path, content.encode("utf-8-sig")))[1] == [["Zürich"]]


def test_a_declaration_that_the_bytes_belie_is_said(tmp_path: Path, read: Reader) -> None:
    path = page(tmp_path, PAGE.format(head='<meta charset="utf-8">', name="Zürich").encode("cp1252"))
    assert read(path)[1] == [["Zürich"]]
    with open_table(path) as table:
        assert [notice.code for notice in table.warnings] == ["encoding_guessed"]


def test_tables_inside_a_cell_are_not_rows(tmp_path: Path, read: Reader) -> None:
    inner = "<table><tr><td>inner</td></tr></table>"
    content = (
        f"<table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>{inner}</td></tr><tr><td>2</td><td>3</td></tr></table>"
    )
    assert read(page(tmp_path, content))[1] == [["1", "inner"], ["2", "3"]]


def test_cells_that_span_rows_and_columns_keep_the_others_in_their_columns(tmp_path: Path, read: Reader) -> None:
    content = (
        "<table><tr><th>a<th>b<th>c<th>d</tr><tr><td>1<td class=x>2<td rowspan=3>3<td>4</tr>"
        "<tr><td>5<td colspan=2>6<td>7</tr><tr><td>8<td>9<td>10</tr><tr><td>x\u2028y<td> \n z<td>w<br>v<td></table>"
    )
    assert read(page(tmp_path, content.encode()))[1] == [
        ["1", "2", "3", "4"], ["5", "6", "", "7"], ["8", "9", "10", ""], ["x\ny", "z", "w\nv", ""],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<!DOCTYPE html><title>404 Not Found</title><h1>Not Found</h1>", 'HTML page "404 Not Found" without a table'),
        ("<html><body><form><table><tr><td><input TYPE='Password'></td></tr></table></form>", "login page"),
        ("<html>", "without a table"),
    ],
)
def test_a_page_that_is_no_table_is_named(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(BadDataError, match=said):
        open_table(page(tmp_path, content))

"""Delimited text in any dialect is read with every record, every character and every line number."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from systemscripts.errors import BadDataError, EtlError, TryLaterError, UsageError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.text import text_file

pytestmark = pytest.mark.fast

Read = tuple[list[str], list[list[str]], list[int]]


def read_table(path: Path, options: ReadingOptions = ReadingOptions()) -> Read:
    """Return columns, records as text, and the line of each record."""
    with open_table(path, options) as table:
        blocks = list(table.blocks())
        records = [table.parse(record) for block in blocks for record in block.records]
        return table.columns, records, [row for block in blocks for row in block.rows]


def write_file(tmp_path: Path, content: bytes | str) -> Path:
    path = tmp_path / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_plain_file_comes_back_as_written(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Id,Name,Time\n007,Anna,01:00\n8,NA,$74.69\n")
    assert read_table(path) == (["Id", "Name", "Time"], [["007", "Anna", "01:00"], ["8", "NA", "$74.69"]], [2, 3])


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_and_line_end_are_found(tmp_path: Path, delimiter: str, line_end: str) -> None:
    rows = [["Name", "Town", "Price"], ["Anna", "Bern", "1.50"], ["Ben", "Genf, Ost" if delimiter != "," else "x", "2"]]
    path = write_file(tmp_path, line_end.join(delimiter.join(row) for row in rows))
    assert read_table(path) == (rows[0], rows[1:], [2, 3])


def test_mixed_line_ends_all_end_a_record(tmp_path: Path) -> None:
    path = write_file(tmp_path, 'a,b\r\n1,"x\ny"\n3,4\r5,6\r\n')
    assert read_table(path) == (["a", "b"], [["1", "x\ny"], ["3", "4"], ["5", "6"]], [2, 4, 5])


def test_decimal_commas_do_not_make_a_comma_the_delimiter(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Artikel;Preis;Rabatt\nStuhl;1,50;0,10\nTisch;2,50;0,20\n")
    assert read_table(path)[1] == [["Stuhl", "1,50", "0,10"], ["Tisch", "2,50", "0,20"]]


def test_blank_lines_are_counted_but_are_no_records(tmp_path: Path) -> None:
    path = write_file(tmp_path, "\n\na,b\n\n1,2\n\n\n3,4\n\n")
    assert read_table(path) == (["a", "b"], [["1", "2"], ["3", "4"]], [5, 8])


def test_quoted_line_breaks_stay_and_count(tmp_path: Path) -> None:
    path = write_file(tmp_path, 'a,b\n1,"x\n\ny"\n2,"say ""hi"""\n')
    assert read_table(path) == (["a", "b"], [["1", "x\n\ny"], ["2", 'say "hi"']], [2, 5])


def test_single_quotes_enclose_fields_where_they_do(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Name,Town\n" + "'Berg, Anna','Bern'\n'O''Neil, Ben','Genf'\n" * 3)
    assert read_table(path)[1][:2] == [["Berg, Anna", "Bern"], ["O'Neil, Ben", "Genf"]]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('1,5" pipe,x', ["1", '5" pipe', "x"]),
        ('1,5" x 3",x', ["1", '5" x 3"', "x"]),
        ('1,"open,x', ["1", '"open', "x"]),
        ('1,"in"side,x', ["1", '"in"side', "x"]),
        ('a",b,"c', ['a"', "b", '"c']),
    ],
)
def test_a_stray_quote_is_a_character_and_swallows_nothing(tmp_path: Path, line: str, fields: list[str]) -> None:
    path = write_file(tmp_path, f'a,b,c\n{line}\n2,"good, one",y\n3,plain,z\n')
    with open_table(path) as table:
        records = [table.parse(record) for block in table.blocks() for record in block.records]
        assert records == [fields, ["2", "good, one", "y"], ["3", "plain", "z"]]
        assert [notice.code for notice in table.warnings] == ["stray_quotes"]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ('1, "x, y",3', ["1", "x, y", "3"]),
        ('1,"x, y" ,3', ["1", "x, y", "3"]),
        ('1,  "say ""hi"", then"  ,3', ["1", 'say "hi", then', "3"]),
        ('"1" ,"two\nlines" , "z"', ["1", "two\nlines", "z"]),
    ],
)
def test_blanks_around_a_quoted_field_are_no_part_of_it(tmp_path: Path, line: str, fields: list[str]) -> None:
    path = write_file(tmp_path, f'a,b,c\n{line}\n2,"good, one",y\n3, plain ,z\n')
    with open_table(path) as table:
        records = [table.parse(record) for block in table.blocks() for record in block.records]
        assert records == [fields, ["2", "good, one", "y"], ["3", " plain ", "z"]]
        assert table.warnings == []


def test_inches_in_every_line_change_nothing(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a,b,c\n" + '1,5" pipe,x\n' * 100)
    assert read_table(path)[1] == [["1", '5" pipe', "x"]] * 100


def test_stray_quotes_on_two_lines_do_not_join_them(tmp_path: Path) -> None:
    path = write_file(tmp_path, 'a,b,c\n1,"foo,x\n2,y,bar"\n3,q,z\n')
    assert read_table(path)[1] == [["1", '"foo', "x"], ["2", "y", 'bar"'], ["3", "q", "z"]]


def test_a_quote_left_open_does_not_swallow_a_long_file(tmp_path: Path) -> None:
    lines = "".join(f"{n},text,more\n" for n in range(5000))
    path = write_file(tmp_path, f'a,b,c\n0,"open,x\n{lines}1,"shut",y\n')
    assert len(read_table(path)[1]) == 5002


def test_ragged_rows_are_kept_as_found(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a,b,c\n1,2,3\n4,5\n6,7,8,9\n,,\n1,2,3\n")
    assert read_table(path)[1] == [["1", "2", "3"], ["4", "5"], ["6", "7", "8", "9"], ["", "", ""], ["1", "2", "3"]]


def test_one_column_with_commas_is_one_column(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Name\nBerg\nMeier, Ben\nKurz\nLang\n")
    assert read_table(path)[1] == [["Berg"], ["Meier, Ben"], ["Kurz"], ["Lang"]]


def test_titles_above_the_header_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Sales report\nas of 1 May,,\n\nName,Town,Sum\nAnna,Bern,1\nBen,Genf,2\n")
    with open_table(path) as table:
        assert table.columns == ["Name", "Town", "Sum"]
        assert (table.detected.header_row, table.skipped) == (4, 2)
        assert [list(block.rows) for block in table.blocks()] == [[5, 6]]


def test_an_index_column_without_a_name_is_no_title(tmp_path: Path) -> None:
    assert read_table(write_file(tmp_path, ",Name\n0,Anna\n1,Ben\n"))[0] == ["", "Name"]


def test_the_options_name_the_header(tmp_path: Path) -> None:
    path = write_file(tmp_path, "x,y\nName,Town\nAnna,Bern\n")
    expected = (["Name", "Town"], [["Anna", "Bern"]], [3])
    assert read_table(path, ReadingOptions(header_row=2)) == expected
    assert read_table(path, ReadingOptions(header_row=("town",))) == expected
    with pytest.raises(BadDataError, match="Street"):
        open_table(path, ReadingOptions(header_row=("Street",)))


def test_without_header_columns_are_numbered(tmp_path: Path) -> None:
    path = write_file(tmp_path, "1,2,3\n4,5,6\n")
    columns, records, rows = read_table(path, ReadingOptions(no_header=True))
    assert (columns, rows) == (["col_0", "col_1", "col_2"], [1, 2])
    assert records == [["1", "2", "3"], ["4", "5", "6"]]
    assert read_table(path, ReadingOptions(no_header=True, names=("id",)))[0] == ["id", "col_1", "col_2"]


def test_two_header_rows_are_joined_when_set(tmp_path: Path) -> None:
    path = write_file(tmp_path, "Name,Travel,\n,Air,Rail\nAnna,1,2\n")
    columns, records, _ = read_table(path, ReadingOptions(header_row=1, header_rows=2))
    assert (columns, records) == (["Name", "Travel Air", "Travel Rail"], [["Anna", "1", "2"]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    path = write_file(tmp_path, "Name,Ort\nJürg,Zürich\nChloé,Genève\n".encode(encoding))
    assert read_table(path)[:2] == (["Name", "Ort"], [["Jürg", "Zürich"], ["Chloé", "Genève"]])


def test_one_damaged_byte_does_not_change_the_encoding_of_all(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a,b\nJürg,Zürich\nChloé,Genève\n".encode() + b"bad,\xff\n")
    with open_table(path) as table:
        assert table.wire.encoding == "utf-8"
        records = next(table.blocks()).records
        assert table.parse(records[0]) == ["Jürg", "Zürich"]
        with pytest.raises(UnicodeDecodeError):
            table.parse(records[2])


def test_what_is_set_wins(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a;b,c\n1;2,\xe9\n".encode("latin-1"))
    options = ReadingOptions(delimiter=";", encoding="latin-1")
    assert read_table(path, options)[:2] == (["a", "b,c"], [["1", "2,é"]])


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n", b"\r\n"])
def test_an_empty_file_is_a_state(tmp_path: Path, content: bytes) -> None:
    with open_table(write_file(tmp_path, content)) as table:
        assert (table.columns, list(table.blocks()), table.detected.format) == ([], [], "empty")


def test_a_header_alone_is_a_table_without_records(tmp_path: Path) -> None:
    assert read_table(write_file(tmp_path, "Name,Town\n")) == (["Name", "Town"], [], [])


def test_content_is_known_by_its_bytes_and_blocks_can_be_read_twice(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a,b\n1,2\n")
    with open_table(path) as table:
        assert table.content_sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert list(table.blocks()) == list(table.blocks())


def test_a_file_that_changes_while_it_is_read_is_left_for_later(tmp_path: Path) -> None:
    path = write_file(tmp_path, "a,b\n1,2\n")
    with open_table(path) as table:
        with path.open("ab") as file:
            file.write(b"3,4\n")
        with pytest.raises(TryLaterError, match="changed"):
            list(table.blocks())


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(EtlError, match="folder"):
        open_table(tmp_path)
    with pytest.raises(BadDataError, match="PDF"):
        open_table(write_file(tmp_path, b"%PDF-1.7\n"))
    with pytest.raises(BadDataError, match="binary"):
        open_table(write_file(tmp_path, bytes(range(256)) * 10))


# A lone CR is left out: csv.writer does not quote it, so it cannot be distinguished from a line end.
FIELDS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters='",;\t\n'), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(2, 5).flatmap(lambda width: st.lists(st.lists(FIELDS, min_size=width, max_size=width), max_size=12)),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 40),
)
def test_any_table_written_by_csv_comes_back(
    tmp_path: Path,
    monkeypatch_chunk: None,
    rows: list[list[str]],
    delimiter: str,
    line_end: str,
    quoting: int,
    chunk: int,
) -> None:
    text_file.CHUNK_BYTES = chunk
    header = [f"column {letter}" for letter in "abcde"[: len(rows[0]) if rows else 2]]
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows([header, *rows])
    path = write_file(tmp_path, stream.getvalue())
    options = ReadingOptions(delimiter=delimiter, quote='"', encoding="utf-8", keep_all_rows=True, header_row=1)
    columns, records, _ = read_table(path, options)
    assert columns == header
    assert records == rows


@pytest.mark.parametrize(
    ("record", "value"),
    [
        (r'"\""",x', '\\"'),
        (r'"C:\""temp"", new",x', 'C:\\"temp", new'),
        (r'"a\"", b",x', 'a\\", b'),
        (r'"say \"hi\"",x', 'say "hi"'),
        (r'"\"hi\", she said",x', '"hi", she said'),
    ],
)
def test_one_record_shows_whether_a_backslash_escapes_its_quotes(tmp_path: Path, record: str, value: str) -> None:
    assert read_table(write_file(tmp_path, f"a,b\n{record}\n"))[1] == [[value, "x"]]


@pytest.fixture
def monkeypatch_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore CHUNK_BYTES after a test that sets it to a few bytes, which splits every record."""
    monkeypatch.setattr(text_file, "CHUNK_BYTES", text_file.CHUNK_BYTES)


def test_a_row_like_the_header_stays_where_all_rows_are_kept_and_is_reported_where_not(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("id,name\nid,name\n1,Anna\n2,Hugo\n")
    with open_table(path, ReadingOptions(header_row=1, keep_all_rows=True)) as table:
        assert sum(len(block.records) for block in table.blocks()) == 3
    with open_table(path, ReadingOptions(header_row=1)) as table:
        assert sum(len(block.records) for block in table.blocks()) == 2
        assert [warning.code for warning in table.warnings] == ["rows_left_out"]

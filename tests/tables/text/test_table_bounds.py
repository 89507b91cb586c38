"""The analysis of rows finds kinds, headers, rows in another dialect and the end, in small and large files."""

from __future__ import annotations

from pathlib import Path

import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.structure import table_end, value_kinds
from systemscripts.tables.text import repair_rows, table_bounds, text_file

pytestmark = pytest.mark.fast

Read = tuple[list[str], list[list[str]], int]


def read_table(path: Path, content: str | bytes, options: ReadingOptions = ReadingOptions()) -> Read:
    """Return columns, records, and the number of skipped rows."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_table(path, options) as table:
        records = [table.parse(record) for block in table.blocks() for record in block.records]
        return table.columns, records, table.skipped


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("1.234,50", "number"),
        ("-12", "number"),
        ("45 %", "percent"),
        ("$74.69", "money"),
        ("2024-05-01 10:00", "date"),
        ("1. Mai 2024", "date"),
        ("01:00", "time"),
        ("MG-8769", "code A-9"),
        ("n/a", "missing"),
        (" ", "blank"),
        ("Bern", "text"),
    ],
)
def test_a_field_has_a_kind(field: str, expected: str) -> None:
    assert value_kinds.classify_value(field) == expected


def test_years_above_amounts_are_names() -> None:
    body = value_kinds.profile_columns([["Bern", "1.5", "2.5"], ["Genf", "1.7", "2.7"]], 3)
    assert value_kinds.count_votes(["Town", "2001", "2002"], body) == (2, 0)
    assert value_kinds.count_votes(["Chur", "1.1", "1.2"], body) == (0, 2)


BODY = value_kinds.profile_columns([["1", "2024-05-01", "Bern", "1.5"], ["2", "2024-05-02", "La Punt", "2.5"]], 4)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("3;2024-05-03;Chur;9.5", ["3", "2024-05-03", "Chur", "9.5"]),
        ("3 2024-05-03 St. Moritz Bad 9.5", ["3", "2024-05-03", "St. Moritz Bad", "9.5"]),
        ('3 2024-05-03 "a, b" 9.5', ["3", "2024-05-03", "a, b", "9.5"]),
        ("this line has only words", None),
        ("3,2024-05-03", None),
    ],
)
def test_a_row_in_another_dialect_is_cut_by_kinds(line: str, fields: list[str] | None) -> None:
    assert repair_rows.realign_row(line, 4, BODY, ",") == fields


def test_words_that_may_belong_to_either_of_two_columns_are_left_alone() -> None:
    body = value_kinds.profile_columns([["1", "Anna Berg", "La Punt", "5"], ["2", "Ben Kurz", "Bad Ragaz", "6"]], 4)
    assert repair_rows.realign_row("3 Cleo Lang St Gallen 7", 4, body, ",") is None


def test_a_blank_row_within_the_table_is_no_end() -> None:
    rows = [(1, ["Id", "Sum"]), (2, ["1", "5"]), (4, ["2", "6"]), (5, ["3", "7"])]
    assert table_end.find_end(rows, 1, 2, rows[0][1]).position == 4


def test_what_stands_below_a_blank_row_can_be_left_out(tmp_path: Path) -> None:
    content = "id,n\n1,5\n2,6\n\n3,7\n4,8\n"
    assert read_table(tmp_path / "x", content)[1:] == ([["1", "5"], ["2", "6"], ["3", "7"], ["4", "8"]], 0)
    options = ReadingOptions(stop_at_blank_row=True)
    assert read_table(tmp_path / "x", content, options)[1:] == ([["1", "5"], ["2", "6"]], 2)


def test_every_row_can_be_kept(tmp_path: Path) -> None:
    content = "id,n\n1,5\n2,6\n\nNote: not audited.\n"
    assert read_table(tmp_path / "x", content)[1:] == ([["1", "5"], ["2", "6"]], 1)
    kept = read_table(tmp_path / "x", content, ReadingOptions(keep_all_rows=True))
    assert kept[1:] == ([["1", "5"], ["2", "6"], ["Note: not audited."]], 0)


def test_an_escape_can_be_set_and_forbidden(tmp_path: Path) -> None:
    content = 'id,text\n1,"a \\"b\\" c"\n2,"d"\n'
    assert read_table(tmp_path / "x", content)[1][0] == ["1", 'a "b" c']
    assert read_table(tmp_path / "x", content, ReadingOptions(escape="\\"))[1][0] == ["1", 'a "b" c']
    assert read_table(tmp_path / "x", content, ReadingOptions(escape=""))[1][0] == ["1", 'a \\"b\\" c']


def test_two_delimiters_that_fit_are_refused_and_one_can_be_set(tmp_path: Path) -> None:
    content = "1;2|3\n4;5|6\n7;8|9\n"
    with pytest.raises(BadDataError, match="fits as well"):
        read_table(tmp_path / "x", content)
    assert read_table(tmp_path / "x", content, ReadingOptions(delimiter=";"))[1][0] == ["1", "2|3"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_titles_and_notes_of_a_large_file_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, end: str
) -> None:
    monkeypatch.setattr(table_bounds, "MAX_WHOLE_BYTES", 1000)
    monkeypatch.setattr(table_bounds, "TAIL_BYTES", 300)
    lines = ["Report", "", "Id,Town,Sum", *(f"{n},Town {n},{n}.50" for n in range(2000)), "", "Source: our own count"]
    columns, records, skipped = read_table(tmp_path / "x", end.join(lines).encode(encoding))
    assert columns == ["Id", "Town", "Sum"]
    assert records[:2000] == [[str(n), f"Town {n}", f"{n}.50"] for n in range(2000)]
    # In other encodings the end is not analysed.
    if encoding == "utf-8":
        assert (len(records), skipped) == (2000, 2)


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('a, b, c\n1, "x, y", 3\n4, , 6\n', [["1", "x, y", "3"], ["4", "", "6"]]),
        ('a,b,c\n1,"x\\"y",3\n4,"\\\\",6\n7,"a, b",8\n', [["1", 'x"y', "3"], ["4", "\\", "6"], ["7", "a, b", "8"]]),
        ("ab||cd||ef\n1||2||3\n4||||6\n", [["1", "2", "3"], ["4", "", "6"]]),
        ("Aa   Bb   Cc\n1    2    3\n4    5    6\n7    8    9\n", [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]]),
    ],
)
def test_chunks_of_any_size_give_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, content: str, expected: list[list[str]]
) -> None:
    monkeypatch.setattr(text_file, "CHUNK_BYTES", size)
    assert read_table(tmp_path / "x", content)[1] == expected


def write_many_rows(count: int, middle: str = "", delimiter_after: str = "") -> str:
    """Return rows below a header, with some text in the middle of them."""
    rows = [f"{number},name {number},{number}.50{delimiter_after}\n" for number in range(count)]
    return "".join(["Id,Name,Sum\n", *rows[: count // 2], middle, *rows[count // 2 :]])


@pytest.mark.parametrize("count", [40, 140_000])
@pytest.mark.parametrize("middle", ["Id,Name,Sum\n", "\ufeffId,Name,Sum\n"])
def test_a_header_in_the_middle_is_left_out_and_reported_in_a_file_of_any_size(
    tmp_path: Path, count: int, middle: str
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(write_many_rows(count, middle), encoding="utf-8")
    with open_table(path) as table:
        rows = [row for block in table.blocks() for row in block.rows]
        # The fast path of Parquet files must not load the line either.
        assert table.lines() is None
        assert [notice.code for notice in table.warnings] == ["rows_left_out"]
        assert (len(rows), rows[-1], table.skipped) == (count, count + 2, 1)


@pytest.mark.parametrize("count", [40, 70_000, 240_000])
def test_a_file_written_twice_into_one_is_read_once(tmp_path: Path, count: int) -> None:
    content = write_many_rows(count)
    columns, records, skipped = read_table(tmp_path / "list.csv", content + content)
    assert (columns, len(records), skipped) == (["Id", "Name", "Sum"], count, count + 1)


@pytest.mark.parametrize("records_before", range(1, 5))
def test_a_table_that_begins_again_at_the_end_of_a_block_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records_before: int
) -> None:
    monkeypatch.setattr(table_bounds, "MAX_WHOLE_BYTES", 10)
    content = write_many_rows(100)
    size = len(content + "".join(content.splitlines(keepends=True)[:records_before]))
    monkeypatch.setattr(text_file, "CHUNK_BYTES", size)
    monkeypatch.setattr(text_file, "FIRST_CHUNK_BYTES", size)
    assert len(read_table(tmp_path / "list.csv", content + content)[1]) == 100


@pytest.mark.parametrize("count", [1, 40, 140_000])
def test_a_delimiter_after_the_last_field_is_no_column_whether_the_rows_or_the_header_have_it(
    tmp_path: Path, count: int
) -> None:
    only_rows = read_table(tmp_path / "rows.csv", write_many_rows(count, delimiter_after=","))
    only_header = read_table(tmp_path / "header.csv", write_many_rows(count).replace("Sum\n", "Sum,\n", 1))
    assert only_rows == only_header
    assert (only_rows[0], len(only_rows[1])) == (["Id", "Name", "Sum"], count)
    assert {len(fields) for fields in only_rows[1]} == {3}


def test_a_value_after_the_last_name_keeps_its_column(tmp_path: Path) -> None:
    content = "Id,Name\n7,Anna,\n9,Ben,late\n8,Cleo,\n"
    assert read_table(tmp_path / "list.csv", content)[:2] == (
        ["Id", "Name", ""],
        [["7", "Anna", ""], ["9", "Ben", "late"], ["8", "Cleo", ""]],
    )


def test_a_quoted_delimiter_is_not_counted_where_a_surplus_one_is_left_out(tmp_path: Path) -> None:
    content = 'Id,Name,Sum\n1,"Berg, Anna",5,\n2,"",,\n3,"say ""hi, ho""",7,\n'
    assert read_table(tmp_path / "list.csv", content)[1] == [
        ["1", "Berg, Anna", "5"], ["2", "", ""], ["3", 'say "hi, ho"', "7"],
    ]  # fmt: skip


def test_one_surplus_delimiter_does_not_make_another_one_likelier(tmp_path: Path) -> None:
    rows = "".join(f"{number},name {number},{number}.50{',' if number == 3 else ''}\n" for number in range(5))
    assert read_table(tmp_path / "list.csv", "Id,Name,Sum\n" + rows)[0] == ["Id", "Name", "Sum"]

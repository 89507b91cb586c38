"""Workbooks: values as the sheet shows them, rows where the sheet has them, bad files in one line."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt

from systemscripts.errors import BadDataError
from systemscripts.tables.model import ReadingOptions
from systemscripts.tables.open_table import open_table
from systemscripts.tables.workbooks import parser_process, spooled_table
from tests.tables.conftest import Read

Reader = Callable[..., Read]
ROWS: list[list[object]] = [
    ["Code", "Amount", "When", "Paid"],
    ["00123", 12, dt.datetime(2024, 5, 1, 13, 30), True],
    ["007", 0.1, dt.datetime(2024, 5, 2, 8, 15, 30), False],
]
TEXTS = [["00123", "12", "2024-05-01 13:30:00", "true"], ["007", "0.1", "2024-05-02 08:15:30", "false"]]


def xlsx(path: Path, sheets: dict[str, list[list[object]]], hidden: tuple[str, ...] = ()) -> Path:
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    book.save(path)
    return path


def xls(path: Path, rows: list[list[object]]) -> Path:
    book = xlwt.Workbook()
    sheet = book.add_sheet("List")
    moment = xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM:SS")
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            sheet.write(number, column, value, moment if isinstance(value, dt.datetime) else xlwt.Style.default_style)
    book.save(str(path))
    return path


def test_an_xlsx_comes_back_as_text(tmp_path: Path, read: Reader) -> None:
    assert read(xlsx(tmp_path / "list.xlsx", {"List": ROWS})) == (ROWS[0], TEXTS, [2, 3])


def test_an_xls_comes_back_as_text(tmp_path: Path, read: Reader) -> None:
    assert read(xls(tmp_path / "list.xls", ROWS)) == (ROWS[0], TEXTS, [2, 3])


@pytest.mark.parametrize("parser", ["xlsx_parser", "calamine_parser", "openpyxl_parser"])
def test_both_parsers_of_xlsx_agree(tmp_path: Path, parser: str) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": ROWS})
    assert _with_parser(path, parser) == TEXTS


@pytest.mark.parametrize("parser", ["calamine_parser", "xlrd_parser"])
def test_both_parsers_of_xls_agree(tmp_path: Path, parser: str) -> None:
    assert _with_parser(xls(tmp_path / "list.xls", ROWS), parser) == TEXTS


def _with_parser(path: Path, parser: str) -> list[list[str]]:
    with spooled_table.open_spooled(path, ReadingOptions(), (parser,), "workbook") as table:
        return [table.parse(record) for block in table.blocks() for record in block.records]


def test_the_second_opinion_is_asked_when_the_first_breaks_off(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": ROWS})
    with spooled_table.open_spooled(path, ReadingOptions(), ("no_such_parser", "openpyxl_parser"), "workbook") as table:
        assert table.columns == ROWS[0]
        assert "because" in table.detected.notes[0]


def test_a_name_does_not_decide(tmp_path: Path, read: Reader) -> None:
    assert read(xlsx(tmp_path / "list.csv", {"List": ROWS}))[1] == TEXTS


def test_blank_rows_do_not_shift_the_row_numbers(tmp_path: Path, read: Reader) -> None:
    rows = [["a", "b"], ["1", "2"], [None, None], [None], ["3", None], ["", "x\ny"], [None, None]]
    expected = (["a", "b"], [["1", "2"], ["3", ""], ["", "x\ny"]], [2, 5, 6])
    assert read(xlsx(tmp_path / "list.xlsx", {"List": rows})) == expected


def test_titles_above_the_header_are_skipped(tmp_path: Path) -> None:
    rows = [["Guest list", None, None], [None, None, None], ["Name", "Town", "Room"], ["Anna", "Bern", 12]]
    with open_table(xlsx(tmp_path / "list.xlsx", {"List": rows})) as table:
        assert (table.columns, table.skipped, table.detected.header_row) == (["Name", "Town", "Room"], 1, 3)
        assert [list(block.rows) for block in table.blocks()] == [[4]]


def test_the_first_visible_sheet_that_holds_anything_is_read(tmp_path: Path, read: Reader) -> None:
    sheets = {"Hidden": [["no"]], "Empty": [], "List": ROWS, "Other": [["no"]]}
    path = xlsx(tmp_path / "list.xlsx", sheets, hidden=("Hidden",))
    assert read(path)[1] == TEXTS
    with open_table(path) as table:
        assert table.detected.sheet == "List"


@pytest.mark.parametrize("sheet", ["Other", "oth*", 1])
def test_a_sheet_is_chosen_by_name_pattern_or_index(tmp_path: Path, read: Reader, sheet: str | int) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": ROWS, "Other": [["a"], ["1"]]})
    assert read(path, ReadingOptions(sheet=sheet))[:2] == (["a"], [["1"]])


def test_a_sheet_not_found_lists_what_is_there(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": ROWS, "Other": []})
    with pytest.raises(BadDataError, match=r"no sheet 'Guests'; the sheets are: List, Other"):
        open_table(path, ReadingOptions(sheet="Guests"))


def test_values_that_excel_keeps_as_numbers_read_as_shown(tmp_path: Path, read: Reader) -> None:
    values: list[object] = [1e15, 0.1 + 0.2, -3.0, dt.date(2024, 2, 29), dt.time(7, 5), dt.timedelta(hours=30)]
    path = xlsx(tmp_path / "list.xlsx", {"List": [list("abcdef"), values]})
    assert read(path)[1] == [["1000000000000000", "0.3", "-3", "2024-02-29", "07:05:00", "30:00:00"]]


def test_dates_keep_their_midnight(tmp_path: Path, read: Reader) -> None:
    rows: list[list[object]] = [["when", "day"], [dt.datetime(2024, 5, 1), dt.date(2024, 5, 1)]]
    assert read(xlsx(tmp_path / "list.xlsx", {"List": rows}))[1] == [["2024-05-01 00:00:00", "2024-05-01"]]


def test_an_empty_first_column_is_dropped_unless_a_later_row_fills_it(tmp_path: Path, read: Reader) -> None:
    rows: list[list[object]] = [[None, "a", "b"], [None, "1", "2"]]
    assert read(xlsx(tmp_path / "1.xlsx", {"List": rows})) == (["a", "b"], [["1", "2"]], [2])
    wider = [*rows, [0, "3", "4", "5"]]
    assert read(xlsx(tmp_path / "2.xlsx", {"List": wider}))[:2] == (
        ["", "a", "b", ""],
        [["", "1", "2", ""], ["0", "3", "4", "5"]],
    )


def test_errors_are_empty_and_counted(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": [["a", "b", "c"], ["x", "#N/A", "=1/0"]]})
    with open_table(path) as table:
        records = [table.parse(record) for block in table.blocks() for record in block.records]
        assert records == [["x", "", ""]]
        assert [notice.code for notice in table.warnings] == ["cells_with_errors", "formulas_without_values"]


def test_empty_last_columns_are_dropped(tmp_path: Path, read: Reader) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": [["a", "b", ""], ["1", "2", ""], ["3", "", ""]]})
    assert read(path) == (["a", "b"], [["1", "2"], ["3", ""]], [2, 3])


def test_a_workbook_without_values_is_empty(tmp_path: Path, read: Reader) -> None:
    assert read(xlsx(tmp_path / "list.xlsx", {"List": []})) == ([], [], [])


def test_content_is_known_by_rows_not_by_save_time(tmp_path: Path) -> None:
    first = xlsx(tmp_path / "1.xlsx", {"List": [["Title 1", None, None], *[row[:3] for row in ROWS]]})
    second = xlsx(tmp_path / "2.xlsx", {"Liste": [["Title 2", None, None], *[row[:3] for row in ROWS]]})
    third = xlsx(tmp_path / "3.xlsx", {"List": ROWS})
    hashes = []
    for path in (first, second, third):
        with open_table(path) as table:
            hashes.append(table.content_sha256())
    assert hashes[0] == hashes[1] != hashes[2]


def test_cells_of_many_lines_and_odd_letters_survive(tmp_path: Path, read: Reader) -> None:
    many = "\n".join(f'line {n}, "x"' for n in range(1500))
    path = xlsx(tmp_path / "list.xlsx", {"List": [["a", "b"], [many, ","], ['"', "é漢\t"]]})
    assert read(path)[1] == [[many, ","], ['"', "é漢\t"]]


def test_many_rows_come_in_order(tmp_path: Path, read: Reader) -> None:
    rows: list[list[object]] = [["a", "b"], *([n, f"text {n}"] for n in range(12_000))]
    _, records, numbers = read(xlsx(tmp_path / "list.xlsx", {"List": rows}))
    assert records == [[str(n), f"text {n}"] for n in range(12_000)]
    assert numbers == list(range(2, 12_002))


@pytest.mark.parametrize("share", [0.2, 0.9, 0.99])
def test_a_truncated_workbook_is_said_in_one_line(tmp_path: Path, share: float) -> None:
    for path in (xlsx(tmp_path / "list.xlsx", {"List": ROWS * 200}), xls(tmp_path / "list.xls", ROWS * 40)):
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(BadDataError, match=r"truncated or damaged|is damaged") as caught:
            open_table(path)
        assert "\n" not in str(caught.value)


def test_other_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "")
    with pytest.raises(BadDataError, match="Word document"):
        open_table(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"\xff\xd8\xff")
    with pytest.raises(BadDataError, match=r"photo.jpg is an image"):
        open_table(path)


def test_a_protected_workbook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(BadDataError, match="password"):
        open_table(path)


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "LIMITS", parser_process.Limits(seconds=0, seconds_per_megabyte=0))
    with pytest.raises(BadDataError, match="took too long"):
        open_table(xlsx(tmp_path / "list.xlsx", {"List": ROWS}))


def test_a_good_workbook_is_read_however_long_a_busy_machine_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parser_process, "LIMITS", parser_process.Limits(seconds=1, seconds_per_megabyte=0))
    path = xlsx(tmp_path / "list.xlsx", {"List": ROWS})
    others = threading.Thread(target=_stop_child_for, args=(2.0, threading.get_native_id()))
    others.start()
    with open_table(path) as table:
        assert table.columns == ROWS[0]
    others.join()


def _stop_child_for(seconds: float, of: int) -> None:
    """Let the next child of a thread wait as if others had the processor."""
    children = Path(f"/proc/self/task/{of}/children")
    while not (child_ids := children.read_text().split()):
        time.sleep(0.001)
    os.kill(int(child_ids[-1]), signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(int(child_ids[-1]), signal.SIGCONT)


def test_a_child_that_computes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "LIMITS", parser_process.Limits(seconds=1, seconds_per_megabyte=0))
    path = tmp_path / "list.json"
    path.write_text(json.dumps([{f"key {row} {number}": number for number in range(500)} for row in range(400)]))
    with pytest.raises(BadDataError, match="took too long"):
        open_table(path)


def test_a_child_that_waits_for_ever_is_ended_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        parser_process, "LIMITS", parser_process.Limits(seconds=1, seconds_per_megabyte=0, patience=0.7)
    )
    path = tmp_path / "list.json"
    os.mkfifo(path)
    with pytest.raises(BadDataError, match="took too long"):
        spooled_table.open_sheets(path, ReadingOptions(), ("json_parser",), "JSON file")


def test_a_child_without_memory_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "LIMITS", parser_process.Limits(memory_bytes=8 * 2**20))
    with pytest.raises(BadDataError, match=r"more memory|is not a valid Excel workbook"):
        open_table(xlsx(tmp_path / "list.xlsx", {"List": [[f"{number} {'x' * 900}"] for number in range(3000)]}))


def test_a_killed_reader_leaves_no_debris(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "list.xlsx", {"List": ROWS})
    spool = tmp_path / "spool"
    spool.mkdir()
    program = (
        "import sys, pathlib, time\n"
        "from systemscripts.tables.open_table import open_table\n"
        "from systemscripts.tables.workbooks import spooled_table\n"
        "spooled_table.SPOOL_DIRECTORY = pathlib.Path(sys.argv[2])\n"
        "table = open_table(pathlib.Path(sys.argv[1]))\n"
        "print(len(list(table.blocks())), flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", program, str(path), str(spool)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        os.kill(child.pid, signal.SIGKILL)
    assert list(spool.iterdir()) == []


@pytest.mark.parametrize("cells_above", [0, 3])
def test_the_29_february_1900_of_an_xls_is_kept_as_excel_shows_it(
    tmp_path: Path, read: Reader, cells_above: int
) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("List")
    day, moment = xlwt.easyxf(num_format_str="YYYY-MM-DD"), xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM")
    for column, name in enumerate(["day", "next", "moment"]):
        sheet.write(0, column, name)
    for row in range(1, cells_above + 2):
        for column, (value, style) in enumerate([(60, day), (61, day), (60.5, moment)]):
            sheet.write(row, column, value, style)
    book.save(str(tmp_path / "list.xls"))
    assert read(tmp_path / "list.xls")[1][-1] == ["1900-02-29", "1900-03-01", "1900-02-29 12:00:00"]

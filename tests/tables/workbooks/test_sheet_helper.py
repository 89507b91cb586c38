"""Sheets that two processes read arrive in their order, as one process sends them."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

from systemscripts.errors import BadDataError
from systemscripts.tables.parsers import ods_parser, parallel_halves, xlsb_parser, xlsx_parser
from systemscripts.tables.parsers.workbook import Book, Sheet
from systemscripts.tables.workbooks import protocol, sheet_helper
from systemscripts.tables.workbooks.sheet_writer import SheetWriter
from systemscripts.tables.workbooks.sheets import open_sheets
from tests.tables.parsers import test_ods, test_xlsb

SHEETS, ROWS = 7, 300


def write_workbook(folder: Path, name: str) -> Path:
    """Write sheets of another length each; an error cell in the third, which another process reads."""
    path = folder / f"list.{name}"
    if name == "xlsx":
        book = openpyxl.Workbook(write_only=True)
        for number in range(SHEETS):
            sheet = book.create_sheet(f"Sheet {number}")
            for row in range(ROWS + number):
                sheet.append([f"text {row % 50}", row / 4, "#N/A" if number == 2 and not row else number])
        book.save(path)
    elif name == "ods":
        test_ods.ods(path, *(
            f"Sheet {number}||" + "".join(
                test_ods.row(test_ods.text(f"text {row}") + test_ods.cell("float", f"{row}.5"))
                for row in range(ROWS + number)
            )
            for number in range(SHEETS)
        ))  # fmt: skip
    else:
        test_xlsb.xlsb(path, {
            f"Sheet {number}": test_xlsb.sheet([
                [test_xlsb.cell(0, f"text {row}"), test_xlsb.cell(1, row / 4)] for row in range(ROWS + number)
            ])
            for number in range(SHEETS)
        })  # fmt: skip
    return path


def send(path: Path, book: Book, sheets: list[Sheet]) -> list[tuple[bytes, bytes]]:
    """Return the frames of the sheets."""
    output = io.BytesIO()
    writer = SheetWriter(output, most_cells=10**7, most_bytes=10**8)

    def send_one(sheet: Sheet) -> None:
        protocol.write_json(writer.output, protocol.SHEET, {"name": sheet.name})
        protocol.write_warnings(writer.output, writer.send(book, sheet, fill_merged=False))

    def report(error: BaseException, target: io.BytesIO) -> None:
        protocol.write_json(target, protocol.FAILED, {"message": str(error)})

    sheet_helper.send_sheets(path, sheets, writer, send_one, report)  # type: ignore[arg-type]
    protocol.write_frame(output, protocol.END)
    output.seek(0)
    return list(protocol.read_frames(output))


@pytest.mark.parametrize(("name", "parser"), [("xlsx", xlsx_parser), ("ods", ods_parser), ("xlsb", xlsb_parser)])
def test_two_processes_send_the_frames_of_one(
    name: str, parser: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_workbook(tmp_path, name)
    alone, shared = (parser.open_book(path) for _ in range(2))  # type: ignore[attr-defined]
    expected = send(path, alone, alone.sheets)
    monkeypatch.setattr(parallel_halves, "MIN_CELLS", 0)
    # a sheet that only the other process reads: the third
    read_here: list[str] = []
    chunks = shared.sheets[2].chunks
    shared.sheets[2] = Sheet("Sheet 2", shared.sheets[2].rows, chunks=lambda: read_here.append("third") or chunks())
    assert send(path, shared, shared.sheets) == expected
    assert read_here == []
    assert sum(frame_type == protocol.SHEET for frame_type, _ in expected) == SHEETS


def test_an_error_in_the_other_process_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path, "xlsx")
    book = xlsx_parser.open_book(path)

    def fail() -> list[tuple[int, list[object]]]:
        raise BadDataError("the third sheet is damaged")

    book.sheets[2] = Sheet("Sheet 2", fail)
    monkeypatch.setattr(parallel_halves, "MIN_CELLS", 0)
    frames = send(path, book, book.sheets)
    assert frames[-1][0] == protocol.FAILED
    assert b"the third sheet is damaged" in frames[-1][1]


def test_all_sheets_of_a_large_workbook_are_read(tmp_path: Path) -> None:
    rows = "".join(test_ods.row(test_ods.text(f"{number}", *"abcdefgh" * 5)) for number in range(1200))
    path = test_ods.ods(tmp_path / "list.ods", *(f"Sheet {number}||{rows}" for number in range(6)))
    tables = open_sheets(path)
    try:
        assert [table.detected.sheet for table in tables] == [f"Sheet {number}" for number in range(6)]
        assert {sum(len(block.records) for block in table.blocks()) for table in tables} == {1200}
        # by the parser that is asked first
        assert not any(notice.code == "second_reader" for table in tables for notice in table.warnings)
    finally:
        for table in tables:
            table.close()

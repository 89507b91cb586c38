"""xls_to_csv.py as its users run it."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import xlwt

from tests.conftest import Installation


def make_folder(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Name", "Amount"], ["Zoë", 12], ['a "b", c', 1.5]):
        sheet.append(row)
    book.save(folder / "list.xlsx")
    old = xlwt.Workbook()
    page = old.add_sheet("x")
    page.write(0, 0, "Name")
    page.write(1, 0, "old")
    old.save(str(folder / "list.xls"))
    (folder / "deep" / "text.txt").write_bytes("Name;Town\r\nMüller;Köln\r\n".encode("cp1252"))
    (folder / "bad.xlsx").write_bytes(b"PK\x03\x04 this is not a workbook")
    return folder


def test_one_file_to_standard_output(installation: Installation, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")
    done = installation.run("xls_to_csv", folder / "list.xlsx", "--output", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'Name,Amount\nZoë,12\n"a ""b"", c",1.5\n'


def test_a_folder_with_one_bad_file(installation: Installation, tmp_path: Path) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / "out"
    done = installation.run("xls_to_csv", folder, "--output-dir", out)
    assert done.returncode == 65
    assert [line for line in done.stderr.splitlines() if "bad.xlsx" in line] == done.stderr.splitlines()
    assert len(done.stderr.splitlines()) == 1
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.csv")) == [
        "deep/text.csv",
        "list.xls.csv",
        "list.xlsx.csv",
    ]
    assert (out / "deep" / "text.csv").read_text() == "Name,Town\nMüller,Köln\n"


def test_an_empty_file_is_a_state(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_bytes(b"")
    done = installation.run("xls_to_csv", tmp_path / "empty.csv", "--output", tmp_path / "out.csv")
    assert done.returncode == 0
    assert (tmp_path / "out.csv").read_bytes() == b""


def test_what_is_missing_or_contradictory_is_one_line(installation: Installation, tmp_path: Path) -> None:
    done = installation.run("xls_to_csv", tmp_path / "nothing.xls")
    assert done.returncode == 65
    assert done.stderr.splitlines() == [f"xls_to_csv: {tmp_path}/nothing.xls: {tmp_path}/nothing.xls does not exist"]
    folder = make_folder(tmp_path / "in")
    assert installation.run("xls_to_csv", folder, "--output", "x.csv").returncode == 2


def test_needs_no_database(installation: Installation, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "in")
    installation.write_settings(DATABASE_URL="postgresql://etl:x@127.0.0.1:1/none")
    assert installation.run("xls_to_csv", folder / "list.xlsx", "--output", "-").returncode == 0


def test_all_sheets_are_one_file_each(installation: Installation, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name in ("North 1", "South"):
        book.create_sheet(name).append(["town"])
        book[name].append([name])
    book.remove(book.worksheets[0])
    book.save(tmp_path / "towns.xlsx")
    done = installation.run("xls_to_csv", tmp_path / "towns.xlsx", "--sheet", "all", "--output-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    actual = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert actual == {"towns_North_1.csv": "town\nNorth 1\n", "towns_South.csv": "town\nSouth\n"}


def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing_on_standard_output(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"name,town\n" + b"Jos\xc3\xa9,Madrid\n" * 100_000 + b"Zo\xeb,Lyon\n")
    done = installation.run("xls_to_csv", path, "--output", "-")
    assert (done.returncode, done.stdout) == (65, "")
    assert "row 100002" in done.stderr

"""Compares reading workbooks, JSON and HTML with the fastest reader of each alone, whole processes in turns.

    PYTHONPATH=. .venv/bin/python -m bench.formats
    PYTHONPATH=. .venv/bin/python -m bench.formats --only wide ods --cells 500000 --repeats 3

Workbooks against python-calamine and csv.writer: XLSX of 200 columns, of texts, of dates, of many sheets, ODS and XLSB,
each of --cells cells. JSON lines and a JSON array of --megabytes against DuckDB's read_json of all columns as text into
CSV, HTML of a fifth of that against lxml alone. Each is written as standard CSV; the limits stand in LIMITS.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from bench import measurement
from bench.installation import PROJECT
from bench.measurement import Run

LIMITS = {
    "wide": 0.8, "texts": 0.8, "dates": 0.8, "sheets": 0.8, "ods": 1.2, "xlsb": 1.2, "jsonl": 1.5, "json": 1.5,
    "html": 2.0,
}  # fmt: skip
SHEETS = 20
FIRST_DAY = date(2020, 1, 1)
CALAMINE = """import csv, sys, python_calamine
book = python_calamine.CalamineWorkbook.from_path(sys.argv[1])
with open(sys.argv[2], "w", newline="") as file:
    for name in book.sheet_names:
        csv.writer(file).writerows(book.get_sheet_by_name(name).iter_rows())"""
DUCKDB = """import sys, duckdb
columns = "{id: 'VARCHAR', code: 'VARCHAR', amount: 'VARCHAR', day: 'VARCHAR', paid: 'VARCHAR', note: 'VARCHAR'}"
duckdb.sql(f"copy (from read_json('{sys.argv[1]}', columns={columns})) to '{sys.argv[2]}' (format csv, header)")"""
LXML = """import csv, sys, lxml.html
rows = lxml.html.parse(sys.argv[1]).getroot().iter("tr")
with open(sys.argv[2], "w", newline="") as file:
    csv.writer(file).writerows([cell.text_content() for cell in row] for row in rows)"""
OURS = """import sys, pathlib
from systemscripts.tables.workbooks.sheets import open_sheets
from systemscripts.tables.standard_csv import write_csv
with open(sys.argv[2], "wb") as file:
    for table in open_sheets(pathlib.Path(sys.argv[1])):
        with table:
            write_csv(table, file)"""


def write_xlsx(path: Path, sheets: int, rows: int, columns: int, make: Callable[[int, int], object]) -> None:
    """Write sheets of so many cells, made from their numbers."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for number in range(sheets):
        sheet = book.create_sheet(f"Sheet {number}")
        sheet.append([f"column {column}" for column in range(columns)])
        for row in range(rows):
            sheet.append([make(number * rows + row, column) for column in range(columns)])
    book.save(path)


def make_mixed(row: int, column: int) -> object:
    """Return a fraction, a code or a number, by the column."""
    number = row * 7 + column
    return (number * 0.37, f"{number % 100_000:07}", number)[column % 3]


def make_text(row: int, column: int) -> object:
    """Return a text; each is another one."""
    return f"Client number {row}-{column} of the long list, Zürich"


def make_date(row: int, column: int) -> object:
    """Return a day or a moment, by the column."""
    day = FIRST_DAY + timedelta(days=(row * 7 + column) % 2000)
    return day if column % 2 else datetime(day.year, day.month, day.day, row % 24, row % 60)  # noqa: DTZ001


def write_ods(path: Path, rows: int) -> None:
    """Write an ODS of 10 columns."""
    from tests.tables.parsers import test_ods

    def make_row(number: int) -> str:
        day = str(FIRST_DAY + timedelta(days=number % 2000))
        cells = [test_ods.cell("float", f"{number}.25"), test_ods.cell("date", day, "D"), test_ods.text("Zürich")] * 3
        return test_ods.row("".join(cells) + test_ods.text(f"note {number}"))

    header = test_ods.row(test_ods.text(*(f"column {number}" for number in range(10))))
    test_ods.ods(path, "Sheet1||" + header + "".join(map(make_row, range(rows))))


def write_xlsb(path: Path, rows: int) -> None:
    """Write an XLSB of 10 columns."""
    from tests.tables.parsers import test_xlsb

    def make_row(number: int) -> list[bytes]:
        values = [(number * 0.5 + 0.25, 0), (40000.0 + number % 5000, 2), ("Zürich", 0), (number, 0), (True, 0)] * 2
        return [test_xlsb.cell(column, value, style) for column, (value, style) in enumerate(values)]

    header = [test_xlsb.cell(column, f"column {column}") for column in range(10)]
    test_xlsb.xlsb(path, {"Sheet1": test_xlsb.sheet([header, *map(make_row, range(rows))])})


def _build_row(number: int) -> dict[str, object]:
    return {
        "id": number, "code": f"{number % 100_000:05}", "amount": number * 0.5 + 0.25,
        "day": str(FIRST_DAY + timedelta(days=number % 2000)), "paid": number % 3 == 0,
        "note": None if number % 50 == 0 else f'says "hello", {number}\nZürich',
    }  # fmt: skip


def write_json(path: Path, megabytes: float, is_array: bool) -> None:
    """Write a file of about this size."""
    number = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[" if is_array else "")
        while stream.tell() < megabytes * 1e6:
            lines = [json.dumps(_build_row(number + more), ensure_ascii=False) for more in range(1000)]
            comma = ",\n" if is_array else "\n"
            stream.write((comma if number else "") + comma.join(lines))
            number += 1000
        stream.write("]\n" if is_array else "\n")


def write_html(path: Path, megabytes: float) -> None:
    """Write a table of about this size."""
    number = 0
    with path.open("w", encoding="utf-8") as stream:
        head = "".join(f"<th>{name}</th>" for name in _build_row(0))
        stream.write(f'<html><head><meta charset="utf-8"></head><body><table><tr>{head}</tr>\n')
        while stream.tell() < megabytes * 1e6:
            for more in range(1000):
                cells = "".join(f"<td>{value}</td>" for value in _build_row(number + more).values())
                stream.write(f"<tr>{cells}</tr>\n")
            number += 1000
        stream.write("</table></body></html>")


def write_sample(path: Path, name: str, cells: int, megabytes: float) -> None:
    """Write the sample of one name."""
    shapes = {
        "wide": (1, cells // 200, 200, make_mixed), "texts": (1, cells // 10, 10, make_text),
        "dates": (1, cells // 10, 10, make_date), "sheets": (SHEETS, cells // 10 // SHEETS, 10, make_mixed),
    }  # fmt: skip
    if name in shapes:
        write_xlsx(path, *shapes[name])
    elif name in ("jsonl", "json"):
        write_json(path, megabytes, name == "json")
    elif name == "html":
        write_html(path, megabytes / 5)
    else:
        {"ods": write_ods, "xlsb": write_xlsb}[name](path, cells // 10)


def compare(source: Path, peer: str, repeats: int) -> dict[str, list[Run]]:
    """Run the peer and ours in turns; return their runs."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    runs: dict[str, list[Run]] = {"alone": [], "ours": []}
    for _ in range(repeats):
        for name, program in (("alone", peer), ("ours", OURS)):
            command = [sys.executable, "-c", program, str(source), str(source.with_suffix(".csv"))]
            runs[name].append(measurement.run_command(command, environment | {"PYTHONPATH": str(PROJECT)}))
    return runs


def main() -> int:
    """Write the samples, measure, print; return 1 if a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--cells", type=int, default=2_000_000)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    is_good = True
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            suffix = name if name in ("ods", "xlsb", "json", "jsonl", "html") else "xlsx"
            source = Path(folder) / f"{name}.{suffix}"
            # in a process of its own: the memory of this one counts for those that it starts
            writer = multiprocessing.Process(target=write_sample, args=(source, name, options.cells, options.megabytes))
            writer.start()
            writer.join()
            peer = {"jsonl": DUCKDB, "json": DUCKDB, "html": LXML}.get(name, CALAMINE)
            runs = compare(source, peer, options.repeats)
            ratio = measurement.compute_ratio(runs["ours"], runs["alone"])
            is_good = is_good and ratio <= LIMITS[name]
            print(f"{name}, {source.stat().st_size / 1e6:.0f} MB, limit {LIMITS[name]}")
            print(measurement.format_table(list(runs.items()), runs["alone"]), flush=True)
            source.unlink()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())

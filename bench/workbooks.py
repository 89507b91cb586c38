"""Compares seconds and peak memory of converting workbooks to CSV with this project, python-calamine and others.

    .venv/bin/python -m bench.workbooks
    .venv/bin/python -m bench.workbooks --rows 100000 --peers
    OWN_XLSX_READER=false .venv/bin/python -m bench.workbooks --rows 100000

Writes an XLSX of 10 columns (texts, codes, floats, dates, moments, booleans, blanks) and an XLS of 60,000 x 12 into a
temporary folder. Each program is a process of its own, and they run in turns. Ratios are to python-calamine with
csv.writer. `--peers` adds the slow ones: pandas, xlsx2csv, in2csv.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import measurement, peers, workbook_sample
from bench.measurement import Run

PROJECT = Path(__file__).resolve().parents[1]
START = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - workbooks have no time zones
CALAMINE = """import csv, sys, python_calamine
sheet = python_calamine.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0)
with open(sys.argv[2], "w", newline="") as file:
    csv.writer(file).writerows(sheet.iter_rows())"""
OURS = """import sys, pathlib
from systemscripts.tables.open_table import open_table
from systemscripts.tables.standard_csv import write_csv
with open_table(pathlib.Path(sys.argv[1])) as table, open(sys.argv[2], "wb") as file:
    write_csv(table, file)"""
PANDAS = """import sys, pandas
pandas.read_excel(sys.argv[1]).to_csv(sys.argv[2], index=False)"""


def write_xls(path: Path, rows: int) -> None:
    """Write an XLS with 12 columns of the usual types."""
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("Data")
    day, moment = (xlwt.easyxf(num_format_str=code) for code in ("YYYY-MM-DD", "YYYY-MM-DD HH:MM:SS"))
    for row in range(rows):
        values = [
            row,
            f"{row:07}",
            f"Client {row * 7919 % rows}",
            "Bern",
            row * 0.37,
            row % 50,
            row / 7,
            "",
            True,
            "x, y",
        ]
        for column, value in enumerate(values):
            sheet.write(row, column, value)
        sheet.write(row, 10, START + dt.timedelta(days=row % 700), day)
        sheet.write(row, 11, START + dt.timedelta(seconds=row * 61), moment)
    book.save(str(path))


def list_programs(with_peers: bool) -> dict[str, list[str]]:
    """Return name -> command, to which the paths of source and target are appended."""
    python = peers.install_program("python")
    commands = {"python-calamine + csv": [python, "-c", CALAMINE], "this project": [sys.executable, "-c", OURS]}
    if with_peers:
        # It prints to standard output.
        shell = ["sh", "-c", '"$0" "$1" > "$2"']
        commands |= {
            "pandas.read_excel": [python, "-c", PANDAS],
            "xlsx2csv": [peers.install_program("xlsx2csv")],
            "in2csv": [*shell, peers.install_program("in2csv")],
        }
    return commands


def compare_programs(source: Path, programs: dict[str, list[str]], repeats: int) -> None:
    """Run all programs in turns, and print the medians of their ratios to the first."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(PROJECT)
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, command in programs.items():
            runs[name].append(
                measurement.run_command([*command, str(source), str(source.with_suffix(".csv"))], environment)
            )
    print(measurement.format_table(list(runs.items()), runs["python-calamine + csv"]))


def _write(write: Callable[[Path, int], None], path: Path, rows: int) -> None:
    """Write a sample in a process of its own: the memory of this one counts for those that it starts."""
    writer = multiprocessing.Process(target=write, args=(path, rows))
    writer.start()
    writer.join()


def main() -> None:
    """Write the samples, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="the slow ones too: minutes for a million rows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.xlsx"
        _write(workbook_sample.write_workbook, sample, options.rows)
        print(f"XLSX {options.rows:,} x 10, {sample.stat().st_size / 2**20:.0f} MB")
        compare_programs(sample, list_programs(options.peers), options.repeats)
        old = Path(folder) / "sample.xls"
        _write(write_xls, old, 60_000)
        print(f"XLS 60,000 x 12, {old.stat().st_size / 2**20:.0f} MB")
        programs = list_programs(options.peers)
        programs.pop("xlsx2csv", None)  # cannot read XLS
        compare_programs(old, programs, options.repeats + 2)


if __name__ == "__main__":
    main()

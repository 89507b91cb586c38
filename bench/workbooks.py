"""Workbooks to CSV: seconds and peak memory of this project and its peers, as ratios to python-calamine + csv.writer.

PYTHONPATH=. .venv/bin/python bench/workbooks.py [--rows 1000000] [--runs 3] [--peers FOLDER]

Writes an XLSX of 10 columns (texts, codes, floats, dates, moments, booleans, blanks) and an XLS of 60,000 x 12 into a
temporary folder. Peers that are not installed are named and skipped; FOLDER may hold them (pip install --target).
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
START = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - workbooks know no zones
CALAMINE = """import csv, sys, python_calamine
sheet = python_calamine.CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0)
with open(sys.argv[2], "w", newline="") as file:
    csv.writer(file).writerows(sheet.iter_rows())"""
OURS = """import sys, pathlib
from systemscripts.tables import open_table
from systemscripts.tables.standard_csv import write_csv
with open_table(pathlib.Path(sys.argv[1])) as table, open(sys.argv[2], "wb") as file:
    write_csv(table, file)"""
PANDAS = """import sys, pandas
pandas.read_excel(sys.argv[1]).to_csv(sys.argv[2], index=False)"""
XLSX2CSV = """import sys, xlsx2csv
xlsx2csv.Xlsx2csv(sys.argv[1]).convert(sys.argv[2])"""
MEASURED = """
import resource
peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(peak // 1024)"""


def write_xlsx(path: Path, rows: int) -> None:
    """Write the large sheet."""
    from bench.workbook_sample import write

    write(path, rows)


def write_xls(path: Path, rows: int) -> None:
    """Write 12 columns of the usual kinds."""
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


def measure(program: str, source: Path, target: Path, peers: str) -> tuple[float, int] | None:
    """Seconds and megabytes of one run; None when the peer is not installed."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), peers]))}
    began = time.perf_counter()
    command = [sys.executable, "-c", program + MEASURED, str(source), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"    skipped: {done.stderr.strip().splitlines()[-1]}")
        return None
    return time.perf_counter() - began, int(done.stdout.split()[-1])


def compare(source: Path, programs: dict[str, str], runs: int, peers: str) -> None:
    """Run all programs in turn, `runs` times, and print medians as ratios to the first."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    memory: dict[str, int] = {}
    for _ in range(runs):
        for name, program in programs.items():
            found = measure(program, source, source.with_suffix(".csv"), peers)
            if found:
                seconds[name].append(found[0])
                memory[name] = max(memory.get(name, 0), found[1])
    base = statistics.median(seconds[next(iter(programs))])
    for name, times in seconds.items():
        if times:
            median = statistics.median(times)
            print(f"  {name:24} {median:7.1f} s   ratio {median / base:5.2f}   peak {memory[name]:5} MB")


def main() -> None:
    """Write the samples, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", default="", help="folder with pandas, xlsx2csv")
    parser.add_argument("--all", action="store_true", help="the slow peers too (minutes)")
    options = parser.parse_args()
    programs = {"python-calamine + csv": CALAMINE, "client-etl-workflow": OURS}
    slow = {"pandas (openpyxl)": PANDAS, "xlsx2csv": XLSX2CSV} if options.all else {}
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "sample.xlsx"
        write_xlsx(sample, options.rows)
        print(f"XLSX {options.rows:,} x 10, {sample.stat().st_size / 2**20:.0f} MB")
        compare(sample, programs | slow, options.runs, options.peers)
        old = Path(folder) / "sample.xls"
        write_xls(old, 60_000)
        print(f"XLS 60,000 x 12, {old.stat().st_size / 2**20:.0f} MB")
        compare(old, programs, options.runs, options.peers)


if __name__ == "__main__":
    main()

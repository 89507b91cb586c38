"""Runs the benchmarks and writes their table into docs/performance.md, and the raw figures beside it as JSON.

    PYTHONPATH=. .venv/bin/python -m bench.performance_page
    PYTHONPATH=. .venv/bin/python -m bench.performance_page --only bench.formats --dry-run

It takes about half an hour. A benchmark during which other programs used more than a tenth of the processors is
repeated, three times at most; then nothing is written: run it again on a quiet machine. --dry-run prints the tables
instead, whatever else was running.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from bench.installation import PROJECT
from bench.measurement import RAW_VARIABLE

PAGE, RAW = PROJECT / "docs" / "performance.md", PROJECT / "docs" / "performance.json"
MAX_OTHER_SHARE = 0.10
MAX_TRIES = 3
MIN_SECONDS = 0.5


class Benchmark(NamedTuple):
    """A command and its tables: what each compares, and its limit."""

    command: str
    tables: dict[str, float]


BENCHMARKS = [
    Benchmark("bench.import_csv", {"CSV of 100 MB, typed, with quoted line breaks, to `psql \\copy`": 1.3}),
    Benchmark("bench.import_csv --megabytes 1000 --repeats 3", {"the same, 1 GB": 1.15}),
    Benchmark("bench.import_csv --road easy", {"CSV of 100 MB, text without quotes": 1.3}),
    Benchmark("bench.import_csv --road converted", {"CSV of 100 MB, converted values": 2.0}),
    Benchmark("bench.import_csv --megabytes 112 --bad-rows 3", {"3 bad rows in a million, to none": 1.1}),
    Benchmark("bench.load_modes --table-rows 0 --repeats 3", {
        "`new_rows`, first file of 100 MB, to `append`": 2.0, "the same file with 1 % changed": 2.5,
        "`upsert`, first file of 100 MB, to `append`": 2.0, "the same file with 1 % changed, too": 2.5,
    }),
    Benchmark("bench.workbooks", {"XLSX of 1,000,000 x 10, to python-calamine": 0.6, "XLS of 60,000 x 12": 1.0}),
    Benchmark("bench.formats", {
        "XLSX of 200 columns, to python-calamine": 0.8, "XLSX of texts": 0.8, "XLSX of dates": 0.8,
        "XLSX of 20 sheets": 0.8, "ODS": 1.2, "XLSB": 1.2, "JSON lines of 100 MB, to DuckDB": 1.5,
        "JSON array of 100 MB": 1.5, "HTML of 20 MB, to lxml": 2.0,
    }),
    Benchmark("bench.sftp", {"SFTP of 1 GB, to `sftp` of OpenSSH": 1.2}),
    Benchmark("bench.sftp --files 1000 --megabytes 10", {"SFTP of 1,000 files of 10 kB": 1.2}),
    Benchmark("bench.sftp --megabytes 200 --delay-ms 50", {"SFTP of 200 MB with 50 ms of delay": 1.2}),
    Benchmark("bench.s3 --megabytes 400", {"S3, an object of 400 MB, to boto3": 1.2}),
    Benchmark("bench.s3 --files 500 --megabytes 5", {"S3, 500 objects of 10 kB": 1.2}),
    Benchmark("bench.api", {"API, 100 pages that take 50 ms each, to `requests`": 1.2}),
]  # fmt: skip
PEERS = Benchmark(
    "bench.peers_csv --megabytes 1 10 100 --repeats 2 --most-seconds 90 --picture docs/images/import-time.svg", {}
)
BAD_ROWS = Benchmark("bench.peers_csv --bad-rows", {})


def run_quiet(benchmark: Benchmark, busy: list[str]) -> list[dict[str, Any]]:
    """Run a benchmark until others leave the machine to it; where they do not, `busy` says what they did."""
    for _ in range(MAX_TRIES):
        raw = run_benchmark(benchmark)
        others = list_busy(raw)
        if not others:
            return raw
    busy += others
    return raw


def run_benchmark(benchmark: Benchmark) -> list[dict[str, Any]]:
    """Return the raw lines of a benchmark: each measured command, and each table after its commands."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as stream:
        command = [sys.executable, "-m", *benchmark.command.split()]
        # a missed limit is told by the table
        subprocess.run(command, cwd=PROJECT, env=os.environ | {RAW_VARIABLE: stream.name}, check=False)
        return [json.loads(line) for line in stream]


def list_busy(raw: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each command during which others used too much of the processors.

    What takes a moment (a statement between two loads) says nothing, and the server's own start is not measured.
    """
    return [
        f"others used {line['others']:.0%} of the processors during {line['command']}"
        for line in raw
        if line.get("others", 0) > MAX_OTHER_SHARE
        and line.get("seconds", MIN_SECONDS) >= MIN_SECONDS
        and "jobscripts/database.py" not in line["command"]
    ]


def format_rows(benchmark: Benchmark, raw: list[dict[str, Any]]) -> list[str]:
    """Return a line of the page for each table: the last program is ours."""
    tables = [line["table"] for line in raw if "table" in line]
    rows = []
    for (what, limit), table in zip(benchmark.tables.items(), tables, strict=False):
        ours = table[-1]
        missed = ", missed" if ours["ratio"] > limit else ""
        seconds = " ".join(f"{value:.2f}" for value in ours["seconds"])
        rows.append(
            f"| {what} | `{benchmark.command}` | {ours['ratio']:.2f} | {limit}{missed} | {seconds} "
            f"| {ours['processor']:.2f} | {ours['megabytes']:.0f} |"
        )
    return rows


def format_peers(raw: list[dict[str, Any]]) -> list[str]:
    """Return a line for each loader, of the largest file that it loaded in time; the slowest last."""
    largest: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, line in enumerate(line for line in raw if "table" in line):
        largest |= {row["program"]: (number, row) for row in line["table"]}
    rows = []
    for name, (number, row) in sorted(largest.items(), key=lambda item: item[1][1]["ratio"]):
        size = ("1 MB", "10 MB", "100 MB")[number]
        rows.append(f"| {name} | {size} | {row['ratio']:.1f} | {row['processor']:.1f} | {row['megabytes']:.0f} |")
    return ["| loader | file | ratio to `psql \\copy` | processor seconds | MB |", "| --- " * 5 + "|", *rows]


def write_page(name: str, rows: list[str], page: Path) -> None:
    """Replace the table between the two marks of this name; a page without them gets it at its end."""
    begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
    text = page.read_text()
    before, mark, rest = text.partition(begin)
    after = rest.partition(end)[2] if mark else "\n"
    page.write_text("\n".join([before.rstrip("\n"), "", begin, *rows, end]) + after)


def measure(only: str, busy: list[str]) -> dict[str, Any]:
    """Return the raw figures by command."""
    figures: dict[str, Any] = {}
    for benchmark in [*BENCHMARKS, PEERS]:
        if benchmark.command.startswith(only):
            figures[benchmark.command] = run_quiet(benchmark, busy)
    if BAD_ROWS.command.startswith(only):
        command = [sys.executable, "-m", *BAD_ROWS.command.split()]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
        figures[BAD_ROWS.command] = done.stdout.splitlines()
    return figures


def build_tables(figures: dict[str, Any]) -> dict[str, list[str]]:
    """Return the tables of the page by their names, of what was measured."""
    roads = ["| what | command | ratio | limit | seconds | processor seconds | MB |", "| --- " * 7 + "|"]
    for benchmark in BENCHMARKS:
        roads += format_rows(benchmark, figures.get(benchmark.command, []))
    return {
        "roads": roads,
        "loaders": format_peers(figures.get(PEERS.command, [])),
        "three bad rows": figures.get(BAD_ROWS.command, []),
    }


def main() -> int:
    """Run, check, write; return 75 where the machine was not quiet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only the benchmarks whose command begins so")
    parser.add_argument("--dry-run", action="store_true", help="print the tables, write nothing")
    options = parser.parse_args()
    busy: list[str] = []
    figures = measure(options.only, busy)
    if options.dry_run:
        print("\n".join(line for rows in build_tables(figures).values() for line in ["", *rows]))
        return 0
    if busy:
        print(f"{busy[0]} (and {len(busy) - 1} more): nothing is written", file=sys.stderr)
        return 75
    # with --only the others stay as they are
    figures = (json.loads(RAW.read_text()) if options.only and RAW.exists() else {}) | figures
    for name, rows in build_tables(figures).items():
        write_page(name, rows, PAGE)
    RAW.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

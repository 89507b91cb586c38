"""Compares suggest_import.py with the sniffer of DuckDB, which also reads the whole file.

    .venv/bin/python -m bench.suggest --megabytes 100

Both are whole commands and run in turns: `sniff_csv(FILE, sample_size=-1)` from Python, and suggest_import.py with its
start-up, the count of misfits and their lines, both readings of dates and the search for a key. Two files are read: a
clean one, and one with empty fields and with notes that have commas, quotes and line breaks. The processor seconds are
those of all processes and threads; they mean more than the clock on a busy machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from bench import csv_sample, measurement, realistic_sample
from bench.installation import Bench, create_installation
from bench.measurement import Run

SNIFF = """import sys, duckdb
duckdb.sql(f"select * from sniff_csv('{sys.argv[1]}', sample_size=-1)").fetchall()"""
FILES = {"clean": csv_sample.generate, "realistic": realistic_sample.generate}


def measure_in_turns(bench: Bench, name: str, repeats: int) -> tuple[list[Run], list[Run]]:
    """Return the runs of DuckDB and ours for one file."""
    theirs, ours = [], []
    file, output = bench.folder / f"{name}.csv", bench.folder / f"{name}.yaml"
    # the first turn is a warm-up
    for number in range(repeats + 1):
        sniffed = measurement.run_command([sys.executable, "-c", SNIFF, str(file)])
        output.unlink(missing_ok=True)
        suggested = bench.job("suggest_import", str(file), "--output", str(output))
        if number:
            theirs.append(sniffed)
            ours.append(suggested)
    return theirs, ours


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with create_installation() as bench:
        for name, generate in FILES.items():
            rows = generate(bench.folder / f"{name}.csv", options.megabytes)
            theirs, ours = measure_in_turns(bench, name, options.repeats)
            ratio = statistics.median(a.processor / b.processor for a, b in zip(ours, theirs, strict=True))
            print(f"{name}: {options.megabytes:g} MB, {rows:,} rows; processor ratio {ratio:.2f}")
            print(measurement.format_table([("DuckDB sniff_csv", theirs), ("suggest_import", ours)], theirs))


if __name__ == "__main__":
    main()

"""Compares suggest_import.py with the sniffer of DuckDB, which also reads the whole file.

    .venv/bin/python -m bench.suggest --megabytes 100

Both are whole commands and run in turns: `sniff_csv(FILE, sample_size=-1)` from Python, and suggest_import.py with its
start-up, the count of misfits and their lines, both readings of dates and the search for a key.
"""

from __future__ import annotations

import argparse

from bench import csv_sample, measurement, peers
from bench.installation import create_installation

SNIFF = """import sys, duckdb
duckdb.sql(f"select * from sniff_csv('{sys.argv[1]}', sample_size=-1)").fetchall()"""


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    theirs, ours = [], []
    with create_installation() as bench:
        file, output = bench.folder / "clean.csv", bench.folder / "clean.yaml"
        rows = csv_sample.generate(file, options.megabytes)
        for number in range(options.repeats + 1):  # the first turn is a warm-up
            sniffed = measurement.run_command([peers.install_program("python"), "-c", SNIFF, str(file)])
            output.unlink(missing_ok=True)
            suggested = bench.job("suggest_import", str(file), "--output", str(output))
            if number:
                theirs.append(sniffed)
                ours.append(suggested)
    print(f"{options.megabytes:g} MB, {rows:,} rows")
    print(measurement.format_table([("DuckDB sniff_csv", theirs), ("suggest_import", ours)], theirs))


if __name__ == "__main__":
    main()

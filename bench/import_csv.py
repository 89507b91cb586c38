"""Compares a whole import with `psql \\copy` of a file that already has the two lineage fields.

    .venv/bin/python -m bench.import_csv --megabytes 100
    .venv/bin/python -m bench.import_csv --megabytes 100 --checked
    .venv/bin/python -m bench.import_csv --megabytes 112 --bad-rows 3

Both fill a table of the same columns in the same embedded server, in turns; the result is the median of the ratios. The
import is the whole command: start-up, SHA-256, ledger, load, archive. `--checked` declares types, a date format, null
markers and an email check. `--bad-rows N` compares imports of the file with and without N bad rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import csv_sample, measurement
from bench.installation import Bench, create_installation
from bench.measurement import Run


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--checked", action="store_true", help="declared types, a date format, an email check")
    parser.add_argument("--bad-rows", type=int, default=0)
    options = parser.parse_args()
    with create_installation() as bench:
        clean, other = bench.folder / "clean.csv", bench.folder / "other.csv"
        rows = csv_sample.generate(clean, options.megabytes)
        print(f"{options.megabytes:g} MB, {rows:,} rows, {'checked' if options.checked else 'straight'} path")
        if options.bad_rows:
            csv_sample.spoil_rows(clean, other, options.bad_rows)
        else:
            csv_sample.add_lineage(clean, other)
        base, ours = _in_turns(bench, clean, other, options)
    names = (
        ("import, all rows good", f"import, {options.bad_rows} bad")
        if options.bad_rows
        else ("psql \\copy", "generic_import")
    )
    print(measurement.format_table([(names[0], base), (names[1], ours)], base))


def _in_turns(bench: Bench, clean: Path, other: Path, options: argparse.Namespace) -> tuple[list[Run], list[Run]]:
    schema = csv_sample.SCHEMA if options.checked else {}
    types = {name: value if isinstance(value, str) else value.get("type", "text") for name, value in schema.items()}
    base, ours = [], []
    for number in range(options.repeats + 1):  # the first turn is a warm-up
        if options.bad_rows:
            turn = bench.load(clean, schema), bench.load(other, schema)
        else:
            turn = bench.copy(other, types, ", null '-'" if options.checked else ""), bench.load(clean, schema)
        if number:
            base.append(turn[0])
            ours.append(turn[1])
    return base, ours


if __name__ == "__main__":
    main()

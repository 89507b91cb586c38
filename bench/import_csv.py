"""Compares a whole import with `psql \\copy` of a file that already has the two lineage fields.

    .venv/bin/python -m bench.import_csv --megabytes 100
    .venv/bin/python -m bench.import_csv --megabytes 100 --road text
    .venv/bin/python -m bench.import_csv --megabytes 100 --road converted
    .venv/bin/python -m bench.import_csv --megabytes 112 --bad-rows 3

Both fill a table of the same columns in the same embedded server, in turns; the result is the median of the ratios. The
import is the whole command: start-up, SHA-256, ledger, load, profiles, archive. Roads: `typed`, the realistic sample as
suggest_import.py declares it, with line breaks in quotes; `plain`, the same without quotes; `text`, the realistic one
without types; `easy`, text without quotes; `converted`, the easy one with types, a date format, null markers and an
email check. `--bad-rows N` compares imports of the file with and without N bad rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import csv_sample, measurement, realistic_sample
from bench.installation import Bench, create_installation
from bench.measurement import Run


@dataclass(frozen=True)
class Road:
    """What is imported: how its file is generated, and how its columns are declared."""

    generate: Callable[[Path, float], int]
    add_lineage: Callable[[Path, Path], None]
    schema: Mapping[str, object]
    # of the columns that `psql \\copy` fills
    types: Mapping[str, str]
    # of `psql \\copy`
    options: str = ""


def _generate_plain(path: Path, megabytes: float) -> int:
    return realistic_sample.generate(path, megabytes, quoted=False)


_CONVERTED_TYPES = csv_sample.TEXT_TYPES | {
    "id": "integer", "sent": "timestamp", "amount": "numeric", "score": "integer",
}  # fmt: skip
ROADS = {
    "typed": Road(
        realistic_sample.generate, realistic_sample.add_lineage, realistic_sample.SCHEMA, realistic_sample.TYPES
    ),
    "plain": Road(_generate_plain, realistic_sample.add_lineage, realistic_sample.SCHEMA, realistic_sample.TYPES),
    "text": Road(
        realistic_sample.generate, realistic_sample.add_lineage, {}, dict.fromkeys(realistic_sample.COLUMNS, "text")
    ),
    "easy": Road(csv_sample.generate, csv_sample.add_lineage, {}, csv_sample.TEXT_TYPES),
    "converted": Road(csv_sample.generate, csv_sample.add_lineage, csv_sample.SCHEMA, _CONVERTED_TYPES, ", null '-'"),
}


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--road", choices=ROADS, default="typed")
    parser.add_argument("--bad-rows", type=int, default=0)
    options = parser.parse_args()
    road = ROADS["easy" if options.bad_rows else options.road]
    with create_installation() as bench:
        clean, other = bench.folder / "clean.csv", bench.folder / "other.csv"
        rows = road.generate(clean, options.megabytes)
        print(f"{options.megabytes:g} MB, {rows:,} rows, {options.road}")
        if options.bad_rows:
            csv_sample.spoil_rows(clean, other, options.bad_rows)
        else:
            road.add_lineage(clean, other)
        base, ours = _run_in_turns(bench, road, (clean, other), options)
    names = (
        ("import, all rows good", f"import, {options.bad_rows} bad")
        if options.bad_rows
        else ("psql \\copy", "generic_import")
    )
    print(measurement.format_table([(names[0], base), (names[1], ours)], base))


def _run_in_turns(
    bench: Bench, road: Road, files: tuple[Path, Path], options: argparse.Namespace
) -> tuple[list[Run], list[Run]]:
    """Return the runs of the base and ours; `files`: the sample, and the one with lineage fields or bad rows."""
    clean, other = files
    base, ours = [], []
    for number in range(options.repeats + 1):  # the first turn is a warm-up
        if options.bad_rows:
            turn = bench.load(clean, road.schema), bench.load(other, road.schema)
        else:
            turn = bench.copy(other, road.types, road.options), bench.load(clean, road.schema)
        if number:
            base.append(turn[0])
            ours.append(turn[1])
    return base, ours


if __name__ == "__main__":
    main()

"""Compares the load modes new_rows and upsert with append, and loads into an empty table with loads into a large one.

    PYTHONPATH=. .venv/bin/python -m bench.load_modes
    PYTHONPATH=. .venv/bin/python -m bench.load_modes --megabytes 10 --table-rows 0 --repeats 1

The realistic sample in each mode, in turns: first into a new table, then the same file with one row in a hundred
changed. Limits: 2.0 times append for the first file, 2.5 times for the second. Then a tenth of that file into the table
with --table-rows other rows, and into one without (20 million are long): the cost should grow with the file alone. On a
machine that is not quiet the processor seconds, of command and server together, say more than the clock.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from bench import measurement, realistic_sample
from bench.installation import Bench, create_installation
from bench.measurement import Run

MODES = ("append", "new_rows", "upsert")
MAX_FIRST, MAX_SECOND, MAX_GROWTH = 2.0, 2.5, 1.5
CHANGED_EVERY = 100
# The number and the text of a generated row; the others have one value each.
FILL = """insert into public.imported (dataset_id, source_row, {hash} id, article_code, amount, ordered_on, changed_at,
    paid, name, city, category, note) select max(d.dataset_id), n, {value} 100000000 + n, '00001', 1.5, '2026-01-01',
    '2026-01-01 10:00', true, 'Name', 'Wien', 'toys', 'note ' || n
    from dba.tdataset d, generate_series(1, {rows}) n group by n"""


def change_rows(source: Path, target: Path, share: int = CHANGED_EVERY) -> None:
    """Write the rows of a file, one in so many with another note."""
    with source.open(newline="", encoding="utf-8") as stream, target.open("w", newline="", encoding="utf-8") as changed:
        rows = csv.reader(stream)
        writer = csv.writer(changed, lineterminator="\n")
        writer.writerow(next(rows))
        for number, row in enumerate(rows):
            writer.writerow([*row[:-1], f"changed {number}"] if number % share == 0 else row)


def start_over(bench: Bench, mode: str) -> None:
    """Drop the table and the ledgers, and configure the import."""
    bench.psql(
        "drop table if exists public.imported cascade;"
        "truncate dba.tdataset, dba.tfile, dba.timportconfig, dba.trowhistory cascade;"
        "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns, schema) values"
        f" ('bench', 'bench.*', 'public.imported', '{mode}', '{{id}}', '{json.dumps(realistic_sample.SCHEMA)}')"
    )


def load(bench: Bench, file: Path) -> Run:
    """Load a file by the import; the processor seconds are those of the command and the server."""
    waiting = bench.folder / "file_watcher" / f"bench_{file.name}"
    waiting.write_bytes(file.read_bytes())
    bench.settle()
    before = bench.read_server_processor()
    run = bench.job("generic_import", "bench")
    return replace(run, processor=run.processor + bench.read_server_processor() - before)


def is_near_append(bench: Bench, files: list[Path], repeats: int) -> bool:
    """Load the files in each mode, print the ratios to append; return whether they are within the limits."""
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for _ in range(repeats):
        for mode in MODES:
            start_over(bench, mode)
            for number, file in enumerate(files):
                runs[mode, number].append(load(bench, file))
    is_good = True
    for mode in MODES[1:]:
        for number, name in enumerate(("first", "second")):
            base, ours = runs["append", number], runs[mode, number]
            is_good = is_good and measurement.compute_ratio(ours, base) <= (MAX_FIRST, MAX_SECOND)[number]
            print(f"{mode}, {name} file", flush=True)
            print(measurement.format_table([("append", base), (mode, ours)], base), flush=True)
    return is_good


def is_independent_of_table(bench: Bench, files: list[Path], rows: int, repeats: int) -> bool:
    """Load the second file into a table with and without so many other rows; return whether it takes as long."""
    is_good = True
    for mode in MODES[1:]:
        seconds, processor = [], []
        for filled in (0, rows):
            taken = []
            for _ in range(repeats):
                start_over(bench, mode)
                load(bench, files[0])
                if filled:
                    parts = {"hash": "", "value": ""}
                    if mode == "new_rows":
                        parts = {"hash": "row_hash,", "value": "gen_random_uuid(),"}
                    bench.psql(FILL.format(rows=filled, **parts))
                bench.psql("vacuum analyze public.imported")
                taken.append(load(bench, files[1]))
            seconds.append(min(run.seconds for run in taken))
            processor.append(min(run.processor for run in taken))
        is_good = is_good and seconds[1] <= MAX_GROWTH * seconds[0]
        print(f"  {mode:8} into {rows:,} other rows: {seconds[1]:.2f} s, into none: {seconds[0]:.2f} s", end=", ")
        print(f"processor {processor[1]:.2f} and {processor[0]:.2f} s", flush=True)
    return is_good


def main() -> int:
    """Measure and print; return 1 if a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--table-rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with create_installation() as bench:
        is_good = True
        sizes = [(options.megabytes, 0), (options.megabytes / 10, options.table_rows)]
        for megabytes, rows in sizes[: 1 + (options.table_rows > 0)]:
            files = [bench.folder / "first.csv", bench.folder / "second.csv"]
            count = realistic_sample.generate(files[0], megabytes)
            change_rows(files[0], files[1])
            print(f"{megabytes:g} MB, {count:,} rows", flush=True)
            if not rows:
                is_good = is_near_append(bench, files, options.repeats)
            else:
                is_good = is_independent_of_table(bench, files, rows, options.repeats) and is_good
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())

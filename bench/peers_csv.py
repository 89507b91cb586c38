"""Loads one clean CSV of several sizes into PostgreSQL with this project, `psql \\copy` and other loaders.

    .venv/bin/python -m bench.peers_csv --megabytes 10 100
    .venv/bin/python -m bench.peers_csv --megabytes 1 10 100 1000 --picture docs/images/import-time.svg

Every column is text everywhere. Each loader is a whole command; one that would take longer than --most-seconds at the
next size is skipped, and a line says so. Prints ratios to `psql \\copy`; the picture shows time against size.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from bench import csv_sample, measurement, peers, picture
from bench.installation import Bench, create_installation
from bench.measurement import Run

PANDAS = """import sys, pandas, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg2:", 1))
for frame in pandas.read_csv(sys.argv[2], dtype=str, keep_default_na=False, chunksize=100_000):
    frame.to_sql("peer", engine, if_exists="append", index=False)"""
DLT = """import sys, csv, dlt
def rows():
    with open(sys.argv[2], newline="") as stream:
        reader = csv.DictReader(stream)
        while batch := [row for _, row in zip(range(10_000), reader)]:
            yield batch
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(sys.argv[1]), dataset_name="peer_dlt",
                        pipelines_dir=sys.argv[3], progress=None)
pipeline.run(dlt.resource(rows, name="peer", write_disposition="replace"))"""


def list_loaders(bench: Bench) -> dict[str, Callable[[Path], Run]]:
    """Return name -> function that loads a file (for psql: the file with the lineage fields)."""
    environment = bench.environment | {"RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": str(bench.folder)}
    python = peers.install_program("python")
    by_psycopg2 = bench.url.replace("postgresql://", "postgresql+psycopg2://", 1)  # our driver, for SQLAlchemy

    def fresh(run: Callable[[Path], Run]) -> Callable[[Path], Run]:
        def prepare_and_run(file: Path) -> Run:
            bench.psql("drop table if exists public.peer; drop schema if exists peer_dlt cascade")
            bench.settle()
            return run(file)

        return prepare_and_run

    def csvsql(file: Path) -> Run:
        command = [
            peers.install_program("csvsql"), "--db", by_psycopg2, "--insert", "--no-inference", "--no-constraints",
            "--snifflimit", "0", "--tables", "peer", str(file),
        ]  # fmt: skip
        return measurement.run_command(command, environment)

    def by(script: str) -> Callable[[Path], Run]:
        return fresh(lambda file: measurement.run_command(
            [python, "-c", script, bench.url, str(file), str(bench.folder / "dlt")], environment
        ))  # fmt: skip

    return {
        "psql \\copy": lambda file: bench.copy(file.with_suffix(".lineage"), csv_sample.TEXT_TYPES),
        "this project": lambda file: bench.load(file, {}),
        "dlt": by(DLT),
        "pandas.to_sql": by(PANDAS),
        "csvsql": fresh(csvsql),
    }


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10, 100])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each loader; slow ones run once")
    parser.add_argument("--most-seconds", type=float, default=120)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    curves: dict[str, list[tuple[float, float]]] = {}
    with create_installation() as bench:
        for size in sorted(options.megabytes):
            file = bench.folder / "clean.csv"
            rows = csv_sample.generate(file, size)
            csv_sample.add_lineage(file, file.with_suffix(".lineage"))
            print(f"{size:g} MB, {rows:,} rows")
            _measure_size(list_loaders(bench), file, size, options, curves)
    if options.picture:
        options.picture.write_text(picture.draw_curves(curves))
        print(f"{options.picture} written from {json.dumps(curves)}")


def _measure_size(
    loaders: dict[str, Callable[[Path], Run]], file: Path, size: float, options: argparse.Namespace,
    curves: dict[str, list[tuple[float, float]]],
) -> None:  # fmt: skip
    runs: dict[str, list[Run]] = {name: [] for name in loaders}
    for turn in range(options.repeats):
        for name, load in loaders.items():
            known = curves.get(name)
            expected = known[-1][1] * size / known[-1][0] if known else 0
            if expected > options.most_seconds and not runs[name]:
                if turn == 0:
                    print(f"  {name:24} skipped: it would take {expected:.0f} s")
            elif turn == 0 or runs[name][0].seconds < options.most_seconds / 10:
                runs[name].append(load(file))
    base = runs["psql \\copy"]
    kept = {name: times for name, times in runs.items() if times}
    print(measurement.format_table(list(kept.items()), base))
    for name, times in kept.items():
        curves.setdefault(name, []).append((size, sorted(run.seconds for run in times)[len(times) // 2]))


if __name__ == "__main__":
    main()

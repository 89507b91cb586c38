"""Loads one CSV of several sizes into PostgreSQL with this project, `psql \\copy` and other loaders.

    .venv/bin/python -m bench.peers_csv --megabytes 10 100
    .venv/bin/python -m bench.peers_csv --megabytes 1 10 100 --picture docs/images/import-time.svg
    .venv/bin/python -m bench.peers_csv --bad-rows

The file is the realistic sample: typed columns, quoted notes with line breaks, empty fields. Each loader is a whole
command with its default settings; one that would take longer than --most-seconds at the next size is skipped, and a
line says so. Prints ratios to `psql \\copy`; the picture shows time against size. --bad-rows loads 10,000 rows of which
three are bad, and says what each loader made of them and of the others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from bench import bad_rows, measurement, other_loaders, picture, realistic_sample
from bench.installation import Bench, create_installation
from bench.measurement import Run

OURS, BASE = "this project", "psql \\copy"


def list_loaders(bench: Bench) -> dict[str, Callable[[Path], Run]]:
    """Return name -> function that loads a file (for psql: the file with the lineage fields)."""

    def fresh(command: Callable[[Path], list[str]]) -> Callable[[Path], Run]:
        def prepare_and_run(file: Path) -> Run:
            other_loaders.clear(bench)
            bench.settle()
            return measurement.run_command(command(file), other_loaders.make_environment(bench))

        return prepare_and_run

    return {
        BASE: lambda file: bench.copy(file.with_suffix(".lineage"), realistic_sample.TYPES),
        OURS: lambda file: bench.load(file, realistic_sample.SCHEMA),
    } | {name: fresh(load) for name, load in other_loaders.list_other_loaders(bench, realistic_sample.TYPES).items()}


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10, 100])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each loader; slow ones run once")
    parser.add_argument("--most-seconds", type=float, default=120)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--bad-rows", action="store_true", help="print what became of three bad rows, as a table")
    options = parser.parse_args()
    curves: dict[str, list[tuple[float, float]]] = {}
    with create_installation() as bench:
        if options.bad_rows:
            print("\n".join(bad_rows.compare_loaders(bench)))
            return
        for size in sorted(options.megabytes):
            file = bench.folder / "clean.csv"
            rows = realistic_sample.generate(file, size)
            realistic_sample.add_lineage(file, file.with_suffix(".lineage"))
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
    kept = {name: times for name, times in runs.items() if times}
    print(measurement.format_table(list(kept.items()), runs[BASE]))
    for name, times in kept.items():
        curves.setdefault(name, []).append((size, sorted(run.seconds for run in times)[len(times) // 2]))


if __name__ == "__main__":
    main()

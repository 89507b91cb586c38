"""Measures how long a start takes: the help of every script, a run with nothing to do, a load of 20 rows.

    .venv/bin/python -m bench.startup

The first table compares them with Python alone, which starts and ends, and with Python that only imports the two
libraries that no start can do without; its processor time says more than the clock of a busy machine. `--help` should
take less than 0.35 s, a run with nothing to do less than 0.5 s.
"""

from __future__ import annotations

import sys

from bench import measurement
from bench.installation import PROJECT, Bench, create_installation
from bench.measurement import Run

MAX_HELP_SECONDS, MAX_NOTHING_SECONDS = 0.35, 0.5
TURNS, HELP_TURNS = 10, 3
ROWS = 20


def main() -> None:
    """Measure in turns and print, with a mark at what is too slow."""
    with create_installation() as bench:
        runs = measure_starts(bench)
        print(measurement.format_table(list(runs.items()), runs["Python alone"]))
        seconds = min(run.seconds for run in runs["nothing to do"])
        print(f"  {'generic_import, nothing to do':34} {format_seconds(seconds, MAX_NOTHING_SECONDS)}")
        for script in sorted(path.stem for path in (PROJECT / "jobscripts").glob("[a-z]*.py")):
            seconds = min(bench.job(script, "--help").seconds for _ in range(HELP_TURNS))
            print(f"  {script + ' --help':34} {format_seconds(seconds, MAX_HELP_SECONDS)}")


def measure_starts(bench: Bench) -> dict[str, list[Run]]:
    """Return the runs of each kind of start, made in turns."""
    bench.psql(
        "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode)"
        " values ('bench', 'bench.*', 'public.bench', 'append')"
    )
    names = ("Python alone", "pydantic and psycopg2", "--help", "nothing to do", f"load of {ROWS} rows")
    runs: dict[str, list[Run]] = {name: [] for name in names}
    # the first turn is a warm-up
    for turn in range(TURNS + 1):
        measured = (
            measurement.run_command([sys.executable, "-c", "pass"]),
            measurement.run_command([sys.executable, "-c", "from pydantic import BaseModel; import psycopg2"]),
            bench.job("generic_import", "--help"),
            bench.job("generic_import", "bench"),
            load_small_file(bench, turn),
        )
        for name, run in zip(names, measured, strict=True):
            runs[name] += [run] if turn else []
    return runs


def load_small_file(bench: Bench, turn: int) -> Run:
    """Load a file whose content is new."""
    text = "id,name\n" + "".join(f"{row},name {turn}\n" for row in range(ROWS))
    (bench.folder / "file_watcher" / f"bench_{turn}.csv").write_text(text)
    return bench.job("generic_import", "bench")


def format_seconds(seconds: float, most: float) -> str:
    """Return a time, and whether it is too long."""
    return f"{seconds:5.2f} s{'   TOO SLOW' if seconds > most else ''}"


if __name__ == "__main__":
    main()

"""Measures a run with many waiting files, and a run with nothing to do among many names and many imports.

    PYTHONPATH=. .venv/bin/python -m bench.many_files
    PYTHONPATH=. .venv/bin/python -m bench.many_files --files 1000 --names 10000 --imports 100

Small files: snapshot files of 20 rows with typed columns, a fifth of them first, then all: the milliseconds of each may
not grow. Nothing to do: the project is copied, gets a YAML file for each import, and the folder of waiting files gets
names that belong to one of the other imports, or to none. Limits: 25 ms a file, 35 with the profile of its values, and
1 second for the run with nothing to do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from bench.installation import PROJECT, Bench, create_installation
from bench.measurement import Run, run_command

ROWS = 20
MAX_MILLISECONDS, MAX_NOTHING_SECONDS = 35.0, 1.0
SCHEMA = {"id": "integer", "name": "text", "amount": "numeric", "day": "date", "is_paid": "boolean"}
NAMES = {"in the folder": "", "of other imports": "other{}_{}.csv", "of no import": "unknown{}_{}.csv"}
YAML = """\
file_pattern: other{0}_.*\\.csv
target_table: public.other_{0}
dateconfig: filename
datelocation: 1
dateformat: yyyyMMdd
schema: {{id: integer, name: text, amount: numeric, day: date}}
"""


def measure_small_files(bench: Bench, files: int) -> Run:
    """Load so many waiting files in one run."""
    bench.psql(
        "drop table if exists public.small cascade;"
        "truncate dba.tdataset, dba.tfile, dba.timportconfig, dba.trowhistory cascade;"
        "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, schema) values"
        f" ('small', 'small_.*', 'public.small', 'append', '{json.dumps(SCHEMA)}')"
    )
    shutil.rmtree(bench.folder / "archive", ignore_errors=True)
    for number in range(files):
        lines = [f"{number * ROWS + row},name {row},{row}.50,2026-01-{row % 28 + 1:02},true" for row in range(ROWS)]
        path = bench.folder / "file_watcher" / f"small_{number:06}.csv"
        path.write_text("\n".join([",".join(SCHEMA), *lines, ""]))
    bench.settle()
    return bench.job("generic_import", "small")


def copy_project(folder: Path, imports: int) -> Path:
    """Return a copy of the code with a YAML file for each import."""
    code = folder / "code"
    for name in ("systemscripts", "jobscripts", "sql"):
        shutil.copytree(PROJECT / name, code / name)
    shutil.copy(PROJECT / "pyproject.toml", code)
    (code / "config" / "imports").mkdir(parents=True)
    for number in range(imports):
        (code / "config" / "imports" / f"other_{number}.yaml").write_text(YAML.format(number))
    return code


def measure_nothing_to_do(bench: Bench, code: Path, repeats: int) -> list[Run]:
    """Run one import of many that has no files."""
    command = [sys.executable, str(code / "jobscripts" / "generic_import.py"), "other_0"]
    environment = bench.environment | {"PYTHONPATH": str(code)}
    return [run_command(command, environment) for _ in range(repeats + 1)][1:]


def main() -> int:
    """Measure and print; return 1 if a limit was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--imports", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    is_good = True
    with create_installation() as bench:
        for files in (options.files // 5, options.files) if options.files else ():
            run = measure_small_files(bench, files)
            milliseconds = run.seconds / files * 1000
            is_good = is_good and milliseconds <= MAX_MILLISECONDS
            print(
                f"  {files:,} files: {milliseconds:.1f} ms each, of it processor {run.processor / files * 1000:.1f} ms"
            )
            print(f"    peak {run.megabytes:.0f} MB", flush=True)
        code = copy_project(bench.folder, options.imports)
        watcher = bench.folder / "file_watcher"
        for what, pattern in NAMES.items():
            names = options.names if pattern else 0
            for number in range(names):
                (watcher / pattern.format(number % max(options.imports - 1, 1) + 1, number)).touch()
            runs = measure_nothing_to_do(bench, code, options.repeats)
            seconds, processor = min(run.seconds for run in runs), min(run.processor for run in runs)
            is_good = is_good and seconds <= MAX_NOTHING_SECONDS
            print(f"  nothing to do, {options.imports:,} imports, {names:,} names {what}: ", end="")
            print(f"{seconds:.2f} s, processor {processor:.2f} s", flush=True)
            for path in watcher.glob("*.csv"):
                path.unlink()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())

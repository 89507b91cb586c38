"""Time a whole import against `psql \\copy` of a file that already carries the two lineage fields, in one run.

    .venv/bin/python -m bench.import_csv --megabytes 100
    .venv/bin/python -m bench.import_csv --megabytes 100 --checked

Both fill a table of the same columns in the same embedded server, in turns; what counts is the median of the ratios.
The import is the whole command: start-up, SHA-256, ledger, load, archive. `--checked` declares types, a date format,
null markers and an email check. Prints the peak memory of the import's own process too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

PROJECT = Path(__file__).resolve().parents[1]
COLUMNS = ("id", "email", "sent", "amount", "flag", "code", "name", "city", "note", "score")
SCHEMA = {
    "id": "integer",
    "email": {"checks": {"email": True}},
    "sent": {"type": "timestamp", "formats": "dd/MM/yyyy HH:mm"},
    "amount": {"type": "numeric", "null": ["-"]},
    "score": "integer",
}


def generate(path: Path, megabytes: float, bad_rows: int) -> int:
    """Write a clean CSV of about that size by a fixed seed; returns its rows."""
    source, rows, size = random.Random(1), 0, 0
    with path.open("w") as stream:
        stream.write(",".join(COLUMNS) + "\n")
        while size < megabytes * 1e6:
            chunk = "".join(_row(source, rows + n) for n in range(10_000))
            rows, size = rows + 10_000, size + len(chunk)
            stream.write(chunk)
        for n in range(bad_rows):
            stream.write(f"{n},one field too few\n")
    return rows


def _row(source: random.Random, n: int) -> str:
    amount = "-" if n % 50 == 0 else f"{source.random() * 1000:.2f}"
    return (
        f"{n},user{n}@example{n % 97}.com,{1 + n % 28:02}/{1 + n % 12:02}/2025 {n % 24:02}:{n % 60:02},{amount},yes,"
        f"{n % 1000:05},Name {n % 5000},City {n % 300},some note text here {n},{n % 100}\n"
    )


def add_lineage(path: Path, target: Path) -> None:
    """The same rows with a dataset and a line number before each, as `psql \\copy` gets them."""
    with path.open() as source, target.open("w") as stream:
        next(source)
        for number, line in enumerate(source, start=2):
            if line.count(",") == len(COLUMNS) - 1:
                stream.write(f"1,{number},{line}")


class Bench:
    """An installation of its own, with a server of its own."""

    def __init__(self, folder: Path, checked: bool) -> None:
        self.folder, self.checked = folder, checked
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DATABASE_"))}
        settings_file = folder / "settings.env"
        settings_file.write_text("DATABASE_URL=embedded\nFILE_STILL_SECONDS=0\n")
        settings_file.chmod(0o600)
        own = {"ETL_DATA_DIR": str(folder), "ETL_ENV_FILE": str(settings_file), "PYTHONPATH": str(PROJECT)}
        self.environment = clean | own
        self.job("database", "start")
        self.url = self.job("database", "url").strip()
        if checked:
            types = {
                name: value if isinstance(value, str) else value.get("type", "text") for name, value in SCHEMA.items()
            }
        else:
            types = {}
        self.types = {name: types.get(name, "text") for name in COLUMNS}

    def job(self, script: str, *arguments: str) -> str:
        command = [sys.executable, str(PROJECT / "jobscripts" / f"{script}.py"), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{script}: {done.stderr}")
        return done.stdout

    def psql(self, statement: str) -> None:
        """Run SQL by the psql of the embedded version; the password goes through the environment."""
        sys.path.insert(0, str(PROJECT))
        from systemscripts.db_utils import programs

        parts = urlsplit(self.url)
        options = "-c client_min_messages=warning -c datestyle=ISO,DMY"
        environment = self.environment | {"PGPASSWORD": unquote(parts.password or ""), "PGOPTIONS": options}
        command = [
            str(programs.program("psql")), "-qX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(parts.port),
            "-U", "etl", "etl", "-c", statement,
        ]  # fmt: skip
        subprocess.run(command, env=environment, check=True)

    def settle(self) -> None:
        """What was written before must not be on its way to the disk while the clock runs."""
        os.sync()
        self.psql("checkpoint")

    def time_copy(self, file: Path) -> float:
        columns = ", ".join(f"{name} {kind}" for name, kind in self.types.items())
        self.psql("drop table if exists public.copied")
        self.psql(f"create table public.copied (dataset_id integer, source_row integer, {columns})")
        null = ", null '-'" if self.checked else ""
        self.settle()
        begun = time.perf_counter()
        self.psql(f"\\copy public.copied from '{file}' with (format csv{null})")
        return time.perf_counter() - begun

    def time_import(self, file: Path) -> float:
        schema = json.dumps(SCHEMA if self.checked else {})
        self.psql("drop table if exists public.imported cascade")
        self.psql(
            "delete from dba.trejectedrow; delete from dba.tschemachange; delete from dba.tfile;"
            "delete from dba.tdataset;"
            "insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, schema) values "
            f"('bench', 'bench.*', 'public.imported', 'append', '{schema}') on conflict do nothing"
        )
        waiting = self.folder / "file_watcher" / "bench.csv"
        shutil.copy(file, waiting)
        self.settle()
        begun = time.perf_counter()
        self.job("generic_import", "bench")
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--checked", action="store_true", help="declared types, a date format, an email check")
    parser.add_argument("--bad-rows", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        folder = Path(name)
        bench = Bench(folder, options.checked)
        rows = generate(folder / "clean.csv", options.megabytes, options.bad_rows)
        add_lineage(folder / "clean.csv", folder / "lineage.csv")
        copies, imports = [], []
        for _ in range(options.repeats):
            copies.append(bench.time_copy(folder / "lineage.csv"))
            imports.append(bench.time_import(folder / "clean.csv"))
        bench.job("database", "stop")
        state = json.loads((folder / "var" / "embedded_database.json").read_text())
        shutil.rmtree(state["folder"], ignore_errors=True)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    ratio = statistics.median(whole / plain for whole, plain in zip(imports, copies, strict=True))
    print(f"{options.megabytes:g} MB, {rows:,} rows, {'checked' if options.checked else 'straight'} path")
    print("psql \\copy:      " + " ".join(f"{seconds:.2f}" for seconds in copies) + " s")
    print("generic_import:  " + " ".join(f"{seconds:.2f}" for seconds in imports) + " s")
    print(f"median of the ratios {ratio:.2f}, largest child process {memory:.0f} MB")


if __name__ == "__main__":
    main()

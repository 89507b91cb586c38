"""Other loaders of a CSV into PostgreSQL, each as one command with default settings, as its own first page shows.

Each creates `public.peer` itself, with the types that it finds, but for pgloader, which needs a table.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import peers
from bench.installation import Bench

PANDAS = """import sys, pandas, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg2:", 1))
for frame in pandas.read_csv(sys.argv[2], chunksize=100_000):
    frame.to_sql("peer", engine, if_exists="append", index=False)"""
DLT = """import sys, csv, dlt
def rows():
    with open(sys.argv[2], newline="") as stream:
        reader = csv.DictReader(stream)
        while batch := [row for _, row in zip(range(10_000), reader)]:
            yield batch
pipeline = dlt.pipeline("bench", destination=dlt.destinations.postgres(sys.argv[1]), dataset_name="public",
                        pipelines_dir=sys.argv[3], progress=None)
pipeline.run(dlt.resource(rows, name="peer", write_disposition="replace"))"""
POLARS = """import sys, polars
frame = polars.read_csv(sys.argv[2], try_parse_dates=True)
frame.write_database("peer", sys.argv[1], engine="adbc", if_table_exists="replace")"""
PYARROW = """import sys, pyarrow.csv
from adbc_driver_postgresql import dbapi
options = pyarrow.csv.ParseOptions(newlines_in_values=True)
with dbapi.connect(sys.argv[1]) as connection, connection.cursor() as cursor:
    cursor.adbc_ingest("peer", pyarrow.csv.open_csv(sys.argv[2], parse_options=options), mode="replace")
    connection.commit()"""
PGLOADER = """LOAD CSV FROM '{file}' INTO {url}?public.peer
WITH skip header = 1, fields terminated by ',', fields optionally enclosed by '"', fields escaped by double-quote;
"""


def list_other_loaders(bench: Bench, types: Mapping[str, str]) -> dict[str, Callable[[Path], list[str]]]:
    """Return name -> function that returns the command for a file; `types`: of the table that pgloader needs."""
    python = peers.install_program("python")

    def by(script: str) -> Callable[[Path], list[str]]:
        return lambda file: [python, "-c", script, bench.url, str(file), str(bench.folder / "dlt")]

    def csvsql(file: Path) -> list[str]:
        url = bench.url.replace("postgresql://", "postgresql+psycopg2://", 1)
        return [peers.install_program("csvsql"), "--db", url, "--insert", "--tables", "peer", str(file)]

    def run_sling(file: Path) -> list[str]:
        return [
            peers.install_sling(), "run", "--src-stream", f"file://{file}", "--tgt-conn",
            f"{bench.url}?sslmode=disable", "--tgt-object", "public.peer", "--mode", "full-refresh",
        ]  # fmt: skip

    def ingestr(file: Path) -> list[str]:
        return [
            peers.install_program("ingestr", "requirements-ingestr.txt"), "ingest", "--yes", "--progress", "log",
            "--source-uri", f"csv://{file}", "--source-table", "peer", "--dest-uri", bench.url,
            "--dest-table", "public.peer",
        ]  # fmt: skip

    def pgloader(file: Path) -> list[str]:
        bench.psql(
            f"create table public.peer ({', '.join(f'{name} {type_name}' for name, type_name in types.items())})"
        )
        script = bench.folder / "pgloader.load"
        script.write_text(PGLOADER.format(file=file, url=bench.url))
        return ["pgloader", "--root-dir", str(bench.folder / "pgloader"), str(script)]

    loaders = {
        "polars + ADBC": by(POLARS), "pyarrow + ADBC": by(PYARROW), "sling": run_sling, "dlt": by(DLT),
        "ingestr": ingestr, "pandas.to_sql": by(PANDAS), "csvsql": csvsql,
    }  # fmt: skip
    return loaders | ({"pgloader": pgloader} if shutil.which("pgloader") else {})


def clear(bench: Bench) -> None:
    """Remove what the last loader made."""
    bench.psql("drop table if exists public.peer; drop schema if exists public_staging cascade")
    bench.psql(
        "do $$ declare t text; begin for t in select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname in ('public') and tablename like '\\_dlt%' loop execute 'drop table ' || t; end loop; end $$"
    )
    shutil.rmtree(bench.folder / "dlt", ignore_errors=True)


def make_environment(bench: Bench) -> dict[str, str]:
    """Return the environment of these programs: nothing is sent home, and HOME is empty."""
    silent = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DISABLE_TELEMETRY": "true", "SLING_DISABLE_TELEMETRY": "true"}
    return bench.environment | silent | {"HOME": str(bench.folder)}

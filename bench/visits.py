"""Compares a load of website visits with `psql \\copy`, and times the query of one visitor among millions of rows.

    .venv/bin/python -m bench.visits --rows 1000000 --all-rows 5000000

The copy fills a table of the same columns without an index, from a file that already has the two lineage fields. The
import is the whole command: start-up, hashes, checks of emails and dates, lists into arrays, load into the indexed
table, archive; visits.visitor is read right after it. Limits: 4 times the copy; 50 ms for one visitor.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.import_csv import Bench
from demo.visits_reports import HEADER

PEOPLE = 200_000
TABLE = """
    create table public.copied (dataset_id integer, source_row integer, email text, jyv text, bad_mail text,
        unsubscribed text, sent_at timestamptz, opened_at timestamptz, opens integer, viral_opens integer,
        clicked_at timestamptz, clicks integer, viral_clicks integer, links text, ips text,
        browsers text, platforms text)
"""


def write_report(path: Path, rows: int) -> None:
    """A report of that many good rows by a fixed seed."""
    source = random.Random(1)
    with path.open("w") as stream:
        stream.write(HEADER + "\n")
        for number in range(rows):
            sent = f"{1 + number % 28:02}/{1 + number % 12:02}/2026 {number % 24:02}:{number % 60:02}"
            opened = sent if number % 3 else "-"
            clicked = sent if number % 7 == 0 else "-"
            links = f'"https://example.test/{number % 50},https://example.test/offers"' if number % 5 == 0 else "-"
            stream.write(
                f"user{source.randrange(PEOPLE)}@example{number % 9}.test,,-,-,{sent},{opened},{number % 4},0,"
                f'{clicked},{number % 2},0,{links},192.0.2.{number % 250},"Chrome,Firefox",Windows\n'
            )


def time_copy(bench: Bench, file: Path) -> float:
    """Return the seconds of one COPY into an empty table without types."""
    bench.psql("drop table if exists public.copied")
    bench.psql(TABLE)
    bench.settle()
    begun = time.perf_counter()
    bench.psql(f"\\copy public.copied from '{file}' with (format csv, null '-')")
    return time.perf_counter() - begun


def time_import(bench: Bench, file: Path) -> float:
    """Return the seconds of one import into an empty table."""
    bench.psql(
        "delete from dba.trejectedrow; delete from dba.tfinding; delete from dba.tcolumnprofile;"
        " delete from dba.tfile; delete from dba.tdataset; truncate visits.statistics"
    )
    waiting = bench.folder / "file_watcher" / "report_1.txt"
    waiting.parent.mkdir(exist_ok=True)
    shutil.copy(file, waiting)
    os.utime(waiting, (0, time.time() - 60))
    bench.settle()
    begun = time.perf_counter()
    bench.job("generic_import", "visits", "--phase", "load")
    bench.job("database", "sql", "select * from visits.visitor where email = 'user1@example1.test'")
    return time.perf_counter() - begun


def add_rows(bench: Bench, rows: int) -> None:
    """Add rows as years of reports would, in datasets of a thousand rows."""
    bench.psql(
        f"""insert into dba.tdataset (config_name, status, load_mode, target_table, content_sha256, columns, rows_read,
                rows_loaded, rows_rejected, rows_skipped, run_uuid)
            select 'visits', 'active', 'append', 'visits.statistics', n::text, '{{}}', 1000, 1000, 0, 0,
                   gen_random_uuid()
            from generate_series(1, {rows // 1000}) n;
            insert into visits.statistics (dataset_id, source_row, email, sent_at)
            select d.dataset_id, n, 'user' || (random() * {PEOPLE})::integer || '@example' || n % 9 || '.test',
                   now() - random() * interval '2000 days'
            from dba.tdataset d cross join generate_series(2, 1001) n where d.content_sha256 ~ '^[0-9]{{1,5}}$';
            analyze visits.statistics; analyze dba.tdataset"""
    )


def time_visitor(bench: Bench, times: int) -> list[float]:
    """Return the milliseconds of each query of the view for one email, over one connection."""
    import psycopg2

    milliseconds = []
    connection = psycopg2.connect(bench.url)
    with connection, connection.cursor() as cursor:
        for number in range(times):
            begun = time.perf_counter()
            cursor.execute(
                "select * from visits.visitor where email = lower(%s)", (f"USER{number}@example{number % 9}.test",)
            )
            cursor.fetchall()
            milliseconds.append((time.perf_counter() - begun) * 1000)
    connection.close()
    return milliseconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--all-rows", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_") as name:
        folder = Path(name)
        bench = Bench(folder, checked=True)
        # The configuration becomes a row.
        bench.job("generic_import", "visits", "--phase", "load")
        write_report(folder / "report.txt", options.rows)
        with (folder / "report.txt").open() as source, (folder / "lineage.csv").open("w") as target:
            next(source)
            target.writelines(f"1,{number},{line}" for number, line in enumerate(source, start=2))
        copies, imports = [], []
        for _ in range(options.repeats):
            copies.append(time_copy(bench, folder / "lineage.csv"))
            imports.append(time_import(bench, folder / "report.txt"))
        add_rows(bench, options.all_rows - options.rows)
        visitor = time_visitor(bench, 50)
        bench.job("database", "stop")
        state = json.loads((folder / "var" / "embedded_database.json").read_text())
        shutil.rmtree(state["folder"], ignore_errors=True)
    ratio = statistics.median(whole / plain for whole, plain in zip(imports, copies, strict=True))
    print(f"{options.rows:,} visits")
    print("psql \\copy:             " + " ".join(f"{seconds:.2f}" for seconds in copies) + " s")
    print("load and first query:   " + " ".join(f"{seconds:.2f}" for seconds in imports) + " s")
    print(f"median of the ratios {ratio:.2f} (limit 4)")
    middle, slowest = statistics.median(visitor), max(visitor)
    print(f"one visitor of {options.all_rows:,} rows: median {middle:.1f} ms, slowest {slowest:.1f} ms (limit 50)")
    sys.exit(ratio > 4 or middle > 50)


if __name__ == "__main__":
    main()

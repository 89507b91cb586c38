"""Measures how fast the pages of the console are with much data, and how much readers slow down a load.

    .venv/bin/python -m bench.console                 1,000,000 log rows, 50,000 runs, a table of 5,000,000 rows
    .venv/bin/python -m bench.console --load          a load of 100 MB alone and with 20 readers, in turns
    .venv/bin/python -m bench.console --small         a hundredth of it, to test the benchmark itself

One installation of its own on the embedded server, the console as an ordinary process. Times are those of whole
requests over loopback, one at a time, so a little more than those of the server; "cpu" is the processor time of the
console and its database connections, whatever else the machine does. A reader opens a page every two seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import requests

PROJECT = Path(__file__).resolve().parents[1]
PASSWORD = "bench bench bench"
READERS, EVERY_SECONDS = 20, 2.0
# of each page
REQUESTS = 60
# of the files that are added and reviewed
COLUMNS = 500
# what lets their import load the first file, hold the second and refuse the third
GUARDS = ("{}", '{"min_rows": 1000}', '{"need_key": true}')
# of a run with refused files
BAD_DATA_CODE = 65


class Bench:
    """The installation and its console."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # of the console, while it runs
        self.process = 0
        settings_file = folder / "settings.env"
        settings_file.write_text("DATABASE_URL=embedded\nFILE_STILL_SECONDS=0\n")
        settings_file.chmod(0o600)
        own = {"ETL_DATA_DIR": str(folder), "ETL_ENV_FILE": str(settings_file), "PYTHONPATH": str(PROJECT)}
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("ETL_")} | own
        self.run("database", "start")
        self.database = self.run("database", "url").strip()
        self.run("console_user", "add", "bench", "--role", "admin", text=f"{PASSWORD}\n")

    def command(self, script: str, *arguments: str) -> list[str]:
        """Return the command of a job script."""
        return [sys.executable, str(PROJECT / "jobscripts" / f"{script}.py"), *arguments]

    def run(self, script: str, *arguments: str, text: str = "", may_refuse: bool = False) -> str:
        """Run a script and return its output; `may_refuse`: it may end with files that are held or refused."""
        done = subprocess.run(
            self.command(script, *arguments),
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not (may_refuse and done.returncode == BAD_DATA_CODE):
            raise SystemExit(f"{script}: {done.stderr}")
        return done.stdout

    def read_processor_seconds(self) -> float:
        """Return the processor seconds that the console and its database connections have used."""
        backends = self.sql("select pid from pg_stat_activity where application_name like '%console%'")
        stats = [path for pid in [self.process, *(pid for (pid,) in backends)]
                 for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]  # fmt: skip
        return sum(int(path.read_text().split()[0]) for path in stats) / 1e9

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL as etl; return the rows, if any."""
        with contextlib.closing(psycopg2.connect(self.database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def run_console(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Run the console on a free port; yield its URL and the headers of a signed-in user."""
        output = self.folder / "console.out"
        with output.open("w") as stream:
            process = subprocess.Popen(
                self.command("web_console", "--port", "0"), env=self.environment, stdout=stream, stderr=stream
            )
        self.process = process.pid
        try:
            while "http://" not in output.read_text():
                time.sleep(0.1)
            url = output.read_text().split("console is at ")[1].split()[0].rstrip("/")
            body = {"user_name": "bench", "password": PASSWORD}
            token = requests.post(f"{url}/auth/login", json=body, timeout=60).json()["token"]
            yield url, {"Authorization": f"Bearer {token}"}
        finally:
            process.terminate()
            process.wait(30)


def fill_tables(bench: Bench, share: float) -> None:
    """Fill the tables as years of daily loads would."""
    runs, entries, rows, datasets = (round(number * share) for number in (50_000, 1_000_000, 5_000_000, 5_000))
    bench.sql("""insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns)
        values ('much', 'much.*', 'public.much', 'append', '{id}') on conflict do nothing;
        update dba.timportconfig set schema = '{"amount": {"type": "numeric"}}' where config_name = 'much'""")
    (bench.folder / "file_watcher" / "much_1.csv").write_text("id,day,amount,who\n1,2026-01-05,1.5,Ann\n")
    bench.run("generic_import", "much")
    bench.sql(f"""insert into dba.trun (run_uuid, root_uuid, job, lock_key, status, exit_code, error, host, os_user,
            pid, process_start, started_at, ended_at, files, rows_read, rows_loaded, rows_rejected, rows_skipped)
        select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, gen_random_uuid(),
            (array['generic_import','run_pipeline','send_report'])[n % 3 + 1], 'key' || n % 20,
            case when n % 50 = 0 then 'failed' else 'succeeded' end, 0, null, 'host', 'etl', 1, 'x',
            now() - n * interval '10 minutes', now() - n * interval '10 minutes' + n % 90 * interval '1 second',
            1, 1000, 990, 10, 0 from generate_series(1, {runs}) n""")
    bench.sql(f"""insert into dba.tlogentry (run_uuid, sequence, logged_at, process_type, os_user, level, message)
        select ('00000000-0000-4000-8000-' || lpad((n % {runs} + 1)::text, 12, '0'))::uuid, n / {runs} + 1,
            now() - n * interval '20 seconds', 'generic_import', 'etl',
            case when n % 5000 = 0 then 'ERROR' else 'INFO' end, 'entry ' || n from generate_series(1, {entries}) n""")
    bench.sql(f"""insert into dba.tdataset (config_name, label, dataset_date, last_seen, status, load_mode,
            target_table, content_sha256, columns, rows_read, rows_loaded, rows_rejected, rows_skipped, run_uuid,
            created_at)
        select 'much', 'label' || n % 50, current_date - n % 700, current_date,
            case when n % 10 = 0 then 'undone' else 'active' end, 'append', 'public.much', md5(n::text),
            '{{id,day,amount,who}}', {rows // datasets} + n % 2, {rows // datasets}, n % 2, 0,
            ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, now() - n * interval '1 hour'
        from generate_series(1, {datasets}) n""")
    bench.sql(f"""insert into public.much (dataset_id, source_row, id, day, amount, who)
        select 2 + n / {rows // datasets}, n % {rows // datasets} + 2, n, '2026-01-05',
            (n::bigint * 7919 % 100000) / 100.0,
            'name ' || n % 1000 from generate_series(0, {rows - 1}) n""")
    fill_reviews(bench)
    bench.sql("vacuum analyze")


def fill_reviews(bench: Bench) -> None:
    """Let an import of many columns have a held file, with a renamed column, and a refused one."""
    names = ",".join(f"c{number}" for number in range(COLUMNS))
    bench.sql("""insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns)
        values ('wide', 'wide.*', 'public.wide', 'snapshot', '{c0}') on conflict do nothing""")
    for number, header in enumerate((names, names.replace("c7,", "renamed_7,"), "a,b")):
        bench.sql(f"update dba.timportconfig set guards = '{GUARDS[number]}' where config_name = 'wide'")
        (bench.folder / "file_watcher" / f"wide_{number}.csv").write_text(_write_rows(header, number))
        bench.run("generic_import", "wide", may_refuse=True)


def _write_rows(header: str, seed: int) -> str:
    columns = header.count(",") + 1
    rows = [",".join(f"{row * 7 + seed}.{column}" for column in range(columns)) for row in range(40)]
    return "\n".join([header, *rows, ""])


def add_file(session: requests.Session, url: str) -> str:
    """Add a file of many columns as a browser does; return the path of its page once it is read."""
    content = _write_rows(",".join(f"column {number}" for number in range(COLUMNS)), 9)
    answer = session.post(f"{url}/console/add", files={"file": ("added.csv", content)}, allow_redirects=False)
    path = answer.headers["Location"]
    while "Save and load" not in session.get(url + path, timeout=60).text:
        time.sleep(0.2)
    return path


def measure_pages(bench: Bench) -> None:
    """Request each page many times, deep pages too; print medians and 95th percentiles."""
    with bench.run_console() as (url, headers):
        newest = bench.sql("select max(dataset_id) from dba.tdataset")[0][0]
        run = bench.sql("select run_uuid from dba.trun order by started_at desc offset 100 limit 1")[0][0]
        held = bench.sql("select dataset_id from dba.tdataset where config_name = 'wide' and status = 'held'")[0][0]
        refused = bench.sql("select file_id from dba.tfile where config_name = 'wide' and status = 'refused'")[0][0]
        session = requests.Session()
        session.headers.update(headers)
        fixed = [
            "/console/add", add_file(session, url),
            f"/console/review/dataset/{held}", f"/console/review/file/{refused}",
            "/console/", "/console/runs?status=failed", "/console/log", "/console/log?only=trouble",
            f"/console/datasets/{newest}", f"/console/runs/{run}", "/console/configurations", "/console/history",
            "/console/desk/live", "/console/feeds", "/console/feeds/much", "/console/schedules",
            "/console/schedules/weekly", f"/console/runs/{run}/undo",
            "/console/reports", "/console/users", "/console/account",
            "/console/tables", "/console/coverage", "/console/tables/public.much?rows=all", "/console/lists",
            "/console/downloads",
            f"/console/tables/public.much?dataset={newest - 5}&rows=all",
        ]  # fmt: skip
        print(f"{'page':55} {'median ms':>9} {'p95 ms':>8} {'cpu ms':>8}")
        worst = 0.0
        for path in fixed:
            begun = bench.read_processor_seconds()
            taken = [_time_request(session, url + path)[0] for _ in range(REQUESTS)]
            worst = max(worst, _print_times(path, taken, bench.read_processor_seconds() - begun))
        for path in ("/console/runs", "/console/datasets", "/console/rejects", "/console/tables/public.much"):
            begun = bench.read_processor_seconds()
            taken = _time_walk(session, url, path)
            worst = max(worst, _print_times(f"{path}, page after page", taken, bench.read_processor_seconds() - begun))
        print(f"worst 95th percentile: {worst:.0f} ms (target: under 100)")
        for path in ("/totals", "/groups?by=who", "/groups?by=who&sum=amount", "?day=2025-12-31"):
            begun = bench.read_processor_seconds()
            taken = [_time_request(session, f"{url}/console/tables/public.much{path}")[0] for _ in range(5)]
            _print_times(f"within a second: {path}", taken, bench.read_processor_seconds() - begun)
        for path in ("?sort=amount&order=desc", "?column1=who&operator1=is&value1=name+77"):
            begun = bench.read_processor_seconds()
            taken = [_time_request(session, f"{url}/console/tables/public.much{path}")[0] for _ in range(5)]
            _print_times(f"not counted, without an index: {path}", taken, bench.read_processor_seconds() - begun)


def _time_request(session: requests.Session, address: str) -> tuple[float, str]:
    begun = time.perf_counter()
    answer = session.get(address, timeout=60)
    taken = (time.perf_counter() - begun) * 1000
    answer.raise_for_status()
    return taken, answer.text


def _time_walk(session: requests.Session, url: str, path: str) -> list[float]:
    """Follow the links from page to page; return the milliseconds of each request."""
    taken, address = [], path
    for _ in range(REQUESTS):
        milliseconds, text = _time_request(session, url + address)
        taken.append(milliseconds)
        link = text.rpartition('rel="next" href="')[2] if 'rel="next"' in text else ""
        address = link.partition('"')[0].replace("&amp;", "&") or path
    return taken


def _print_times(name: str, taken: list[float], computed: float) -> float:
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[18]
    milliseconds_each = computed * 1000 / len(taken)
    print(f"{name:55} {statistics.median(taken):9.1f} {p95:8.1f} {milliseconds_each:8.1f}", flush=True)
    return p95


def measure_load(bench: Bench, megabytes: int, repeats: int) -> None:
    """Load a file alone and with readers, in turns; print the ratio of the medians."""
    bench.sql("""insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode)
        values ('large', 'large.*', 'public.large', 'append') on conflict do nothing""")
    alone: list[float] = []
    beside: list[float] = []
    with bench.run_console() as (url, headers):
        for number in range(repeats * 2):
            busy = number % 2 == 1
            path = bench.folder / "file_watcher" / f"large_{number}.csv"
            _write_file(path, megabytes, number)
            with _run_readers(url, headers) if busy else contextlib.nullcontext():
                begun, computed = time.perf_counter(), bench.read_processor_seconds()
                bench.run("generic_import", "large")
                (beside if busy else alone).append(time.perf_counter() - begun)
                share = (bench.read_processor_seconds() - computed) / (time.perf_counter() - begun)
            bench.sql("truncate public.large")
            name, seconds = ("with readers", beside[-1]) if busy else ("alone", alone[-1])
            print(f"{name:15} {seconds:6.2f} s, console {share:.0%} of a core", flush=True)
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"{READERS} readers slow the load down by {(ratio - 1) * 100:.0f} % (target: less than 15)")


def _write_file(path: Path, megabytes: int, seed: int) -> None:
    line = "{},2026-01-05,{}.25,name {},some text that is as long as texts are,{}\n"
    part = path.with_suffix(".part")
    with part.open("w") as stream:
        stream.write("id,day,amount,who,note,number\n")
        number = 0
        while stream.tell() < megabytes * 1_000_000:
            stream.writelines(line.format(n, n % 1000, n % 97, seed) for n in range(number, number + 10_000))
            number += 10_000
    part.rename(path)


@contextlib.contextmanager
def _run_readers(url: str, headers: dict[str, str]) -> Iterator[None]:
    ended = threading.Event()
    paths = ("/console/", "/console/runs", "/console/log", "/console/datasets", "/console/tables/public.much")

    def open_pages(number: int) -> None:
        session = requests.Session()
        session.headers.update(headers)
        while not ended.wait(EVERY_SECONDS * (0.5 + (number * 7 % 10) / 10)):
            session.get(url + paths[number % len(paths)], timeout=60).raise_for_status()

    threads = [threading.Thread(target=open_pages, args=(number,)) for number in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def main() -> None:
    """Fill, measure, clean up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_console_") as name:
        bench = Bench(Path(name))
        try:
            fill_tables(bench, 0.01 if options.small or options.load else 1)
            measure_load(bench, options.megabytes, options.repeats) if options.load else measure_pages(bench)
        finally:
            # only the owner of the server may ask it for its folder
            state = json.loads((bench.folder / "var" / "embedded_database.json").read_text())
            bench.run("database", "stop")
            shutil.rmtree(state["folder"], ignore_errors=True)


if __name__ == "__main__":
    main()

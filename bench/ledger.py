"""Measures how fast runs, undo, views, console pages and waiting files stay as the ledgers grow.

    .venv/bin/python -m bench.ledger                  10, 1,000 and 20,000 datasets; 100,000 files, 1,000 imports
    .venv/bin/python -m bench.ledger --full           with 5 million log rows, then ten years of thirty clients
    .venv/bin/python -m bench.ledger --datasets 4000 --labels 50 --files 9000 --log-rows 10000
                                                      one fill of your own besides the empty one
    .venv/bin/python -m bench.ledger --views          only the views, with 20,000 datasets

One installation of its own on the embedded server. Each fill is made by SQL on empty ledgers, then: runs that find
nothing, loads of a file of 20 rows and their undo, status.py, purge.py --dry-run (whole commands, the fastest of
--repeats); count(*) of a _current view; count(*) and the first 100 rows of every view of dba; every page of the console
over loopback; and --waiting snapshot files in one run. Each line ends with the ratio to the first, nearly empty fill;
on a busy machine trust the ratio of processor time, of command and database together. Missed targets are printed at the
end; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import psycopg2
import requests

from bench import ledger_fill, measurement
from bench.console import Bench as ConsoleBench
from bench.ledger_fill import Fill
from systemscripts.monitoring import questions

QUICK = [Fill(10), Fill(1_000), Fill(20_000), Fill(20_000, 500, 100_000, 1_000, 50_000, 500_000)]
FULL = [
    *QUICK[:3],
    Fill(20_000, 500, 100_000, 1_000, 50_000, 5_000_000),
    Fill(30_000, 500, 100_000, 30, 500_000, 10_000_000),
]
PAGES = [
    "/console/", "/console/runs", "/console/runs?status=failed", "/console/log", "/console/log?only=trouble",
    "/console/datasets", "/console/datasets?import=ledger", "/console/rejects", "/console/configurations",
    "/console/history", "/console/tables", "/console/tables/public.ledger", "/console/coverage", "/console/runs/new",
    "/console/upload",
]  # fmt: skip
# for 20,000 datasets and more: in seconds, or as a ratio to the empty ledger
TARGET_SECONDS = {"run that finds nothing": 1.0, "count(*) of a _current view": 0.3, "each waiting file": 0.025}
# of the processor, for each view as an operator reads it
VIEW_SECONDS = 0.1
TARGET_RATIOS = {"load of 20 rows": 1.5}
TARGETS_FROM_DATASETS = 20_000


class Bench(ConsoleBench):
    """An installation whose database server is measured too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server_folder = Path(json.loads((folder / "var" / "embedded_database.json").read_text())["folder"])


class Cost(NamedTuple):
    """Seconds on the clock, and processor seconds of command and database together (0 where not measured)."""

    seconds: float
    processor: float


@dataclass
class Measurement:
    """The results of one fill, in the order of measuring."""

    fill: Fill
    seconds: dict[str, float] = field(default_factory=dict)
    # of the commands
    processor: dict[str, float] = field(default_factory=dict)


def measure(
    bench: Bench,
    fill: Fill,
    waiting: int,
    repeats: int,
    show: Callable[[Measurement, str], None],
    only_views: bool = False,
) -> Measurement:
    """Fill the ledgers and measure everything; `show` is called with each name after its measurement."""
    measurement = Measurement(fill)

    def note(name: str, *taken: Cost) -> None:
        measurement.seconds[name] = min(cost.seconds for cost in taken)
        measurement.processor[name] = min(cost.processor for cost in taken)
        show(measurement, name)

    ledger_fill.empty_ledgers(bench.sql)
    (bench.folder / "archive").mkdir(exist_ok=True)
    shutil.rmtree(bench.folder / "archive")
    ledger_fill.fill_ledgers(bench.sql, fill)
    _measure_views(bench, repeats, note)
    if only_views:
        return measurement
    note("run that finds nothing", *(_measure_command(bench, "generic_import", "ledger") for _ in range(repeats)))
    note("run of every import", _measure_command(bench, "generic_import", "--all"))
    loads, undos = [], []
    for number in range(repeats):
        _drop_file(bench, "label0", date.today(), number)  # noqa: DTZ011 - any day will do
        loads.append(_measure_command(bench, "generic_import", "ledger"))
        [(newest,)] = bench.sql("select max(dataset_id) from dba.tdataset")
        undos.append(_measure_command(bench, "generic_import", "--undo", str(newest)))
    note("load of 20 rows", *loads)
    note("undo of it", *undos)
    note("status.py", *(_measure_command(bench, "status") for _ in range(repeats)))
    note("purge.py --dry-run", _measure_command(bench, "purge", "--dry-run"))
    note(
        "count(*) of a _current view", _measure_statement(bench, "select count(*) from public.ledger_current", repeats)
    )
    for page, taken in _measure_pages(bench, repeats):
        note(page, taken)
    if waiting:
        for number in range(waiting):
            day = date(2020, 1, 1) + timedelta(days=number // 500)
            _drop_file(bench, f"waiting{number % 500}", day, number)
        name, whole = "run that finds nothing", _measure_command(bench, "generic_import", "ledger")
        seconds, processor = whole.seconds - measurement.seconds[name], whole.processor - measurement.processor[name]
        note("each waiting file", Cost(seconds / waiting, processor / waiting))
    return measurement


def _measure_views(bench: Bench, repeats: int, note: Callable[..., None]) -> None:
    """Measure each view whole, its first rows, and the newest rows that answer a question."""
    for (view,) in bench.sql("select viewname from pg_views where schemaname = 'dba' order by 1"):
        note(f"count(*) of dba.{view}", _measure_statement(bench, f"select count(*) from dba.{view}", repeats))
        note(f"100 rows of dba.{view}", _measure_statement(bench, f"select * from dba.{view} limit 100", repeats))
    for one in questions.QUESTIONS:
        statement = f"select {one.columns} from dba.{one.view} order by {one.order} limit 100"
        note(f"newest of dba.{one.view}", _measure_statement(bench, statement, repeats))


def _measure_command(bench: Bench, script: str, *arguments: str) -> Cost:
    begun = _read_server_seconds(bench)
    run = measurement.run_command(bench.command(script, *arguments), bench.environment)
    return Cost(run.seconds, run.processor + _read_server_seconds(bench) - begun)


def _read_server_seconds(bench: Bench) -> float:
    """Return the processor seconds that the database has used so far, ended sessions included."""
    process = int(Path(bench.server_folder, "data", "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    # The main process last: it counts sessions that end meanwhile.
    return sum(_read_process_seconds(process_id) for process_id in [*children, str(process)])


def _read_process_seconds(process: str) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[11:15]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields)) / os.sysconf("SC_CLK_TCK")


def _drop_file(bench: Bench, label: str, day: date, seed: int) -> None:
    path = bench.folder / "file_watcher" / f"ledger_{label}_{day:%Y%m%d}.csv"
    lines = [f"{number},{day},{seed},name {number}" for number in range(ledger_fill.ROWS)]
    path.write_text("\n".join(["id,day,amount,who", *lines, ""]))


def _measure_statement(bench: Bench, statement: str, repeats: int) -> Cost:
    """Return the cost of a statement in one session; its processor time is that of the session, without helpers."""
    seconds, processor = [], []
    with contextlib.closing(psycopg2.connect(bench.database)) as connection, connection.cursor() as cursor:
        cursor.execute("set max_parallel_workers_per_gather = 0")
        session = str(connection.info.backend_pid)
        for _ in range(repeats):
            begun, used = time.perf_counter(), _read_process_seconds(session)
            cursor.execute(statement)
            cursor.fetchall()
            seconds.append(time.perf_counter() - begun)
            processor.append(_read_process_seconds(session) - used)
    return Cost(min(seconds), min(processor))


def _measure_pages(bench: Bench, repeats: int) -> list[tuple[str, Cost]]:
    """Return every page of the console, and those of one run and one dataset, with the cost of the fastest request."""
    [(dataset_id,)] = bench.sql("select max(dataset_id) from dba.tdataset")
    [(run_uuid,)] = bench.sql("select run_uuid from dba.trun order by started_at desc limit 1")
    named = {f"/console/datasets/{dataset_id}": "a dataset", f"/console/runs/{run_uuid}": "a run"}
    times = []
    with bench.run_console() as (url, headers):
        session = requests.Session()
        session.headers.update(headers)
        for page in [*PAGES, *named]:
            taken = []
            for _ in range(repeats + 1):
                begun = time.perf_counter()
                session.get(url + page, timeout=600).raise_for_status()
                taken.append(time.perf_counter() - begun)
            times.append((f"page {named.get(page, page)}", Cost(min(taken), 0.0)))
    return times


def list_missed(first: Measurement, measured: list[Measurement]) -> list[str]:
    """Return a sentence for each target that a fill of TARGETS_FROM_DATASETS or more missed."""
    misses = []
    for one in measured:
        if one.fill.datasets < TARGETS_FROM_DATASETS:
            continue
        for name, most in TARGET_SECONDS.items():
            if one.seconds.get(name, 0) > most:
                misses.append(f"{one.fill}: {name} {one.seconds[name] * 1000:.0f} ms, target {most * 1000:.0f}")
        for name, seconds in one.processor.items():
            if name.startswith(("100 rows of", "newest of")) and seconds > VIEW_SECONDS:
                misses.append(f"{one.fill}: {name} {seconds * 1000:.0f} ms, target {VIEW_SECONDS * 1000:.0f}")
        for name, most in TARGET_RATIOS.items():
            if name in one.processor and (ratio := one.processor[name] / first.processor[name]) > most:
                misses.append(f"{one.fill}: {name} {ratio:.2f} times that of an empty ledger, target {most}")
    return misses


def main() -> int:
    """Fill, measure, compare, clean up; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="with 5 million log rows, and ten years of 30 clients")
    parser.add_argument("--datasets", type=int, help="one fill of so many instead")
    for name in ("labels", "imports"):
        parser.add_argument(f"--{name}", type=int, default=1)
    for name in ("files", "runs", "log-rows"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--waiting", type=int, help="snapshot files of one run (default 1,000; --full 5,000)")
    parser.add_argument("--views", action="store_true", help="only the views of dba, with 20,000 datasets")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    fills = FULL if options.full else QUICK
    if options.datasets is not None:
        own = Fill(
            options.datasets, options.labels, options.files, options.imports, options.runs, options.log_rows
        )  # fmt: skip
        fills = [Fill(10), own]
    if options.views:
        fills = [Fill(10), Fill(20_000, 500, 0, 100, 50_000)]
    waiting = options.waiting if options.waiting is not None else 5_000 if options.full else 1_000
    measured: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="bench_ledger_") as folder:
        bench = Bench(Path(folder))
        try:
            bench.sql(ledger_fill.CONFIGURATION)
            _drop_file(bench, "label0", date(2019, 1, 1), 0)
            # creates the target table
            _measure_command(bench, "generic_import", "ledger")
            for fill in fills:
                print(f"\n{fill}", flush=True)
                measured.append(measure(bench, fill, waiting, options.repeats, _make_printer(measured), options.views))
        finally:
            bench.run("database", "stop")
            shutil.rmtree(bench.server_folder, ignore_errors=True)
    faults = list_missed(measured[0], measured)
    print("\n" + ("\n".join(f"missed: {text}" for text in faults) or "all targets are met"))
    return 1 if faults else 0


def _make_printer(measured: list[Measurement]) -> Callable[[Measurement, str], None]:
    def show(measurement: Measurement, name: str) -> None:
        seconds, processor = measurement.seconds[name], measurement.processor[name]
        line = f"  {name:45} {seconds * 1000:9.1f} ms"
        if measured:
            line += f" {seconds / measured[0].seconds[name]:8.2f} times"
        if processor:
            line += f"   processor {processor * 1000:8.1f} ms"
            before = measured[0].processor[name] if measured else 0
            line += f" {processor / before:8.2f} times" if before else ""
        print(line, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())

"""Compare the processor time of loads with and without the profile of their values and the rules on it.

    PYTHONPATH=. .venv/bin/python -m bench.profile_cost
    PYTHONPATH=. .venv/bin/python -m bench.profile_cost --rows 500000 --repeats 3 --history 3

Ten columns of declared types, with leading zeros, commas, quotes, line breaks and empty fields. Counted is the
processor time of this process and of its database session, in turns with and without; other work on the machine has
little effect. Limit: 10 % or 10 ms of a load, whichever is more.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import random
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from bench.office import Office, open_office
from systemscripts.db_utils import transaction
from systemscripts.ingest import look_at_values

SCHEMA = {
    "id": "integer", "customer_no": "text", "name": "text", "city": "text", "status": "text", "amount": "numeric",
    "ordered": "date", "changed": "timestamp", "is_paid": "boolean", "note": "text",
}  # fmt: skip
NOTES = ("", "", "", "call before", "gift, please wrap", 'says "later"', "first line\nsecond line", "bitte läuten")
CITIES = ("Köln", "Berlin", "München", "Ulm", "Lyon", "Bad Homburg vor der Höhe", "Wien", "Basel")
LIMIT_SHARE, LIMIT_SECONDS = 0.10, 0.010


class _Blind(look_at_values.Viewer):
    """Looks at nothing."""

    def look(self, relation: Any, extent: Any) -> None:
        """Look at nothing."""

    def look_at_target(self, extent: Any) -> None:
        """Look at nothing."""


def write_file(rows: int, week: int) -> bytes:
    """Return a CSV file of a week."""
    chance = random.Random(week)
    begin = date(2026, 1, 5) + timedelta(weeks=week)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(SCHEMA)
    for number in range(rows):
        day = begin + timedelta(days=chance.randrange(7))
        moment = f"{day} {chance.randrange(24):02}:{chance.randrange(60):02}:00"
        writer.writerow(
            (
                10_000_000 + week * rows + number,
                f"{chance.randrange(10**6):08d}",
                f"Name {chance.randrange(5000)}",
                chance.choice(CITIES),
                chance.choice(("open", "paid", "sent")),
                f"{chance.lognormvariate(4, 1):.2f}" if chance.random() > 0.02 else "",
                day,
                moment,
                "true" if chance.random() < 0.8 else "false",
                chance.choice(NOTES) + (f" {number}" if chance.random() < 0.3 else ""),
            )
        )
    return stream.getvalue().encode()


class Meter:
    """Measures the processor seconds of this process and of the database session."""

    def __init__(self, office: Office) -> None:
        with transaction(office.connection) as cursor:
            # what parallel workers do would be counted nowhere
            cursor.execute("set max_parallel_workers_per_gather = 0")
            cursor.execute("select pg_backend_pid()")
            row: Any = cursor.fetchone()
        # in nanoseconds, where the ticks of /proc/PID/stat are too coarse
        self._schedule = Path(f"/proc/{row[0]}/schedstat")

    def read(self) -> tuple[float, float]:
        """Return the seconds used so far, of client and server."""
        return time.process_time(), int(self._schedule.read_text().split()[0]) / 1e9


def measure_loads(office: Office, rows: int, mode: str, repeats: int, history: int) -> bool:
    """Load in turns with and without, print both, and return whether the limit holds."""
    name = f"cost_{mode}_{rows}"
    with transaction(office.connection) as cursor:
        cursor.execute(
            """insert into dba.timportconfig (config_name, file_pattern, target_table, load_mode, key_columns, schema)
               values (%s, %s, %s, %s, %s, %s)""",
            (name, rf"{name}_\d+\.csv", f"public.{name}", mode, ["id"], json.dumps(SCHEMA)),
        )
    weeks = itertools.count()
    for _ in range(history):
        week = next(weeks)
        office.load(name, f"{name}_{week}.csv", write_file(rows, week))
    # as autovacuum does within a minute: it summarizes the index on dataset_id
    office.run_alone(f"vacuum analyze public.{name}")
    meter = Meter(office)
    used: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for is_profiled in (True, False) * repeats:
        week = next(weeks)
        data = write_file(rows, week)
        viewer = look_at_values.Viewer if is_profiled else _Blind
        with mock.patch.object(look_at_values, "Viewer", viewer):
            before = meter.read()
            summary = office.load(name, f"{name}_{week}.csv", data)
            after = meter.read()
        assert [row["state"] for row in summary.rows] == ["loaded"], summary.problems
        used[is_profiled].append((after[0] - before[0], after[1] - before[1]))
        # each load starts with the same table
        office.undo(summary)
    return print_costs(rows, mode, used[True], used[False])


def print_costs(rows: int, mode: str, looked: list[tuple[float, float]], blind: list[tuple[float, float]]) -> bool:
    """Print what the profile costs, by the runs that other work has disturbed least."""
    totals = [min(map(sum, runs)) for runs in (looked, blind)]
    parts = [min(run[side] for run in runs) for side in (0, 1) for runs in (looked, blind)]
    cost = totals[0] - totals[1]
    holds = cost <= max(LIMIT_SHARE * totals[1], LIMIT_SECONDS)
    print(
        f"{rows:>8,} rows, {mode:8}: {1000 * totals[1]:7.0f} ms without, {1000 * totals[0]:7.0f} ms with the profile: "
        f"{100 * cost / totals[1]:5.1f} %, {1000 * cost:6.1f} ms "
        f"(client {1000 * (parts[0] - parts[1]):.0f}, server {1000 * (parts[2] - parts[3]):.0f})"
        f"{'' if holds else '  above the limit'}",
        flush=True,
    )
    return holds


def main() -> None:
    """Measure what the command line asks for; exit 1 where the limit does not hold."""
    parser = argparse.ArgumentParser(description="Measure what the profile of a load costs.")
    parser.add_argument("--rows", type=int, nargs="*", default=[200, 5_000, 50_000, 500_000])
    parser.add_argument("--modes", nargs="*", default=["append", "upsert"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--history", type=int, default=12, help="earlier files, for the rules to compare with")
    options = parser.parse_args()
    with open_office() as office:
        held = [
            measure_loads(office, rows, mode, options.repeats, options.history)
            for rows in options.rows
            for mode in options.modes
        ]
    raise SystemExit(0 if all(held) else 1)


if __name__ == "__main__":
    main()

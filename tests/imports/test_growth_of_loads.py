"""Loading eight times as many rows takes about eight times the processor time, here and in PostgreSQL."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
ROWS, TIMES, MAX_TIMES = 2_000, 8, 12
# Other work on the machine only adds to a time, so the shortest of three counts.
ROUNDS = 3
TYPED = {"n": {"type": "integer"}, "day": {"type": "date"}}
# what is loaded -> a row (N: its number), and the configuration
LOADS: dict[str, tuple[str, dict[str, Any]]] = {
    "texts": ("N,2026-01-02,name N\n", {}),
    "typed values": ("N,2026-01-02,name N\n", {"schema": TYPED}),
    "values of many spellings": (" N ,2026-01-02 00:00,name N\n", {"schema": TYPED}),
    "rejected rows": ("xN,2026-01-02,name N\n", {"schema": TYPED}),
    "rows of another width": ("N,2026-01-02,name N\nN,2026-01-02\n", {}),
    "keys": ("N,2026-01-02,name N\n", {"load_mode": "upsert", "key_columns": ["n"]}),
}


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


@pytest.mark.parametrize("growing", LOADS)
def test_eight_times_as_many_rows_cost_no_more_than_twelve_times_the_time(
    here: Installation, connection: Any, growing: str
) -> None:
    row, config = LOADS[growing]
    here.configure("growing", **({"load_mode": "append", "max_rejects": 10**6, "max_reject_rate": 1} | config))
    small = large = math.inf
    for _ in range(ROUNDS):
        small = min(small, _measure_load_seconds(here, connection, row, ROWS))
        large = min(large, _measure_load_seconds(here, connection, row, ROWS * TIMES))
        if large < small * MAX_TIMES:
            return
    pytest.fail(f"{large:.2f} s, for an eighth of it {small:.2f} s")


def _measure_load_seconds(here: Installation, connection: Any, row: str, count: int) -> float:
    """Return the processor time of one load, of this process, its children and the server's process."""
    good = "0,2026-01-01,first\n"
    content = "n,day,name\n" + good + "".join(row.replace("N", str(number)) for number in range(1, count + 1))
    path = here.drop(f"growing_{time.monotonic_ns()}.csv", content)
    os.utime(path, (time.time() - 60,) * 2)
    imports = [configuration.load_import(connection, "growing")]
    begin = _measure_used_seconds(connection.info.backend_pid)
    summary = run_imports.run_imports(connection, imports, Directories(here.data).create(), RUN, run_imports.Options())
    seconds = _measure_used_seconds(connection.info.backend_pid) - begin
    assert summary.problems == []
    assert summary.counts.read > count
    return seconds


def _measure_used_seconds(server_process: int) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    fields = Path(f"/proc/{server_process}/stat").read_text().rpartition(")")[2].split()
    # proc(5): fields 14 and 15, the eleventh and twelfth after the name
    server_ticks = int(fields[11]) + int(fields[12])
    return time.process_time() + children.ru_utime + children.ru_stime + server_ticks / os.sysconf("SC_CLK_TCK")

"""What PostgreSQL has no room for is a rejected row or a refused file, in words, and not a run that always fails."""

from __future__ import annotations

import contextlib
import math
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.datasets import changes, differences
from systemscripts.db_utils import transaction
from systemscripts.directory_management import Directories
from systemscripts.ingest import run_imports
from systemscripts.summary import Summary
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def load(here: Installation, connection: Any, content: str, name: str = "things") -> Summary:
    path = here.drop(f"{name}_{time.monotonic_ns()}.csv", content)
    os.utime(path, (time.time() - 60,) * 2)
    config = configuration.load_import(connection, name)
    return run_imports.run_imports(connection, [config], Directories(here.data).create(), RUN, run_imports.Options())


def random_text(length: int) -> str:
    return "".join(random.Random(length).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


def wide(columns: int, value: str = "7", first: int = 0, rows: int = 50) -> str:
    names = [f"Column {number}" for number in range(first, first + columns)]
    lines = [",".join([f"{row}", *[value] * (columns - 1)]) for row in range(rows)]
    return "\n".join([",".join(names), *lines, ""])


@pytest.mark.parametrize("keys", [["id"], ["id", "note"]])
def test_a_key_that_no_index_takes_rejects_its_row(here: Installation, connection: Any, keys: list[str]) -> None:
    here.configure("things", load_mode="upsert", key_columns=keys)
    rows = [random_text(length) for length in (10, 2000, 2500, 2700, 3000, 10_000)]
    for value in ("first", "second"):  # the second time each row is an update
        note = "x" if len(keys) > 1 else value
        summary = load(here, connection, "id,note,value\n" + "".join(f"{row},{note},{value}\n" for row in rows))
        assert summary.problems == []
        assert (summary.counts.loaded, summary.counts.rejected) == (3, 3)
    records = here.sql("select distinct source_row, split_part(reason, ' (', 1) from dba.trejectedrow order by 1")
    sizes = [f"has a key of {length + len(keys) - 1:,} bytes" for length in (2700, 3000, 10_000)]
    assert records == list(zip((5, 6, 7), sizes, strict=True))
    assert here.sql("select count(*), min(value) from public.things") == [(3, "second")]


def test_a_label_that_no_index_takes_refuses_its_file(here: Installation, connection: Any) -> None:
    here.configure("things", metadata_label_source="file_content", metadata_label_location="client")
    summary = load(here, connection, f"client,a\n{random_text(5000)},1\n")
    assert "has 5,000 characters, the limit is 500" in summary.problems[0]
    assert here.list_waiting() == []


def test_rows_longer_than_a_table_takes_refuse_their_file_in_words(here: Installation, connection: Any) -> None:
    here.configure("things", load_mode="append")
    summary = load(here, connection, wide(1500, random_text(20), rows=12))
    assert "12 of 12 rows do not fit" in summary.problems[0]
    assert "is too large for a table of PostgreSQL" in summary.problems[0]
    assert here.list_waiting() == []


def test_more_columns_than_a_table_takes_are_refused_at_once(here: Installation, connection: Any) -> None:
    here.configure("things", load_mode="append")
    before = time.process_time()
    summary = load(here, connection, wide(2000))
    assert time.process_time() - before < 5
    assert "it has 2,000 columns, but a PostgreSQL table has at most 1,600, 2 of them ours" in summary.problems[0]
    assert here.sql("select to_regclass('public.things')::text, count(*) from dba.tschemachange") == [(None, 0)]
    here.configure("things", strict_mode=True, schema={"column_7": "integer"})
    assert load(here, connection, wide(2000, "8")).counts.loaded == 50


def test_columns_that_were_dropped_count_too(here: Installation, connection: Any) -> None:
    here.configure("things", load_mode="append")
    assert load(here, connection, wide(1500, rows=1)).problems == []
    drops = ", ".join(f"drop column column_{number}" for number in range(10, 1500))
    here.sql(f"drop view public.things_current; alter table public.things {drops}")
    here.sql("create view public.things_current as select * from public.things")
    assert load(here, connection, wide(90, first=2000, rows=1)).problems == []
    summary = load(here, connection, wide(20, first=3000, rows=1))
    assert (
        "20 new columns (column_3000, column_3001, column_3002 ...) do not fit into public.things"
        in (summary.problems[0])
    )
    assert "of at most 1,600 columns it has 102, and 1,490 dropped ones count too" in summary.problems[0]
    here.configure("things", importstrategyid=2)
    assert load(here, connection, wide(21, first=3000, rows=1)).problems == []


def test_work_grows_with_the_columns_and_not_with_their_square(here: Installation, connection: Any) -> None:
    """Load, load again and compare: 1,500 columns take at most 12 times the processor time of 190."""
    # the first time also imports what it needs
    load_twice_and_compare(here, connection, 190, 0)
    few = many = math.inf
    for number in (1, 2, 3):  # other work on the machine only ever adds to a time: of each size the least counts
        few = min(few, load_twice_and_compare(here, connection, 190, number))
        many = min(many, load_twice_and_compare(here, connection, 1500, number + 10))
        if many <= 12 * few:
            return
    pytest.fail(f"{many:.2f} s, with 190 columns {few:.2f} s")


def load_twice_and_compare(here: Installation, connection: Any, columns: int, number: int) -> float:
    """Return the processor time in seconds to load two files of so many columns into a target and to compare them."""
    here.configure("things", target_table=f"public.things_{number}", load_mode="snapshot", guards={"min_rows": 1})
    begin = time.process_time()
    summaries = [load(here, connection, wide(columns, str(value + number))) for value in (70, 80)]
    with transaction(connection) as cursor:
        ids = [summary.rows[0]["dataset"] for summary in summaries]
        datasets = changes.load_datasets(cursor, ids)
        comparison = differences.compare_datasets(cursor, datasets[ids[0]], datasets[ids[1]], ["column_0"])
    seconds = time.process_time() - begin
    assert [summary.problems for summary in summaries] == [[], []]
    assert sum(len(row.values) for row in comparison.changed) == 50 * (columns - 1)
    return seconds

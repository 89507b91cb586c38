"""A column may have any name, also one that our own SQL uses for something else."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from systemscripts import configuration
from systemscripts.datasets import changes, differences
from systemscripts.db_utils import transaction
from systemscripts.directory_management import Directories
from systemscripts.imports import change_types
from systemscripts.ingest import run_imports, undo
from systemscripts.summary import Summary
from tests.conftest import Installation

RUN = "00000000-0000-0000-0000-000000000000"
# aliases and words of our statements, of PostgreSQL and of DuckDB
NAMES = [
    "t", "i", "n", "r", "h", "k", "s", "d", "b", "p", "o", "g", "w", "x", "y", "c", "f", "id", "key", "new", "old",
    "row", "place", "value", "twin", "gone", "later", "target", "source", "incoming", "excluded", "spelling",
    "row_number", "alike", "nth", "content", "is_new", "old_row", "new_row", "is_good", "rowid", "c0", "c1", "v0",
    "v1", "line", "known", "cells", "day", "select", "from", "table", "user", "order", "default", "all", "column",
    "file_row_number", "filename", "dataset", "status", "key_columns",
]  # fmt: skip


@pytest.fixture
def connection(here: Installation) -> Iterator[Any]:
    with contextlib.closing(psycopg2.connect(here.url)) as opened:
        yield opened


def load(here: Installation, connection: Any, rows: list[list[str]], name: str = "things") -> Summary:
    content = "".join(",".join(row) + "\n" for row in [NAMES, *rows])
    path = here.drop(f"{name}_{uuid.uuid4().hex}.csv", content)
    os.utime(path, (time.time() - 60,) * 2)
    config = configuration.load_import(connection, name)
    return run_imports.run_imports(connection, [config], Directories(here.data).create(), RUN, run_imports.Options())


def values_of(here: Installation, table: str = "public.things_current", key: str = "t") -> list[list[Any]]:
    columns = ", ".join(f'w."{name}"' for name in NAMES)
    return [list(row) for row in here.sql(f'select {columns} from {table} w order by w."{key}"')]


ROWS = [[f"{number}-{name}" for name in NAMES] for number in range(3)]
CHANGED = [[*ROWS[1][:2], *("changed" for _ in NAMES[2:])], [f"9-{name}" for name in NAMES]]


@pytest.mark.parametrize("key", ["t", "i"])
def test_columns_named_like_our_own_words_are_upserted_compared_and_undone(
    here: Installation, connection: Any, key: str
) -> None:
    here.configure("things", load_mode="upsert", key_columns=[key])
    assert load(here, connection, ROWS).problems == []
    changed = [row.copy() for row in CHANGED]
    changed[0][NAMES.index(key)] = ROWS[1][NAMES.index(key)]
    summary = load(here, connection, changed)
    assert summary.problems == []
    after = sorted([ROWS[0], changed[0], ROWS[2], changed[1]], key=lambda row: row[NAMES.index(key)])
    assert values_of(here, key=key) == after
    dataset_id = summary.rows[0]["dataset"]
    with transaction(connection) as cursor:
        dataset = changes.load_datasets(cursor, [dataset_id])[dataset_id]
        comparison = changes.compare_pair(cursor, None, dataset, [key])
    assert [row.key for row in comparison.added] == [changed[1][NAMES.index(key)]]
    assert {value.column for value in comparison.changed[0].values} == set(NAMES) - {"t", "i", key}
    undo.undo_datasets(connection, RUN, dataset_id)
    assert values_of(here, key=key) == ROWS


@pytest.mark.parametrize("mode", ["snapshot", "new_rows"])
def test_columns_named_like_our_own_words_are_loaded_compared_and_retyped(
    here: Installation, connection: Any, mode: str
) -> None:
    here.configure("things", load_mode=mode)
    first, second = load(here, connection, ROWS), load(here, connection, [*ROWS, CHANGED[1]])
    assert first.problems + second.problems == []
    assert values_of(here) == [*ROWS, CHANGED[1]]
    if mode == "snapshot":
        with transaction(connection) as cursor:
            numbers = [summary.rows[0]["dataset"] for summary in (first, second)]
            actual = changes.load_datasets(cursor, numbers)
            comparison = differences.compare_datasets(cursor, actual[numbers[0]], actual[numbers[1]], ["t"])
        assert [row.key for row in comparison.added] == ["9-t"]
    here.sql("update public.things set s = source_row::text, \"new\" = '0' || source_row")
    here.configure("things", schema={"s": "integer", "new": "integer"})
    with transaction(connection) as cursor:
        config = configuration.load_import(connection, "things")
        change_types.run_changes(cursor, config, change_types.find_changes(cursor, config), RUN)
    assert here.sql('select distinct s, "new" from public.things order by 1')[:2] == [(2, 2), (3, 3)]


def test_columns_named_like_our_own_words_become_a_parquet_file(here: Installation, connection: Any) -> None:
    import duckdb

    target = {"parquet": "var/lake/things"}
    here.configure("things", load_mode="append", target=json.dumps(target), target_table="parquet:var/lake/things")
    for left_out in ("", "rowid", "is_good"):
        names = [name for name in NAMES if name != left_out]
        content = ",".join(names) + "\n" + ",".join(f"1-{name}" for name in names) + "\n"
        here.drop(f"things_{left_out}.csv", content)
        config = configuration.load_import(connection, "things")
        run = run_imports.run_imports(connection, [config], Directories(here.data).create(), RUN, run_imports.Options())
        assert run.problems == []
        (name,) = here.sql("select file_name from dba.tdataset order by dataset_id desc limit 1")[0]
        rows = duckdb.execute(
            "select * exclude (dataset_id, source_row) from read_parquet(?)",
            [str(here.data / "var/lake/things" / name)],
        ).fetchall()
        assert rows == [tuple(f"1-{name}" for name in names)]
